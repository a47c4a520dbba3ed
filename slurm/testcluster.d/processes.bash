# Which processes are ours, and how they end. Sourced by testcluster.

# A pid alone may be somebody else's by now; a pid with its start time is not.
start_time() { # PID: ticks since boot; false where it is gone or a zombie
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    set -- ${stat##*) }
    [[ $1 != Z ]] && printf '%s' "${20}"
}

pid_of() { # PART: the pid of its daemon, where that is alive
    local pid started
    { read -r pid started <"$dir/pids/$1"; } 2>/dev/null || return 1
    [[ -n $started && $(start_time "$pid") == "$started" ]] && printf '%s' "$pid"
}

count_alive() { local part n=0; for part in "${parts[@]}"; do pid_of "$part" >/dev/null && ((n += 1)); done; echo "$n"; }

launch() { # PART COMMAND...: in a session of its own, with a mark that its children inherit
    local part=$1 pid
    shift
    DLGRID_TESTCLUSTER=$dir DLGRID_TESTCLUSTER_PART=$part setsid "$@" \
        >>"$dir/log/$part.out" 2>&1 </dev/null {lock_fd}<&- &
    pid=$!
    printf '%s %s\n' "$pid" "$(start_time "$pid")" >"$dir/pids/$part"
    disown "$pid" 2>/dev/null
    return 0
}

# The pids of all processes of this cluster, or of one part of it. Daemons carry launch's mark. slurmstepd writes over
# its environment, but keeps its node's log open. Jobs have their submitter's environment: they stand below a
# slurmstepd, or, where that is dead, have the SLURM_CONF and SLURMD_NODENAME that Slurm gave them.
# This script, what called it (a job here, perhaps), and its own pipeline don't count; daemons have sessions of their own.
processes_of() { # [PART]
    local part=${1:-} file seeds='' stepd
    for file in $(grep -lszxF "DLGRID_TESTCLUSTER=$dir" /proc/[0-9]*/environ); do
        [[ -n $part ]] && ! grep -qszxF "DLGRID_TESTCLUSTER_PART=$part" "$file" || seeds+=" ${file//[!0-9]/}"
    done
    for file in $(grep -lszxF "SLURM_CONF=$dir/etc/slurm.conf" /proc/[0-9]*/environ); do
        ! grep -qszxE "SLURMD_NODENAME=${part:-.+}" "$file" || seeds+=" ${file//[!0-9]/}"
    done
    for stepd in $(grep -lsE '^slurm(stepd|scriptd)' /proc/[0-9]*/comm); do
        [[ -z $(find "${stepd%comm}fd" -lname "$dir/log/${part:-*}.log" 2>/dev/null) ]] || seeds+=" ${stepd//[!0-9]/}"
    done
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v seeds="$seeds" -v self="$$" '
        function up(pid) { return (pid in parent) ? parent[pid] : 0 }
        { pid = $1; sub(/^.*\) /, ""); if ($1 != "Z") { parent[pid] = $2; session[pid] = $4 } }
        END {
            n = split(seeds, seed, " ")
            for (i = 1; i <= n; i++) if (seed[i] in parent) ours[seed[i]]
            do {
                grew = 0
                for (p in parent) if (!(p in ours) && (parent[p] in ours)) { ours[p]; grew = 1 }
            } while (grew)
            for (p in parent) if (session[p] == session[self] && (parent[p] == self || up(parent[p]) == self)) delete ours[p]
            for (p = self; p in parent; p = parent[p]) delete ours[p]
            for (p in ours) print p
        }'
}

# All stop before the first one ends: a slurmstepd must not live to report its task's end, nor fork meanwhile.
kill_processes_of() { # [PART]: false where some are left
    local pids round
    for round in 1 2 3 4 5 6 7 8; do
        pids=$(processes_of "${1:-}")
        [[ -n $pids ]] || return 0
        kill -STOP $pids 2>/dev/null
        kill -KILL $pids 2>/dev/null
        sleep "0.0$round"
    done
    return 1
}

kill_part() { # PART
    kill_processes_of "$1" || say "some processes of \`$1\` outlive SIGKILL"
    rm -f "$dir/pids/$1"
}

stop_part() { # PART: SIGTERM, and SIGKILL where 10 s were not enough
    local pid started tries=0
    if pid=$(pid_of "$1"); then
        started=$(start_time "$pid")
        kill -TERM "$pid" 2>/dev/null
        while [[ $(start_time "$pid") == "$started" ]]; do
            ((tries++ < 200)) || { say "\`$1\` did not end within 10 s; SIGKILL"; kill -KILL "$pid" 2>/dev/null; break; }
            sleep 0.05
        done
    fi
    rm -f "$dir/pids/$1"
}

# MariaDB and slurmctld have nothing to keep: the state is wiped after this, so no gentle end is needed.
end_all() { kill_processes_of; }
