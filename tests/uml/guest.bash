# Sourced by the first process of a machine that tests/uml/boot booted: what any of them needs.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/run TMPDIR=/run/tmp LANG=C
mount -t proc proc /proc
mount -t sysfs sys /sys
mountpoint -q /dev || mount -t devtmpfs dev /dev
mount -t tmpfs tmpfs /run
ln -sfn /proc/self/fd /dev/fd
mkdir /run/disk /run/out /run/tmp
mount -t hostfs none /run/out -o "$OUT"
# modules NAME...: loads these of the kernel's modules.
modules() {
    mkdir -p /run/modules/lib/modules
    ln -s "$UML_ROOT/usr/lib/uml/modules/$(uname -r)" "/run/modules/lib/modules/$(uname -r)"
    ln -s "$UML_ROOT/bin/kmod" /run/modprobe
    echo /run/modprobe >/proc/sys/kernel/modprobe
    for module in "$@"; do /run/modprobe -d /run/modules "$module" || echo "no module $module"; done
}
# own COMMAND...: a program of the unpacked packages.
LIBRARIES=$UML_ROOT/usr/lib/x86_64-linux-gnu:$UML_ROOT/lib/x86_64-linux-gnu
own() { LD_LIBRARY_PATH=$LIBRARIES "$@"; }
off() { "$UML_ROOT/bin/busybox" poweroff -f; }
