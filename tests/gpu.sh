#!/usr/bin/env bash
# Checks on a machine with an NVIDIA GPU, by the built programs alone: no test runner, no compiler.
# Continuous integration does not call it.
#   tests/gpu.sh [FOLDER OF dlgrid AND dlgrid-worker]      default: target/release
# Needs a worker that finds a full PyTorch 2.11 (LIBTORCH at build time, or LD_LIBRARY_PATH), and MNIST:
# `dlgrid data fetch mnist`.
set -euo pipefail
bin=$(cd "${1:-target/release}" && pwd)
experiments=$(cd "$(dirname "$0")/../experiments" && pwd)
fail() { printf 'failed: %s\n' "$*" >&2; exit 1; }

if [[ ! -e /dev/nvidiactl ]]; then
    echo 'skipped: no NVIDIA driver on this machine'
    exit 0
fi
about=$("$bin/dlgrid-worker" --about)
echo "worker: $about"
[[ $about == *'"cuda":true'* ]] || fail 'a driver is here, and the worker sees no GPU: is its PyTorch a full one?'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

echo '== the demo trains on the GPU'
"$bin/dlgrid" submit --local "$experiments/demo.yaml"
grep -ho '"device":"[^"]*"' runs/demo-*/seg/*/*.jsonl | sort | uniq -c
grep -q '"device":"cuda:' runs/demo-*/seg/*/*.jsonl || fail 'no segment was written by a GPU'
"$bin/dlgrid" report
best=$("$bin/dlgrid" report --format csv --top 1 2>/dev/null | tail -n 1 | cut -d, -f5)
awk -v best="$best" 'BEGIN {exit !(best >= 0.95)}' || fail "the best valid accuracy is $best, and should be at least 0.95"

echo '== stopped and resumed, the same numbers on the same GPU'
sed -e 's/^name: demo/name: again/' -e 's/epochs: 2/epochs: 30/' -e 's/seeds: 2/seeds: 1/' "$experiments/demo.yaml" >again.yaml
ends() { grep -h '"t":"end"' "$1"/again-*/seg/*/*.jsonl | grep -o '"run":"[^"]*"\|"metrics":{[^}]*}' | paste - - | sort; }
"$bin/dlgrid" submit --local --root straight again.yaml
for _ in 1 2 3; do
    timeout --signal=INT 6 "$bin/dlgrid" submit --local --root stopped again.yaml || true
done
"$bin/dlgrid" submit --local --root stopped again.yaml
if diff <(ends straight) <(ends stopped); then echo 'equal, bit for bit'; else
    fail 'a resumed run differs from one that was not stopped'
fi
echo '== together and alone, the same accuracies'
sed -e 's/^name: demo/name: many/' -e 's/seeds: 2/seeds: 8/' "$experiments/demo.yaml" >many.yaml
mean() { "$bin/dlgrid" report --root "$1" --format csv --top 3 2>/dev/null | tail -n 3 | cut -d, -f5 | awk '{s += $1} END {print s / NR}'; }
"$bin/dlgrid" submit --local --slots 1 --root fused many.yaml
grep -q '"cohort":[0-9]*[0-9][0-9]' fused/many-*/seg/*/*.jsonl || fail 'no ten runs were trained together'
{ cat many.yaml; echo 'fuse: off'; } >off.yaml
"$bin/dlgrid" submit --local --slots 1 --root off off.yaml
awk -v a="$(mean fused)" -v b="$(mean off)" 'BEGIN {print "together " a ", alone " b; exit !(a - b < 0.01 && b - a < 0.01)}' ||
    fail 'trained together, the best trials reach something else than alone'

echo 'all is well'
