#!/bin/bash
# The first process of a machine with an NFS server and two clients, each in namespaces of its own; then the soak.
. "${0%/*}/guest.bash"
exec >/dev/tty0 2>&1
R=$UML_ROOT

# The files that an NFS server wants to write, in memory.
mkdir -p /run/etc/exports.d /run/rpcbind /run/netns
cp -a /etc/{passwd,group,nsswitch.conf,hosts,ld.so.cache,ld.so.conf,ld.so.conf.d,alternatives} "$R"/etc/netconfig /run/etc/
printf 'ip 0 IP\ntcp 6 TCP\nudp 17 UDP\n' >/run/etc/protocols
printf 'portmapper 100000 portmap sunrpc rpcbind\nnfs 100003 nfsprog\nmountd 100005 mount showmount\n' >/run/etc/rpc
printf 'sunrpc 111/tcp\nsunrpc 111/udp\nnfs 2049/tcp\nnfs 2049/udp\n' >/run/etc/services
echo "_rpc:x:112:65534::/run/rpcbind:/usr/sbin/nologin" >>/run/etc/passwd
chmod 777 /run/rpcbind
echo '/run/disk/x *(rw,sync,no_root_squash,no_subtree_check,insecure,fsid=0)' >/run/etc/exports
ln -s /proc/mounts /run/etc/mtab
mount --bind /run/etc /etc
mount -t tmpfs tmpfs /var/lib
mkdir -p /var/lib/nfs/{rpc_pipefs,sm,sm.bak,v4recovery,nfsdcld}
touch /var/lib/nfs/{etab,rmtab,state}

modules ext4 sunrpc nfsd nfs nfsv3 nfsv4 veth sch_netem lockd
ip link set lo up
mount -t rpc_pipefs none /var/lib/nfs/rpc_pipefs
mount -t nfsd nfsd /proc/fs/nfsd
mount /dev/ubda /run/disk && mkdir -p /run/disk/x && chmod 777 /run/disk/x
echo 10 >/proc/fs/nfsd/nfsv4leasetime
echo 10 >/proc/fs/nfsd/nfsv4gracetime
own "$R"/sbin/rpcbind -f &
for _ in {1..50}; do own "$R"/usr/sbin/rpcinfo -p 127.0.0.1 >/dev/null 2>&1 && break; sleep 0.2; done
own "$R"/usr/sbin/exportfs -r
own "$R"/usr/sbin/rpc.mountd -p 20048
own "$R"/usr/sbin/rpc.nfsd 4

# on N COMMAND...: as client N, which has a network, a name and mounts of its own.
holder=()
on() { nsenter -t "${holder[$1]}" -m -u -n "${@:2}"; }
for n in 1 2; do
    ip netns add c$n
    ip link add v$n type veth peer name e0 netns c$n
    ip addr add 10.9.$n.1/24 dev v$n
    ip link set v$n up
    ip netns exec c$n unshare -m -u sleep infinity &
    holder[n]=$!
    until [[ $(readlink /proc/$!/ns/uts) != "$(readlink /proc/self/ns/uts)" && $(readlink /proc/$!/exe) == */sleep ]]; do sleep 0.1; done
    on $n hostname client$n
    on $n ip addr add 10.9.$n.2/24 dev e0
    on $n ip link set e0 up
    on $n ip link set lo up
    mkdir -p /run/shared
    if [[ $PROTOCOL == 3 ]]; then
        own on $n "$R"/sbin/mount.nfs 10.9.$n.1:/run/disk/x /run/shared -v -o vers=3,nolock,proto=tcp,port=2049,mountproto=tcp,mountport=20048
    else
        own on $n "$R"/sbin/mount.nfs4 10.9.$n.1:/ /run/shared -o vers="$PROTOCOL"
    fi
    on $n grep ' /run/shared ' /proc/mounts || { echo "client $n has no NFS"; off; }
    tc qdisc add dev v$n root netem delay 10ms loss 1%
    on $n tc qdisc add dev e0 root netem delay 10ms loss 1%
done
echo "up after $(cut -d' ' -f1 /proc/uptime) s"
. "${0%/*}/soak.bash"
off
