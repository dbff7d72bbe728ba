#!/usr/bin/env bash
# slurm.sh PROGRAM PLUGINS REACTION_TIMES [KILLS]: a study as a chain of Slurm jobs, on a real Slurm with two nodes (slurm_lib.sh): on real
# data over both nodes, with the bytes that one rank makes; warned before its time limit, preempted, killed (jobs, ranks, a node's daemon) KILLS
# times, with a node that goes down, it is queued again and loses nothing; workers of a refinement come from the other node; what can not be
# submitted is told why.
export TMPDIR=/var/tmp # nodes have a /tmp of their own
. "$(dirname "$0")/lib.sh"
. "$here/slurm_lib.sh"
plugins=$2 kills=${4:-5}
trap 'slurm_stop; rm -rf "$work"' EXIT
slurm_start

tiny=('network: {size: small, summary: {width: 8, summary_dim: 4, embed_dim: 8}, inference: {width: 16, depth: 2}}'
    'train: {epochs: 2, batch_size: 64, validation_rows: 200}')
gate='diagnose: {datasets: 300, draws: 50, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1, truth_test: false}'

# number STUDY STAGE: of the job that was submitted last
number() { sed -n "s/ $2\$//p" "$1/slurm/jobs"; }
# Jobs that are queued again need not wait their two minutes; Slurm refuses to start one in the second in which it ended.
declare -A moved
at_once() {
    local id since
    for id in $(squeue -h -t PD -o %A); do
        since=$(scontrol show job "$id" -o 2>/dev/null | grep -E ' Restarts=[1-9]' | grep -oE 'SubmitTime=[^ ]+' || true)
        [ -n "$since" ] && [ -z "${moved[$id$since]:-}" ] || continue
        scontrol update JobId="$id" StartTime=now+3 2>/dev/null && moved[$id$since]=yes || true
    done
}
# ends_well ID SECONDS
ends_well() {
    local left=$(($2 * 5))
    until job_is "$1" COMPLETED; do
        ! job_is "$1" FAILED CANCELLED NODE_FAIL TIMEOUT || { scontrol show job "$1"; cat ./*/slurm/*.log; fail "job $1 failed"; }
        job_is "$1" RUNNING || at_once
        [ $((left--)) -gt 0 ] || { cat ./*/slurm/*.log; squeue --start; sinfo -N -l; scontrol show job "$1"; tail "$slurm/slurmctld.log"; fail "job $1 does not end"; }
        sleep 0.2
    done
}

export INFERMILL_LAUNCH='srun --mpi=pmix --wait=5' # a rank that was killed is noticed sooner

# ---- the chain, over two nodes, on real data ----
head -n 400 "$3" >people.csv
real=('model: {builtin: ddm}' "${tiny[@]}" "$gate"
    'infer: {data: people.csv, id: participant_id, columns: {y: {value: rt, sign: response}}, draws: 100, predictive: 0}')
mkdir alone
cp people.csv alone
(cd alone && study chain 'bank: {path: bank, rows: 2000, seed: 3, shard_rows: 512}' "${real[@]}" && "$infermill" run chain.yaml -j 1 -q >said 2>&1) || { cat alone/said; fail "on one rank"; }
study chain 'bank: {path: bank, rows: 2000, seed: 3, shard_rows: 512}' "${real[@]}"
expect 0 '^infer +[0-9]+$' "$infermill" submit chain.yaml --nodes 2 --ntasks-per-node 1 --time 10
last=$(number chain infer)
[ "$(wc -l <chain/slurm/jobs)" = 4 ] || fail "other jobs: $(cat chain/slurm/jobs)"
ends_well "$last" 60
grep -q 'train, job [0-9]* on n\[1-2\]: ends with 0' chain/slurm/train.log || { cat chain/slurm/*.log; fail "not on both nodes"; }
same_shards alone/bank bank
[ "$(weights alone/chain)" = "$(weights chain)" ] || fail "other weights on two nodes"
"$infermill" infer "$work/chain.yaml" --out one.h5 -j 1 -q >said
cmp one.h5 chain/posterior.h5 || fail "another posterior on two nodes"
# Once more: there is nothing to do; this time by mpirun.
cp -r chain first
expect 0 '^infer' env INFERMILL_LAUNCH="mpirun --bind-to none --mca btl_tcp_if_include lo --mca oob_tcp_if_include lo" "$infermill" submit chain.yaml --nodes 2 --ntasks-per-node 1
ends_well "$(number chain infer)" 60
grep -q 'nothing to do' chain/slurm/infer.log || { cat chain/slurm/infer.log; fail "inferred anew"; }
cmp first/posterior.h5 chain/posterior.h5 || fail "another posterior"
echo "chain: as on one rank"

# ---- a campaign that is disturbed ----
export MOODY_MICROSECONDS=4000
long() { study "$1" "model: {plugin: $plugins/moody.so}" "bank: {path: $1-bank, rows: 3000, seed: 3, shard_rows: 256, journal_seconds: 0.1}" "${tiny[@]}" "$gate"; }
long whole
MOODY_MICROSECONDS=0 "$infermill" simulate whole.yaml -j 1 -q
begun() { [ -n "$(find "$1-bank/journal" -type f -size +0 2>/dev/null)" ]; } # rows are finished

# warned before the time limit
long warned
expect 0 '^simulate' "$infermill" submit warned.yaml --nodes 2 --ntasks-per-node 1
job=$(number warned simulate)
until_true 30 begun warned || { cat warned/slurm/*.log; fail "it does not begin"; }
scancel --signal=USR1 --batch "$job" || { cat warned/slurm/*.log; fail "it is gone already"; } # what --signal=B:USR1@120 does in time
until_true 20 grep -q 'stopped on request: it is queued again' warned/slurm/simulate.log || { cat warned/slurm/simulate.log; fail "not queued again"; }
expect 1 "job $job \(simulate\) of this study waits or runs" "$infermill" submit warned.yaml
ends_well "$(number warned diagnose)" 90
same_shards whole-bank warned-bank
grep -q 'restart 1' warned/slurm/simulate.log || fail "it was not started again"
echo "warned: the same shards"

# preempted by a job that is more urgent
long preempted
expect 0 '^simulate' "$infermill" submit preempted.yaml --nodes 2 --ntasks-per-node 1
job=$(number preempted simulate)
until_true 30 begun preempted || { cat preempted/slurm/*.log; fail "it does not begin"; }
srun --partition=urgent --nodes=2 --ntasks-per-node=2 --mpi=none true || { squeue; fail "the urgent job does not run"; }
until_true 20 grep -q 'rows in journals; the same command goes on' preempted/slurm/simulate.log || { cat preempted/slurm/simulate.log; fail "it did not save"; }
ends_well "$(number preempted diagnose)" 90
same_shards whole-bank preempted-bank
echo "preempted: the same shards"

# a true time limit: one minute, with the warning half a minute before it
if [ $kills -gt 5 ]; then
    export MOODY_MICROSECONDS=40000
    long timed
    expect 0 '^simulate' "$infermill" submit timed.yaml --nodes 2 --ntasks-per-node 1 --time 1 --sbatch --signal=B:USR1@30
    ends_well "$(number timed diagnose)" 300
    grep -q 'stopped on request: it is queued again' timed/slurm/simulate.log || { cat timed/slurm/simulate.log; fail "it met no time limit"; }
    same_shards whole-bank timed-bank
    echo "time limit: the same shards"
    export MOODY_MICROSECONDS=4000
fi

# a node goes down
long node
expect 0 '^simulate' "$infermill" submit node.yaml --nodes 1 --ntasks-per-node 2
job=$(number node simulate)
until_true 30 begun node || { cat node/slurm/*.log; fail "it does not begin"; }
bad=$(squeue -h -j "$job" -o %N)
scontrol update NodeName="$bad" State=DOWN Reason=test
until_true 20 job_is "$job" PENDING RUNNING
ends_well "$job" 60 
scontrol update NodeName="$bad" State=RESUME
! tail -n 3 node/slurm/simulate.log | grep -q "on $bad: ends" || fail "it ended on the node that is down"
ends_well "$(number node diagnose)" 60
same_shards whole-bank node-bank
echo "node down: the same shards"

# killed again and again: a rank, the job's step, the batch shell, or a daemon
RANDOM=5
[ $kills -le 5 ] || export MOODY_MICROSECONDS=30000
long killed
export INFERMILL_RETRIES=1000
expect 0 '^simulate' "$infermill" submit killed.yaml --nodes 2 --ntasks-per-node 1
job=$(number killed simulate)
patient=
running() {
    [ -n "$patient" ] || at_once
    ! job_is "$job" FAILED CANCELLED NODE_FAIL TIMEOUT || fail "job $job failed"
    job_is "$job" RUNNING COMPLETED
}
for ((k = 1; k <= kills; k++)); do
    until_true 240 running || { cat killed/slurm/simulate.log; squeue; fail "killed $((k - 1)) times, it does not go on"; }
    ! job_is "$job" COMPLETED || break
    sleep "0.$((3 + RANDOM % 6))"
    # A controller that lost its last seconds notices after two minutes what it missed, and a job that is hurried then counts as one
    # that runs twice; so it is killed only where there are many kills.
    patient= victim=$((k % 3))
    [ $((k % 20)) -ne 0 ] || [ $kills -le 5 ] || victim=3
    case $victim in
    0)
        kill -9 "${daemon[n2]}"
        start_node n2
        ;;
    1) pkill -9 -n -f "$infermill simulate $work/killed.yaml" || true ;; # a rank
    2) scancel --signal=KILL "$job.0" || true ;;                        # the step
    3)
        patient=yes
        kill -9 "${daemon[slurmctld]}"
        start_controller
        until_true 20 squeue -h >/dev/null 2>&1
        ;;
    esac
    sleep 0.5
done
export MOODY_MICROSECONDS=4000
until_true 30 nodes_answer
ends_well "$(number killed diagnose)" 120
same_shards whole-bank killed-bank
echo "killed $((k - 1)) times: the same shards"
unset INFERMILL_RETRIES

# ---- a refinement: the hub on one node, workers on the other ----
export MOODY_MICROSECONDS=0
refined() {
    study "$1" "model: {plugin: $plugins/moody.so}" "bank: {path: $1-bank, rows: 1000, seed: 3, shard_rows: 512}" "${tiny[@]}" "$gate" \
        'refine: {rows: 1500, rounds: 3, chunk_rows: 300, learning_rate: 0.001}'
}
refined refined
expect 0 '^worker +[0-9]+$' "$infermill" submit refined.yaml --nodes 1 --ntasks-per-node 1 --workers 2
ends_well "$(number refined refine)" 90
until_true 60 job_is "$(number refined worker)" COMPLETED || { squeue; cat refined/slurm/*.log; fail "workers do not end"; }
[ ! -e refined/slurm/hub ] || fail "the hub's address stays behind"
grep -hoE 'worker, job [0-9]+ on n[12]: ends with 0' refined/slurm/worker-*.log | sort | uniq -c
[ "$(grep -lE 'worker, job .*: ends with 0' refined/slurm/worker-*.log | wc -l)" = 2 ] || { cat refined/slurm/*.log; fail "not both workers worked"; }

# the hub's node goes down, and its workers find it on the other one
if [ $kills -gt 5 ]; then
    refined moved
    expect 0 '^worker' env MOODY_MICROSECONDS=20000 "$infermill" submit moved.yaml --nodes 1 --ntasks-per-node 1 --workers 2
    until_true 90 grep -qsE 'refine  [1-9]' moved/slurm/refine.log || { cat moved/slurm/*.log; fail "no row comes"; }
    first=$(cat moved/slurm/hub) bad=$(squeue -h -j "$(number moved refine)" -o %N)
    scontrol update NodeName="$bad" State=DOWN Reason=test
    ends_well "$(number moved refine)" 300
    scontrol update NodeName="$bad" State=RESUME
    ! tail -n 2 moved/slurm/refine.log | grep -q "on $bad: ends" || fail "the hub ended on the node that is down"
    [ "$(weights moved)" = "$(weights refined)" ] || fail "other weights after the hub moved"
    echo "hub moved from $first: the same weights"
fi

# ---- what is told ----
long told
cp -r told.yaml other.yaml
expect 0 'simulate=\$\(sbatch .*--partition=all.*--exclusive' "$infermill" submit told.yaml --dry-run --partition all --sbatch '--exclusive --mem=10'
echo '# mine' >>told/slurm/stage.sbatch
expect 0 'stage.sbatch stays as it is' "$infermill" submit told.yaml --dry-run
expect 1 'invalid partition' "$infermill" submit told.yaml --partition none
[ ! -s told/slurm/jobs ] || fail "jobs of a chain that was refused: $(cat told/slurm/jobs)"
expect 1 'no job of this study was submitted' "$infermill" submit told.yaml --cancel
mkdir few
ln -s "$(command -v mpirun)" few/
expect 1 'Slurm is not here, and .*/told/slurm/stage.sbatch is written' env PATH="$work/few" "$infermill" submit told.yaml
MOODY_MICROSECONDS=20000 expect 0 '^simulate' "$infermill" submit told.yaml
job=$(number told simulate)
until_true 30 begun told || { cat told/slurm/*.log; fail "it does not begin"; }
expect 0 '^train +[0-9]+ PENDING 0:00 \(Dependency\)' "$infermill" status told.yaml
expect 0 'simulate +[0-9]+ is cancelled' "$infermill" submit told.yaml --cancel
until_true 20 job_is "$job" CANCELLED || { squeue; fail "it is not cancelled"; }
expect 0 "^simulate +$job -" "$infermill" status told.yaml
expect 0 'no job of this study waits or runs' "$infermill" submit told.yaml --cancel

# ---- variables of Slurm do no harm where there is none ----
SLURM_JOB_ID=1 SLURM_PROCID=3 SLURM_NTASKS=4 SLURM_NNODES=2 SLURM_JOB_NODELIST='far[1-2]' expect 0 'rows in' "$infermill" simulate chain.yaml -j 2 --bank plain --rows 600
echo passed
