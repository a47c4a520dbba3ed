# Of a LEDGER: how long an end that one client had synced stayed unseen by the other one: the longest time between its
# sync and the begin of a command on the other client that did not show it yet, away from faults and at all.
$1 == "began" {
    if ($3 in run && !(run[$3] in synced)) { synced[run[$3]] = $5; by[run[$3]] = $7 }
    run[$3] = $2
}
$1 == "failed" { delete run[$3] }
$1 == "fault" { fault = $2 }
$1 == "over" { over = $2 }
$1 == "looked" { before[$2] = last[$2]; last[$2] = $3; looks++ }
$1 == "saw" && before[$2] { unseen[$2, $3] = before[$2] }
END {
    for (key in unseen) {
        split(key, part, SUBSEP)
        if (!(part[2] in synced) || by[part[2]] == "client" part[1]) continue
        ends++
        blind = unseen[key] - synced[part[2]]
        if (blind > most) most = blind
        if (fault && unseen[key] >= fault && synced[part[2]] <= over + 90) continue
        calm++
        if (blind > calm_most) calm_most = blind
    }
    printf "looks %d; ends that the other client saw: %d, unseen for at most %.1f s; away from faults %d, at most %.1f s\n",
        looks, ends, most, calm, calm_most
}
