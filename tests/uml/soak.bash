# Sourced by nfs.bash: rounds of a sweep on both clients under faults of the network and the server, for SECONDS.
# Each round: client 1 submits and works, two workers of client 2 take the same slices from the other end, as array tasks
# would, both clients look at the sweep all the time; one client is cut off for 30 s, and the server restarts; client 1's
# submit is killed in every other round, and client 2 goes on. When the faults are over, the sweep must be complete.
shared=/run/shared
export LEDGER=/run/ledger BOOT=0 STEPS=1 PAUSE=0.2 DLGRID_LOCAL=1 DLGRID_ROOT=runs
now() { cut -d' ' -f1 /proc/uptime; }
say() { echo "$(now) $*"; }
dlgrid() { local n=$1; shift; on "$n" sh -c 'cd "$0" && exec "$@"' $shared "$DLGRID" "$@"; }

# Looks at the sweep from a client until $stop is there, each time by another command, and notes which ends it sees first.
watch_from() {
    local n=$1 look=0 code asked seen=/run/seen.$1
    : >$seen
    until [[ -e $stop ]]; do
        look=$((look + 1))
        read -r asked _ </proc/uptime
        dlgrid "$n" export "$name" --format csv --out /run/looked.$n --force >/run/said.$n 2>&1 ||
            say "client $n: export during the work exits with $?: $(cat /run/said.$n)"
        echo "looked $n $asked" >>"$LEDGER"
        awk -F, '$7 == "done" { print $2 }' /run/looked.$n/runs.csv | sort >$seen.new
        comm -13 $seen $seen.new | sed "s/^/saw $n /" >>"$LEDGER"
        mv $seen.new $seen
        case $((look % 6)) in
        2) dlgrid "$n" status "$name" >/run/said.$n 2>&1 ;;
        4) dlgrid "$n" report "$name" >/run/said.$n 2>&1 ;;
        0) dlgrid "$n" fsck "$name" >/run/said.$n 2>&1 ;;
        esac
        code=$?
        ((code == 0 || code == 3)) || say "client $n: look $look exits with $code: $(cat /run/said.$n)"
        sleep 1
    done
}

# One command that lives as long as the work of client 1, seen from client 2; it ends by itself.
watch_live() {
    timeout 600 nsenter -t "${holder[2]}" -m -u -n sh -c "cd $shared && exec $DLGRID watch $name --lines" >/run/live 2>&1
    local code=$?
    # Where client 1's submit was killed nobody is at work for a while, and the sweep seems over.
    ((round % 2)) || grep -q "$RUNS of $RUNS runs ended: $RUNS done" /run/live || bad "watch exits with $code: $(tail -n 2 /run/live)"
}

fault() { # cut | restart
    local n=$((RANDOM % 2 + 1))
    sleep $((RANDOM % 10 + 5))
    echo "fault $(now)" >>"$LEDGER"
    if [[ $1 == cut ]]; then
        say "fault: client $n is cut off for 30 s"
        ip link set v$n down
        sleep 30
        ip link set v$n up
    else
        say "fault: the server restarts"
        own "$R"/usr/sbin/rpc.nfsd 0
        sleep $((RANDOM % 10 + 2))
        own "$R"/usr/sbin/rpc.nfsd 4
    fi
    echo "over $(now)" >>"$LEDGER"
    faults=$((faults + 1))
}

check() { # the round's sweep, seen by each client and on the server's disk
    local n sums
    for n in 1 2; do
        dlgrid "$n" fsck "$name" >/run/said 2>&1 || bad "client $n: fsck exits with $?: $(cat /run/said)"
        rm -rf $shared/exp$n /run/disk/x/exp$n
        dlgrid "$n" export "$name" --format csv --out exp$n >/run/said 2>&1 || bad "client $n: export: $(cat /run/said)"
        sums[n]=$(on "$n" sh -c "cat $shared/runs/$name-*/seg/*/*.jsonl" | md5sum)
        verdict=$(cat /run/disk/x/runs/$name-*/seg/*/*.jsonl | awk -f "${0%/*}/ends.awk" file=1 "$LEDGER" file=2 - file=3 /run/disk/x/exp$n/runs.csv) ||
            bad "client $n: $verdict"
    done
    [[ ${sums[1]} == "${sums[2]}" && ${sums[1]} == "$(cat /run/disk/x/runs/$name-*/seg/*/*.jsonl | md5sum)" ]] ||
        bad "the clients read different bytes"
    say "$name: $verdict"
}
bad() { say "BAD: $*"; echo >>/run/bads; }

round=0 faults=0
: >/run/bads
begun=$(now)
until (($(cut -d. -f1 /proc/uptime) > ${begun%.*} + SECONDS_LONG)); do
    round=$((round + 1)) name=soak$round stop=/run/stop
    rm -f $stop "$LEDGER"
    on 1 sh -c "cat >$shared/$name.yaml" <<YAML
name: $name
command: [$HERE/program]
parameters: {x: {int: [1, $RUNS]}}
objective: {minimize: loss}
YAML
    setsid nsenter -t "${holder[1]}" -m -u -n sh -c "cd $shared && exec $DLGRID submit --slots 2 $name.yaml" >/run/submit.log 2>&1 &
    submit=$!
    until dlgrid 2 status "$name" >/dev/null 2>&1; do sleep 1; kill -0 $submit || break; done
    slices=$(on 2 sh -c "grep -c '\"start\"' $shared/runs/$name-*/SWEEP.json")
    jobs=()
    for n in 1 2; do watch_from $n & jobs+=($!); done
    for first in $((slices - 1)) $((slices / 2)); do
        { seq $first -1 0; echo end; } | dlgrid 2 task --sweep "$(cd /run/disk/x && echo runs/$name-*)" --slices - >/run/task.$first.log 2>&1 &
        jobs+=($!)
    done
    watch_live & live=$!
    if ((RANDOM % 2)); then first=cut second=restart; else first=restart second=cut; fi
    fault $first
    if ((round % 2)); then
        say "client 1's submit is killed"
        kill -KILL -- -$submit 2>/dev/null
        pkill -KILL -f "dlgrid task --sweep.*--slices - --device" # its workers, in groups of their own
    fi
    fault $second
    wait "${jobs[@]:2}" $submit
    dlgrid 2 submit --take-over "$name.yaml" >/run/submit.log 2>&1 || bad "submit exits with $?: $(tail -n 5 /run/submit.log)"
    read -r all _ </proc/uptime
    until (($(wc -l </run/seen.1) == RUNS && $(wc -l </run/seen.2) == RUNS)) || (($(cut -d. -f1 /proc/uptime) > ${all%.*} + 120)); do sleep 1; done
    touch $stop
    wait "${jobs[@]:0:2}"
    wait $live || true
    check
    cp "$LEDGER" "/run/out/ledger.$round"
    sync
    awk -f "${0%/*}/seen.awk" "$LEDGER"
    ((round % 4)) || rm -rf /run/disk/x/runs
done
say "rounds $round, faults $faults, violations $(wc -l </run/bads), seconds $(($(cut -d. -f1 /proc/uptime) - ${begun%.*}))"
