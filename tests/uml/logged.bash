#!/bin/bash
# The first process of a machine that trains one sweep on a disk whose every write, in its order, goes to a second disk.
. "${0%/*}/guest.bash"
exec >/dev/tty0 2>&1
modules ext4 dm-mod dm-log-writes
dmsetup() { own "$UML_ROOT/sbin/dmsetup" --noudevsync "$@"; }
dmsetup create power --table "0 $(cat /sys/block/ubda/size) log-writes /dev/ubda /dev/ubdb" || off
mount /dev/dm-0 /run/disk && cd /run/disk || off
cat >power.yaml <<YAML
name: power
command: [$HERE/program]
parameters: {x: {int: [1, $RUNS]}}
objective: {minimize: loss}
YAML
# The program of the runs finds dmsetup on its path.
mkdir /run/bin
printf '#!/bin/sh\nLD_LIBRARY_PATH=%s exec %s --noudevsync "$@"\n' "$LIBRARIES" "$UML_ROOT/sbin/dmsetup" >/run/bin/dmsetup
chmod +x /run/bin/dmsetup
PATH=/run/bin:$PATH LEDGER=/dev/null DM_LOG=power BOOT=0 STEPS=2 PAUSE=0.02 "$DLGRID" submit --local --slots 2 power.yaml 2>/run/said
code=$?
cd /
umount /run/disk
dmsetup remove power
echo "logged: submit exits with $code"
off
