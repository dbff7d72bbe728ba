#!/usr/bin/env bash
# status.sh PROGRAM PLUGINS: how far a study is, told from its files alone: before it begins, while ranks simulate, after they were
# killed, and at its end; nothing is written by looking.
. "$(dirname "$0")/lib.sh"
plugins=$2
trap 'kill -9 $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
export OPENBLAS_NUM_THREADS=1 MOODY_MICROSECONDS=3000 MOODY_REJECT=0.9

study far "model: {plugin: $plugins/moody.so}" 'bank: {path: bank, rows: 1500, seed: 3, shard_rows: 256, journal_seconds: 0.1}' \
    'network: {size: small}' 'train: {epochs: 2, batch_size: 64, validation_rows: 200}' \
    'diagnose: {datasets: 300, draws: 50, calibration_error: 0, truth_test: false}'
expect 0 '^simulate  0 of 1500 rows' "$infermill" status far.yaml
grep -q '^train     0 of 2 epochs' said && grep -q '^diagnose  not done' said && ! grep -q '^infer' said || { cat said; fail "before it begins"; }
[ "$(ls)" = "$(printf 'far.yaml\nsaid')" ] || fail "looking made something: $(ls)"

"$infermill" simulate far.yaml -j 2 -q >log 2>&1 &
pid=$!
until "$infermill" status far.yaml >said 2>&1 && grep -qE 'of them in journals' said; do
    kill -0 $pid 2>/dev/null || { cat said log; fail "it ended, and no row was ever in a journal"; }
    sleep 0.05
done
grep -qE "written by $(hostname), process [0-9]+, since 20" said || { cat said; fail "nothing of who writes"; }
kill -9 $(family $pid)
end_of $pid
before=$(find bank -type f -printf '%p %s %T@\n' | sort)
expect 0 '^simulate  [1-9][0-9]* of 1500 rows' "$infermill" status far.yaml
[ "$before" = "$(find bank -type f -printf '%p %s %T@\n' | sort)" ] || fail "looking changed the bank"

MOODY_MICROSECONDS=0 "$infermill" run far.yaml -j 2 -q >log 2>&1 && fail "a gate of 0 passes" || true
expect 0 '^simulate  1500 of 1500 rows; rejected 1[0-9][0-9]$' "$infermill" status far.yaml
grep -q '^train     done, 2 epochs' said && grep -q '^diagnose  the gate: .*calibration error' said || { cat said; fail "at the end"; }
expect 0 '"rejected": 1[0-9][0-9],' "$infermill" status far.yaml --json
sed -i.true 's/"passed": false/"passed": true/' far/gate.json
expect 0 '^diagnose  the gate: .*not a gate record as it was written: its checksum is wrong' "$infermill" status far.yaml
mv far/gate.json.true far/gate.json
"$infermill" status far.yaml --metrics far.prom
for line in 'infermill_rows{study="far",status="done"} 13[0-9][0-9]' 'infermill_rows_wanted{study="far"} 1500' 'infermill_epochs{study="far"} 2' \
    'infermill_validation_loss{study="far"} -?[0-9.]+' 'infermill_gate_passes{study="far"} 0' '# TYPE infermill_rows gauge'; do
    grep -qE "^${line/\{/\\{}\$" far.prom || { cat far.prom; fail "no line $line"; }
done
! grep -vE '^(# (HELP|TYPE) infermill_[a-z_]+ .+|infermill_[a-z_]+\{study="far"(,status="[a-z]+")?\} -?[0-9.e+-]+)$' far.prom || fail "lines that are no metrics"
expect 1 'gone/far.prom' "$infermill" status far.yaml --metrics gone/far.prom
sed 's/seed: 3/seed: 4/' far.yaml >other.yaml
expect 1 'bank .*bank: its seed is 3, that of other.yaml 4' "$infermill" status other.yaml
expect 1 'study file gone.yaml' "$infermill" status gone.yaml
mkdir -p bin far/slurm
echo '7 simulate' >far/slurm/jobs
printf '#!/bin/sh\nexit 1\n' >bin/squeue
chmod +x bin/squeue
expect 0 'of its jobs nothing is known: squeue ended with 1' env PATH="$work/bin:$PATH" "$infermill" status far.yaml
printf '#!/bin/sh\necho "7 7 RUNNING 0:10 n1"\n' >bin/squeue
expect 0 '^simulate  7 RUNNING 0:10 n1' env PATH="$work/bin:$PATH" "$infermill" status far.yaml
echo 'seven simulate' >far/slurm/jobs
expect 0 'slurm/jobs: got "seven simulate", expected a number and a stage' env PATH="$work/bin:$PATH" "$infermill" status far.yaml
printf 'not a catalog\n' >bank/catalog.jsonl
expect 1 'catalog.jsonl' "$infermill" status far.yaml
echo passed
