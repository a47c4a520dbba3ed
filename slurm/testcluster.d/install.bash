# What must be installed, by apt-get. Sourced by testcluster.

missing_programs() {
    local need=(slurmctld slurmd sbatch munged) program
    [[ ${option[accounting]} == off ]] || need+=(slurmdbd mariadbd)
    for program in "${need[@]}"; do command -v "$program" >/dev/null || echo "$program"; done
}

package_of() { # PROGRAM
    case $1 in
    slurmctld | slurmd | slurmdbd) echo "$1" ;;
    sbatch) echo slurm-client ;;
    munged) echo munge ;;
    mariadbd) # the bare server: no service, no system user, no files in /var/lib/mysql. Debian 11 has its version in the name.
        apt-cache --names-only search '^mariadb-server-core' | awk '{ print $1 }' | sort | head -n 1 ;;
    esac
}

install_missing() {
    local missing program packages=() began=$SECONDS policy=/usr/sbin/policy-rc.d made=no code
    missing=$(missing_programs)
    [[ -n $missing ]] || return 0
    missing=$(echo $missing)
    [[ $install == yes ]] || fail "not installed: \`$missing\`" "leave --no-install away, or ask whoever is root here" 4
    [[ $(id -u) == 0 ]] || fail "not installed: \`$missing\`; to install them takes root" "sudo slurm/testcluster up" 4
    command -v apt-get >/dev/null || fail "not installed: \`$missing\`, and this host has no apt-get" "install Slurm and munge by your system's own means" 4
    say "installing $missing by apt-get; with a good network that takes half a minute"
    # The packages would start services of their own; exit code 101 says no.
    if [[ ! -e $policy ]]; then
        made=yes
        trap 'rm -f /usr/sbin/policy-rc.d' EXIT
        printf '#!/bin/sh\nexit 101\n' >$policy
        chmod 755 $policy
    fi
    apt_get update && for program in $missing; do packages+=("$(package_of "$program")"); done &&
        apt_get install --yes --no-install-recommends "${packages[@]}"
    code=$?
    if [[ $made == yes ]]; then
        rm -f $policy
        trap - EXIT
    fi
    if ((code)); then
        tail -n 20 "$dir/log/apt.log" >&2
        fail "apt-get could not install \`${packages[*]:-its lists of packages}\`" "read \`$dir/log/apt.log\`; check the network" 4
    fi
    missing=$(missing_programs)
    [[ -z $missing ]] || fail "still not installed: \`$(echo $missing)\`" "read \`$dir/log/apt.log\`" 4
    say "installed ${packages[*]} in $((SECONDS - began)) s"
}

apt_get() {
    DEBIAN_FRONTEND=noninteractive apt-get --quiet -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 "$@" \
        >>"$dir/log/apt.log" 2>&1 </dev/null
}
