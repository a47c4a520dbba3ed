# Starting the daemons in order, each awaited. Sourced by testcluster.

patience=60 # seconds for each step

wait_for() { # WHAT PART COMMAND...: until COMMAND succeeds; false when PART has died or patience is out
    local what=$1 part=$2 end=$((SECONDS + patience)) said=$dir/log/wait.out
    shift 2
    until "$@" >"$said" 2>&1; do
        if ! pid_of "$part" >/dev/null; then
            say "\`$part\` ended while $what was awaited; it said:"
        elif grep -qE 'Parsing error|Unable to process configuration' "$said"; then
            say "a line of \`$dir/etc/slurm.conf\` is wrong:"
        elif ((SECONDS >= end)); then
            say "$what did not come within $patience s:"
        else
            sleep 0.1
            continue
        fi
        tail -q -n 15 "$dir/log/$part.out" "$dir/log/$part.log" "$said" >&2 2>/dev/null
        return 1
    done
}

start_part() { # PART, and wait until it serves; nodes are awaited together
    ! pid_of "$1" >/dev/null || return 0
    case $1 in
    munged) start_munged ;;
    database) start_database ;;
    slurmdbd)
        # localhost means the socket; this variable says which one.
        MYSQL_UNIX_PORT=$database_socket SLURM_CONF=$dir/etc/slurmdbd.conf launch slurmdbd slurmdbd -D
        wait_for 'an answer of slurmdbd' slurmdbd sacctmgr -n show cluster
        ;;
    slurmctld)
        launch slurmctld slurmctld -D -f "$SLURM_CONF"
        wait_for 'an answer of slurmctld' slurmctld scontrol ping
        ;;
    *) launch "$1" slurmd -D -f "$SLURM_CONF" -N "$1" ;;
    esac
}

start_munged() {
    rm -f "$munge_socket" "$munge_socket.lock"
    [[ -s $dir/run/munge.key ]] || (umask 077; head -c 1024 /dev/urandom >"$dir/run/munge.key")
    # --force: that others may write above DIR (in /tmp) is a warning, no error.
    launch munged munged --foreground --force --key-file="$dir/run/munge.key" --socket="$munge_socket" \
        --pid-file="$dir/run/munged.pid" --seed-file="$dir/run/munge.seed" --log-file="$dir/log/munged.log"
    wait_for 'a credential of munged' munged bash -c "munge -n -S '$munge_socket' | unmunge -S '$munge_socket'"
}

# Nothing in the database outlives the cluster: it is small, and syncs nothing.
mariadb_options=(--no-defaults --skip-networking --skip-log-bin --innodb-buffer-pool-size=64M --innodb-log-file-size=8M
    --innodb-flush-log-at-trx-commit=0 --innodb-doublewrite=0 --innodb-lock-wait-timeout=900 --max-allowed-packet=16M
    --performance-schema=0)

# The tables of its own that MariaDB needs, from the files that came with it: mariadb-install-db is in a larger package.
make_database() {
    local share=/usr/share/mysql kind
    [[ ! -e $dir/db/made ]] || return 0
    compgen -G "$share/*_system_tables.sql" >/dev/null || share=/usr/share/mariadb
    rm -rf "$dir/db"
    mkdir -p "$dir/db"
    {
        printf 'create database if not exists mysql;\nuse mysql;\n' # --bootstrap wants a statement a line
        for kind in system_tables performance_tables system_tables_data; do
            cat "$share/mariadb_$kind.sql" 2>/dev/null || cat "$share/mysql_$kind.sql"
        done
    } | DLGRID_TESTCLUSTER=$dir DLGRID_TESTCLUSTER_PART=database mariadbd "${mariadb_options[@]}" --bootstrap \
        --user="$(id -un)" --datadir="$dir/db" --lc-messages-dir="$share" >"$dir/log/make-database.out" 2>&1 ||
        { tail -n 15 "$dir/log/make-database.out" >&2; return 1; }
    : >"$dir/db/made"
}

database_is_ready() { [[ -S $database_socket ]] && grep -q 'ready for connections' "$dir/log/database.out"; }

start_database() {
    make_database || return 1
    rm -f "$database_socket"
    : >"$dir/log/database.out"
    launch database mariadbd "${mariadb_options[@]}" --user="$(id -un)" --datadir="$dir/db" \
        --socket="$database_socket" --pid-file="$dir/run/database.pid"
    wait_for 'MariaDB' database database_is_ready
}

nodes_are_idle() {
    local states
    states=$(sinfo -h -N -p main -o '%T') || return 1
    printf '%s\n' "$states"
    [[ $(grep -cxE 'idle|mixed|allocated' <<<"$states") == "${#nodes[@]}" ]]
}

slurmctld_is_registered() { sacctmgr -nP show cluster format=controlport | grep -qx "${option[port]}"; }

start_everything() {
    local node
    start_part munged || return 1
    if [[ ${option[accounting]} == on ]]; then
        start_part database && start_part slurmdbd || return 1
        sacctmgr -i add cluster "test${option[port]}" >"$dir/log/sacctmgr.out" 2>&1
    fi
    start_part slurmctld || return 1
    for node in "${nodes[@]}"; do start_part "$node"; done
    wait_for 'all nodes idle' slurmctld nodes_are_idle || { sinfo -N -l >&2; return 1; }
    [[ ${option[accounting]} == off ]] ||
        wait_for 'the registration of slurmctld with slurmdbd' slurmdbd slurmctld_is_registered
}
