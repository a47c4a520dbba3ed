# The configuration files of a cluster. Sourced by testcluster.

name_parts() { # what follows from the options: nodes, node_prefix, parts
    node_prefix=n
    # A node's cgroup is /slurm_<node>, whatever cluster it belongs to.
    [[ ${option[memory-limit]} == poll ]] || node_prefix=p${option[port]}n
    local i
    nodes=()
    for ((i = 1; i <= option[nodes]; i++)); do nodes+=("$node_prefix$i"); done
    parts=(munged)
    [[ ${option[accounting]} == off ]] || parts+=(database slurmdbd)
    parts+=(slurmctld "${nodes[@]}")
    munge_socket=$dir/run/munge
    database_socket=$dir/run/database
    export SLURM_CONF=$dir/etc/slurm.conf
}

port_is_taken() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Ports of a cluster, from its first one: slurmctld, slurmdbd, then one a node from the tenth.
ports_are_free() { # FIRST
    local i
    for i in 0 1 $(seq 11 $((10 + option[nodes]))); do ! port_is_taken $(($1 + i)) || return 1; done
}

choose_port() {
    local first=${option[port]}
    if ((first)); then
        ports_are_free "$first" || fail "a port of \`$first\` and above is in use" "leave --port away"
        return
    fi
    for ((first = 17000; first < 30000; first += 100)); do
        ports_are_free "$first" && option[port]=$first && return
    done
    fail "no hundred ports from 17000 to 30000 are free" "name the first of free ones with --port"
}

slurm_version() { # 2205, 2411, ...
    slurmctld -V | sed -nE 's/^[^0-9]*([0-9]+)\.([0-9]+)\..*/\1\2/p'
}

# A key that stands twice in slurm.conf makes each command of Slurm complain: a line of --conf takes the place of ours.
with_own_lines() { # stdin: slurm.conf
    awk -v own="${option[conf]}" '
        BEGIN {
            n = split(own, line, ";;")
            for (i = 1; i <= n; i++) { key = tolower(line[i]); sub(/=.*/, "", key); if (key !~ /^(nodename|partitionname)$/) dropped[key] }
        }
        { key = tolower($0); sub(/=.*/, "", key); if (!(key in dropped)) print }
        END { for (i = 1; i <= n; i++) print line[i] }'
}

write_config() {
    version=$(slurm_version)
    mkdir -p "$dir"/{etc,state,run,dev} "${nodes[@]/#/$dir/spool/}" "${nodes[@]/#/$dir/tmp/}" || return 1
    chmod 1777 "$dir"/tmp/*
    slurm_conf | with_own_lines >"$dir/etc/slurm.conf"
    [[ ${option[gpus]} == 0 ]] || write_gres_conf
    # From 22.05 on, slurmd looks for cgroups even where no plugin uses them, and containers often have none. Version 1
    # is not looked at until a plugin asks for it; from 24.05 on there is a word for "none".
    if [[ ${option[memory-limit]} == cgroup ]]; then
        printf 'CgroupPlugin=cgroup/v1\nConstrainRAMSpace=yes\n' >"$dir/etc/cgroup.conf"
    elif ((version >= 2205)); then
        printf 'CgroupPlugin=%s\n' "$( ((version >= 2405)) && echo disabled || echo cgroup/v1)" >"$dir/etc/cgroup.conf"
    fi
    [[ ${option[accounting]} == off ]] || (umask 077; slurmdbd_conf >"$dir/etc/slurmdbd.conf")
}

# A GPU must be a device file that nobody needs: a link to /dev/null whose last digits become CUDA_VISIBLE_DEVICES.
write_gres_conf() {
    local i last=$((option[gpus] - 1))
    for ((i = 0; i <= last; i++)); do ln -sfn /dev/null "$dir/dev/gpu$i"; done
    printf 'AutoDetect=off\nName=gpu Type=fake File=%s/dev/gpu%s\n' "$dir" "$( ((last)) && echo "[0-$last]" || echo 0)" >"$dir/etc/gres.conf"
}

slurm_conf() {
    local host i gres='' task=task/none
    host=$(uname -n)
    host=${host%%.*}
    [[ ${option[memory-limit]} == poll ]] || task=task/cgroup
    cat <<CONF
# Written by testcluster up, anew at each start.
ClusterName=test${option[port]}
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=${option[port]}
SlurmUser=$(id -un)
SlurmdUser=$(id -un)
StateSaveLocation=$dir/state
SlurmdSpoolDir=$dir/spool/%n
SlurmctldPidFile=$dir/run/slurmctld.pid
SlurmdPidFile=$dir/run/%n.pid
SlurmctldLogFile=$dir/log/slurmctld.log
SlurmdLogFile=$dir/log/%n.log
MailProg=/bin/true
# A munged of this cluster alone. cred_expire is also how long a requeued job waits.
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket=$munge_socket,cred_expire=${option[requeue-delay]}
# mpi/pmix makes a folder here; nodes of one host must not share it.
TmpFS=$dir/tmp/%n
MpiDefault=none
# The nodes are as large as this file says; nothing is bound to real cores.
SlurmdParameters=config_overrides
ReturnToService=2
ProctrackType=proctrack/linuxproc
TaskPlugin=$task
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=500
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=task=1
# Tests don't want to wait. A real site: KillWait 30, SlurmdTimeout 300, MinJobAge 300.
KillWait=3
MinJobAge=60
SlurmdTimeout=10
SlurmctldTimeout=10
MessageTimeout=10
TCPTimeout=2
BatchStartTimeout=60
UnkillableStepTimeout=30
EpilogMsgTime=0
CompleteWait=0
InactiveLimit=0
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,sched_min_interval=0,batch_sched_delay=0,bf_interval=1
PriorityType=priority/basic
MaxArraySize=${option[max-array]}
MaxJobCount=${option[max-jobs]}
JobRequeue=1
JobFileAppend=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
CONF
    [[ ${option[memory-limit]} == cgroup ]] || echo JobAcctGatherParams=OverMemoryKill
    # Loopback alone, where slurmd will look for slurmctld there.
    [[ $(getent ahostsv4 "$host") != 127.* ]] || echo CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
    if [[ ${option[accounting]} == on ]]; then
        cat <<CONF
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=localhost
AccountingStoragePort=$((option[port] + 1))
AccountingStoragePass=$munge_socket
CONF
        [[ ${option[gpus]} == 0 ]] || echo AccountingStorageTRES=gres/gpu
        [[ -z ${option[enforce]} ]] || echo "AccountingStorageEnforce=${option[enforce]}"
    fi
    [[ ${option[gpus]} == 0 ]] || { echo GresTypes=gpu; gres=" Gres=gpu:fake:${option[gpus]}"; }
    for ((i = 0; i < ${#nodes[@]}; i++)); do
        echo "NodeName=${nodes[i]} NodeHostname=$host NodeAddr=127.0.0.1 Port=$((option[port] + 11 + i))" \
            "CPUs=${option[cpus]} RealMemory=${option[memory]}$gres State=UNKNOWN"
    done
    local all
    all=$(IFS=,; echo "${nodes[*]}")
    cat <<CONF
PartitionName=main Nodes=$all Default=YES PriorityTier=1 PreemptMode=REQUEUE DefaultTime=60 MaxTime=7-0 State=UP
PartitionName=urgent Nodes=$all PriorityTier=10 PreemptMode=OFF DefaultTime=60 MaxTime=7-0 State=UP
CONF
}

slurmdbd_conf() {
    cat <<CONF
DbdHost=localhost
DbdPort=$((option[port] + 1))
SlurmUser=$(id -un)
AuthType=auth/munge
AuthInfo=socket=$munge_socket
LogFile=$dir/log/slurmdbd.log
PidFile=$dir/run/slurmdbd.pid
MessageTimeout=10
StorageType=accounting_storage/mysql
StorageHost=localhost
StorageUser=root
StorageLoc=slurm_acct_db
CONF
}
