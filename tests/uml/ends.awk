# Exit code 1 where an acknowledged end is not there, or another is shown. It holds what was acknowledged (LEDGER) against the ends that stand on the disk and against `dlgrid export`'s runs.csv.
#   awk -f ends.awk file=1 LEDGER file=2 SEGMENTS file=3 RUNS.CSV
{ sub(/\r$/, "") }
file == 1 && $1 == "began" {
    worker = $3
    if (worker in run) acknowledge(run[worker], value[worker])
    run[worker] = $2; value[worker] = $4
    drawn[$2, $4 + 0]; began[$2]++
    if (alone && ($2 in acknowledged)) { twice++; print "trained after its end was acknowledged: " $2 }
    if (alone && $6 + 0 < kept[$2]) { lost_steps++; print "begun from step " $6 " of " kept[$2] ": " $2 }
}
file == 1 && $1 == "failed" { delete run[$3]; failed++ }
file == 1 && $1 == "kept" { kept[$2] = $3 }
file == 2 && /"t":"end"/ {
    match($0, /"run":"[0-9a-f]+"/); id = substr($0, RSTART + 7, RLENGTH - 8)
    if (match($0, /"metrics":\{"loss":[0-9.]+/)) stands[id, substr($0, RSTART + 18, RLENGTH - 18) + 0]
}
file == 3 && FNR == 1 { split($0, names, ","); for (i in names) column[names[i]] = i }
file == 3 && FNR > 1 {
    split($0, cell, ",")
    id = cell[column["id"]]; shown[id]++
    if (cell[column["state"]] == "done") { done++; loss[id] = cell[column["loss"]] + 0 }
}
function acknowledge(id, v) { acknowledged[id] = v + 0; acks[id, v + 0] }
END {
    for (ack in acks) if (++n && !(ack in stands)) { lost++; print "lost: " ack }
    for (id in loss) {
        if (shown[id] != 1) { wrong++; print "shown " shown[id] " times: " id }
        if (!((id, loss[id]) in drawn)) { wrong++; print "shown with a value that no attempt had: " id }
        if (alone && id in acknowledged && loss[id] != acknowledged[id]) { wrong++; print "shown with another value: " id }
    }
    printf "done %d, failed attempts %d, acknowledged %d, lost %d, wrong %d, twice %d, steps lost %d\n", done, failed, n, lost, wrong, twice, lost_steps
    exit lost + wrong + twice + lost_steps + (runs && done != runs) > 0
}
