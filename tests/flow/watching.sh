#!/usr/bin/env bash
# watching.sh PROGRAM: what a run tells: INFERMILL_LOG has levels, all ranks write one log, and each stage leaves its time.
. "$(dirname "$0")/lib.sh"
study talk 'model: {builtin: two_moons, memory_per_draw: 900 TB}' 'bank: {path: bank, rows: 600, shard_rows: 256}' 'train: {validation_rows: 100}'
for word in loud INFO 3; do
    INFERMILL_LOG=$word expect 2 "INFERMILL_LOG: got \"$word\", expected error, warning, info or debug" "$infermill" simulate talk.yaml
    INFERMILL_LOG=$word expect 2 "INFERMILL_LOG: got \"$word\"" "$infermill" models
done
[ ! -e bank ] || fail "a run began with a wrong level"
INFERMILL_LOG=error "$infermill" simulate talk.yaml -j 2 >said 2>&1
[ ! -s said ] && [ ! -s talk/log ] || { cat said talk/log; fail "INFERMILL_LOG=error lets more through"; }
INFERMILL_LOG=warning "$infermill" simulate talk.yaml -j 2 --rows 900 >said 2>&1
[ "$(wc -l <said)" -eq 1 ] && grep -q '^warning: ' said || { cat said; fail "INFERMILL_LOG=warning tells something else than the warning"; }
cmp <(sed 's/^[-0-9]* [:0-9]*  //' talk/log) said || fail "the log has other lines than the terminal"
INFERMILL_LOG=info expect 0 '^simulate: [0-9]+ rows in' "$infermill" simulate talk.yaml -q --rows 1200 -j 2
INFERMILL_LOG= expect 0 '^simulate: [0-9]+ rows in' "$infermill" simulate talk.yaml --rows 1500 -j 2

# timings.json: stages that did something, in order, with how they ended
study timed 'model: {builtin: location_scale}' 'bank: {path: timed-bank, rows: 1500, shard_rows: 256}' 'train: {epochs: 2, validation_rows: 100}' \
    'diagnose: {datasets: 300, draws: 100, truth_test: false}'
gate() { local got=0; "$infermill" run timed.yaml -j "$1" || got=$?; [ $got -eq 0 ] || [ $got -eq 3 ]; }
said_of() { grep -o "\"$1\": *[^,}]*" timed/timings.json | sed 's/.*: *//' | tr -d '"' | tr '\n' ' '; }
expect 0 '' gate 2
[ "$(said_of stage)" = 'simulate train diagnose ' ] || { cat timed/timings.json; fail "other stages"; }
[ "$(said_of outcome)" = 'done done done ' ] && [ "$(said_of ranks)" = '2 2 2 ' ] || { cat timed/timings.json; fail "other ends"; }
expect 0 '' gate 1
[ "$(said_of stage)" = 'simulate train diagnose ' ] || fail "a stage that had nothing to do is told: $(said_of stage)"
rm timed/amortizer.h5 timed-bank/shards/0000002.h5
expect 1 '' "$infermill" train timed.yaml -j 1
[ "$(said_of stage)" = 'simulate train diagnose train ' ] || fail "a stage that failed is not told: $(said_of stage)"
[ "$(said_of outcome)" != 'done done done done ' ] || fail "a failed stage is told as done"
echo 'no list' >timed/timings.json
expect 0 '' gate 2
[ "$(said_of stage | cut -d' ' -f1-2)" = 'simulate train' ] || { cat timed/timings.json; fail "not begun anew"; }
echo passed
