#!/usr/bin/env bash
# simulators.sh PROGRAM PLUGINS COMMANDS: the example studies with simulators of other languages, from 1 and 2 ranks; what
# becomes of a campaign whose simulator misbehaves; nothing stays behind when all is killed.
. "$(dirname "$0")/lib.sh"
plugins=$2
commands=$3
export TMPDIR=$work/scratch
mkdir "$TMPDIR"
studies=$here/../../cluster/studies

# on_ranks NAME ROWS: the bank of an example study, the same from 1 and 2 ranks, with all rows done
on_ranks() {
    local ranks
    for ranks in 1 2; do
        "$infermill" simulate "$1/study.yaml" --rows "$2" --bank "$1-$ranks" -j $ranks -q >said 2>&1 || { cat said; fail "$1 on $ranks ranks"; }
    done
    same_shards "$1-1" "$1-2"
    expect 0 "\"done\": *$2" "$infermill" bank info "$1-2" --json
}

cp -r "$studies/epidemic" "$studies/legacy-decay" "$studies/growth" .
on_ranks epidemic 300
[ ! -e epidemic/epidemic/simulator-0.log ] || fail "the epidemic said something: $(cat epidemic/epidemic/simulator-0.log)"
on_ranks legacy-decay 60
left=$(find "$TMPDIR" -path '*legacy-decay-*/*')
[ -z "$left" ] || fail "scratch folders stay behind: $left"

if command -v g++ >/dev/null; then
    mkdir -p include/infermill && cp "$here/../../workers/simulator.h" include/infermill/
    g++ -O2 -Wall -Wextra -shared -fPIC -Iinclude growth/growth.cpp -o growth/growth.so
    on_ranks growth 3000
    sed 's/isolate: true, timeout: 10s/isolate: false/' growth/study.yaml >growth/here.yaml
    "$infermill" simulate growth/here.yaml --rows 3000 --bank growth-here -j 1 -q
    same_shards growth-1 growth-here
else
    echo "skipped: a plugin in C++ (no g++)"
fi

# a whole group killed in the middle of legacy draws: its wrappers end, and the next run removes what they left
sed -i 's/^echo "work" >decay.tmp/&; [ -e "$TMPDIR\/quick" ] || { : >"$TMPDIR\/started"; sleep 30; }/' legacy-decay/decay.sh
"$infermill" simulate legacy-decay/study.yaml --rows 60 --bank killed -j 2 -q >said 2>&1 &
pid=$!
until [ -e "$TMPDIR/started" ] || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
kill -KILL $(family $pid)
end_of $pid
wrappers() {
    local w
    for w in $(pgrep -f 'python3 wrap.py'); do
        [ "$(readlink "/proc/$w/cwd")" != "$work/legacy-decay" ] || echo "$w"
    done
}
for try in $(seq 300); do
    [ -n "$(wrappers)" ] || break
    sleep 0.1
done
[ -z "$(wrappers)" ] || fail "wrappers outlive their ranks: $(wrappers)"
touch "$TMPDIR/quick"
"$infermill" simulate legacy-decay/study.yaml --rows 60 --bank killed -j 2 -q
same_shards legacy-decay-1 killed
left=$(find "$TMPDIR" -path '*legacy-decay-*/*')
[ -z "$left" ] || fail "scratch folders stay behind a kill: $left"

# misbehaviour: the row is marked and the others are as ever, or the campaign ends, as the study says
cp "$commands/moody.py" .
bank() { echo "bank: {path: $1, rows: 300, shard_rows: 256}"; }
small='train: {validation_rows: 100}'
study good 'model: {command: [python3, moody.py, good]}' "$(bank good-bank)" "$small"
study crash 'model: {command: [python3, moody.py, crash]}' "$(bank crash-bank)" "$small"
study stop 'model: {command: [python3, moody.py, error], on_failure: stop}' "$(bank stop-bank)" "$small"
study broken 'model: {command: [python3, moody.py, exit, always]}' "$(bank broken-bank)" "$small"
study nobody 'model: {command: [./nobody.py]}' "$(bank nobody-bank)" "$small"
"$infermill" simulate good.yaml -j 2 -q
"$infermill" simulate crash.yaml -j 2 -q
expect 0 '"crashed": *100' "$infermill" bank info crash-bank --json
grep -q '^out of luck$' crash/simulator-*.log || fail "stderr is in no log"
expect 1 'row [0-9]+: error: the solver did not converge; the study says `on_failure: stop`' "$infermill" simulate stop.yaml -j 2
expect 1 'ended or had to be ended 20 times without an answer.*exit code 7' "$infermill" simulate broken.yaml -j 2
expect 1 'nobody.yaml: model.command: ./nobody.py can not be started' "$infermill" simulate nobody.yaml -j 2

study wild "model: {plugin: $plugins/wild_abort.so}" "$(bank wild-bank)" "$small"
study caged "model: {plugin: $plugins/wild_abort.so, isolate: true}" "$(bank caged-bank)" "$small"
study hasty "model: {plugin: $plugins/wild.so, timeout: 50ms}" "$(bank hasty-bank)" "$small"
expect 1 'wild_abort.so crashed \((segmentation fault|abort)\) in row [0-9]+; with' "$infermill" simulate wild.yaml -j 2
"$infermill" simulate caged.yaml -j 2 -q
expect 0 '"crashed": *[1-9]' "$infermill" bank info caged-bank --json
"$infermill" simulate hasty.yaml -j 2 -q
expect 0 '"timeout": *[1-9]' "$infermill" bank info hasty-bank --json

# the study's prior, in this process, in its own, and in batches: the same rows
prior='parameters: {x: "beta(2, 2)"}'
study here "model: {plugin: $plugins/wild_tame.so}" "$(bank here-bank)" "$prior" "$small"
study apart "model: {plugin: $plugins/wild_tame.so, isolate: true}" "$(bank apart-bank)" "$prior" "$small"
study many "model: {plugin: $plugins/wild_tame_batch.so}" "$(bank many-bank)" "$prior" "$small"
for way in here apart many; do
    "$infermill" simulate $way.yaml -j 2 -q
    same_shards here-bank $way-bank
done

study when 'model: {command: [python3, moody.py], timeout: 30}' "$(bank x)" "$small"
expect 2 'when.yaml:2: model.timeout: got "30", expected a time with its unit' "$infermill" simulate when.yaml
study both "model: {command: [python3, moody.py], plugin: ./x.so}" "$(bank x)" "$small"
expect 2 'both.yaml:2: model: expected one of builtin, plugin, command and declaration' "$infermill" simulate both.yaml
echo passed
