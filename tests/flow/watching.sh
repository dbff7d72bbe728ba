#!/usr/bin/env bash
# watching.sh PROGRAM: what a run tells: INFERMILL_LOG has levels, and all ranks write one log.
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
echo passed
