#!/usr/bin/env bash
# faults.sh PROGRAM PLUGINS FAULT.so [all]: a small campaign with a journal, over and over: each time the n-th call of one kind
# on its bank fails (no space, an I/O error, half a write), n = 1, 2, ... until it is not reached any more. Every run must end by
# itself, with exit code 0 (the failure did no harm) or 1 and words that name the bank's file and the reason; what was sealed
# stays sound; the same command then goes on, to the shards of an unbroken campaign. Without `all` only some n: every 5th
# write, fewer on two ranks.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm # syncs cost nothing there
. "$(dirname "$0")/lib.sh"
plugin=$2/moody.so fault=$3 all=${4:-}
alone=(env OMPI_COMM_WORLD_SIZE=1 OMPI_MCA_ess_singleton_isolated=1 OMPI_MCA_btl=self OMPI_MCA_pml=ob1) # no mpirun
reasons='No space left|Input/output error|quota exceeded|out of quota|MPI_File_[a-z_]* failed|Interrupted|short'
export OPENBLAS_NUM_THREADS=1 MOODY_MICROSECONDS=50

for form in none deflate; do
    study broken "model: {plugin: $plugin}" 'train: {validation_rows: 100}' \
        "bank: {path: the-bank, rows: 700, seed: 5, shard_rows: 256, journal_seconds: 0.01, compress: $form}"
    "${alone[@]}" "$infermill" simulate broken.yaml -q || fail 'the unbroken campaign'
    mv the-bank unbroken-$form
    mv broken.yaml broken-$form.yaml
done

simulate() { # simulate RANKS: in this folder, for at most a minute
    if [ "$1" -eq 1 ]; then
        OMPI_MCA_orte_tmpdir_base=$PWD timeout -k 1 60 "${alone[@]}" "$infermill" simulate broken.yaml -q
    else
        timeout -k 1 60 "$infermill" simulate broken.yaml -q -j "$1"
    fi
}

sound() { # sound WHAT: what stands in the catalog of the broken bank, and its costs
    local verb
    [ -s the-bank/catalog.jsonl ] || return 0
    for verb in verify info; do
        "$infermill" bank $verb the-bank >said 2>&1 || { cat said; fail "$1: not sound"; }
    done
}

# one_fault RANKS KIND ERROR STAYS RANK N: false when the campaign makes fewer such calls
one_fault() {
    local code=0 what="$2 $6: $3${4:+, for good}, rank ${5:-0} of $1"
    rm -rf the-bank fired
    FAULT_PART=the-bank FAULT_KIND=$2 FAULT_ERROR=$3 FAULT_STAYS=$4 FAULT_RANK=$5 FAULT_AT=$6 FAULT_LOG=$PWD/fired \
        LD_PRELOAD=$fault simulate "$1" >said 2>&1 || code=$?
    [ -s fired ] || { [ $code -eq 0 ] || { cat said; fail "$what: exit $code, and nothing had failed"; }; return 1; }
    what="$what, $(head -n 1 fired)"
    case $code in
    0) ;;
    1)
        grep -q 'error: .*the-bank' said || { cat said; fail "$what: no file is named"; }
        [ "$3" = short ] || grep -qE "$reasons" said || { cat said; fail "$what: no reason"; }
        ;;
    *) cat said; fail "$what: exit $code" ;;
    esac
    sound "$what"
    simulate "$1" >said 2>&1 || { cat said; fail "$what: going on"; }
    cmp <(cat ../unbroken-$form/shards/*.h5) <(cat the-bank/shards/*.h5) || fail "$what: other shards"
    [ "$(ls the-bank/shards)" = "$(ls ../unbroken-$form/shards)" ] || [ "$2" = unlink ] || fail "$what: left behind $(ls the-bank/shards)"
    sound "$what"
    [ ! -e the-bank/lock ] || [ "$2" = unlink ] || fail "$what: the lock is still there"
    echo "$code $(sed 's/.*the-bank//; s/[0-9a-f]\{32\}//; s/[0-9]\{7\}//; s/part-[0-9]*/part-/; q' fired)" >>codes
}

# each_fault RANKS KIND ERROR STAYS RANK STEP: in a folder of its own
each_fault() {
    local n folder=$2-$3-$4-$5-$1-$form first=$((1 + $(cksum <<<"$2$3$4$5" | cut -d ' ' -f 1) % $6))
    mkdir "$folder"
    cd "$folder"
    cp ../broken-$form.yaml broken.yaml
    : >codes
    for ((n = first; n < 1000; n += $6)); do one_fault "$1" "$2" "$3" "$4" "$5" $n || break; done
    echo "$1 ranks, $form: $2 $3${4:+ for good}${5:+ on rank $5}: $(wc -l <codes) of $((n - 1)) calls, $(grep -c ^1 codes || true) ended the run;" \
        "harmless: $(sed -n 's/^0 //p' codes | sort | uniq -c | tr -s ' \n' ' ')"
}

jobs=0
# Two at a time; the first that fails ends all.
start() {
    each_fault "$@" &
    jobs=$((jobs + 1))
    [ $jobs -lt "$(nproc)" ] || { wait -n || fail 'see above'; jobs=$((jobs - 1)); }
}

step=${all:+1}
form=none
for way in 'write ENOSPC 5 1' 'write EIO 5' 'write short 5' 'write EINTR 9' 'sync EIO 5' 'close EIO 5' 'open EDQUOT 5 1' \
    'unlink EIO 4' 'mkdir ENOSPC 4' 'truncate EIO 3' 'rename EIO 2' 'reserve ENOSPC 2 1' 'link EIO 1'; do
    set -- $way
    start 1 "$1" "$2" "${4:-}" '' "${step:-$3}"
done
for rank in 0 1; do
    start 2 write EIO 1 $rank "${step:-31}"
    start 2 sync EIO '' $rank "${step:-13}"
    start 2 rename EIO '' $rank "${step:-7}"
done
form=deflate
start 1 write EIO 1 '' "${step:-11}"
start 2 write EIO 1 0 "${step:-31}"
while [ $jobs -gt 0 ]; do
    wait -n || fail 'see above'
    jobs=$((jobs - 1))
done
echo passed
