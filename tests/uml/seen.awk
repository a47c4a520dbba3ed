# How long it took from the sync of an end on one client until a command on the other one showed it: of a LEDGER, the
# median and the longest, of ends away from faults and of all. What a command itself takes is part of it.
$1 == "began" {
    if ($3 in run && !(run[$3] in synced)) { synced[run[$3]] = $5; by[run[$3]] = $7 }
    run[$3] = $2
}
$1 == "fault" { fault = $2 }
$1 == "over" { over = $2 }
$1 == "saw" { if (!(($2, $4) in saw)) saw[$2, $4] = $3 }
END {
    for (key in saw) {
        split(key, part, SUBSEP)
        if (!(part[2] in synced) || by[part[2]] == "client" part[1]) continue
        took = saw[key] - synced[part[2]]
        if (took < 0) took = 0 # seen before its worker went on
        n++
        if (took > most) most = took
        if (fault && saw[key] >= fault && synced[part[2]] <= over + 90) continue
        calm[++m] = took
        if (took > calm_most) calm_most = took
    }
    printf "seen by the other client: %d ends, the last after %.1f s; away from faults %d, after %.1f s\n", n, most, m, calm_most
}
