#!/bin/bash
# The first process of a machine whose power fails: it mends and checks the disk, holds the sweep against what was
# acknowledged before, and goes on with it, sweep after sweep. tests/uml/power reads its console, and pulls the plug.
. "${0%/*}/guest.bash"
exec >/dev/tty0 2>&1
export LEDGER=/dev/tty0 BOOT STEPS=2 PAUSE=0.02 DLGRID_LOCAL=1
bad() {
    echo "bad: $*"
    off
}
# The console of all machines before this one, since the last sweep was complete.
ledger() { tac /run/out/console | tr -d '\r' | sed '/^complete /Q' | tac; }
check() { # what must be there; further values for ends.awk
    "$DLGRID" fsck "$name" >/run/said 2>&1 || bad "fsck exits with $?: $(cat /run/said)"
    "$DLGRID" export "$name" --format csv --out /run/exported --force >/run/said 2>&1 ||
        bad "export exits with $?: $(cat /run/said)"
    verdict=$(cat runs/$name-*/seg/*/*.jsonl 2>/dev/null | awk -v alone=1 "$@" -f "${0%/*}/ends.awk" file=1 <(ledger) file=2 - file=3 /run/exported/runs.csv) ||
        bad "$verdict"
}

modules ext4
e2fsck -p /dev/ubda >/run/said
(($? <= 1)) || bad "e2fsck: $(cat /run/said)"
mount /dev/ubda /run/disk
cd /run/disk || off
sweep=$(grep -c '^complete ' /run/out/console)
while :; do
    name=power$sweep
    verdict='none acknowledged yet'
    folder=$(echo runs/$name-*)
    if [[ -e $folder/SWEEP.json ]]; then
        check
    elif ledger | grep -q '^began '; then
        bad "a sweep that had begun is gone"
    elif [[ -e $folder ]]; then
        "$DLGRID" fsck "$folder" >/run/said 2>&1 || bad "fsck of a sweep in the making exits with $?: $(cat /run/said)"
    fi
    echo "checked $name at boot $BOOT: $verdict"
    cat >$name.yaml <<YAML
name: $name
command: [$HERE/program]
parameters: {x: {int: [$((sweep * RUNS + 1)), $((sweep * RUNS + RUNS))]}}
objective: {minimize: loss}
YAML
    LD_PRELOAD=${PRELOAD:-} "$DLGRID" submit --slots 2 $name.yaml >/run/said 2>&1 || bad "submit exits with $?: $(cat /run/said)"
    check -v runs="$RUNS"
    echo "complete $name: $verdict"
    [[ $BOOT == last ]] && off
    rm -rf runs
    sync
    sweep=$((sweep + 1))
done
