#!/usr/bin/env bash
# auto.sh PROGRAM: `run --auto` on a study whose first bank is too small: the advice is followed until the gate passes, every
# decision with its reason; the study file stays as it is; killed in the middle and called again it takes the same
# decisions to the same weights; a budget that is too small ends it with the gate's exit code, and more goes on.
. "$(dirname "$0")/lib.sh"

settings() { # settings BANK
    printf '%s\n' 'model: {builtin: gaussian_linear}' "bank: {path: $1, rows: 500, seed: 3, shard_rows: 256} # too few" \
        'train: {epochs: 12, batch_size: 64, validation_rows: 100, learning_rate: 0.003}' \
        'diagnose: {datasets: 300, draws: 200, ecdf_deviation: 0.11}'
}
decisions() { # the log without what was measured
    grep -v '"seconds"' "$1/auto.json" | grep -v '"study"\|"reached"'
}

study whole "$(settings bank-whole)"
cp whole.yaml before.yaml
expect 2 'needs a budget' "$infermill" run --auto whole.yaml -j 1
expect 2 'a time with its unit' "$infermill" run --auto --max-time 5 whole.yaml -j 1
expect 0 'auto: .* by heart. Now bank.rows: 4000' "$infermill" run --auto --max-rows 30000 whole.yaml -j 2
cmp whole.yaml before.yaml || fail "the study file was changed"
grep -q '"end": "the gate passes"' whole/auto.json || fail "auto.json tells no end"
grep -q '"rule": "overfitting"' whole/auto.json || fail "auto.json tells no decision"
grep -q 'rows: 4000, seed: 3, shard_rows: 256} # too few' whole/study-auto.yaml || fail "study-auto.yaml: $(cat whole/study-auto.yaml)"
grep -q '## What was tried' whole/report.md || fail "the report does not tell what was tried"

# what was reached is the study of these results, and a second call does nothing
stamp() { find whole bank-whole -type f ! -name log -exec stat -c '%n %Y %i' {} + | sort; }
before=$(stamp)
expect 0 'nothing to do' "$infermill" run --auto --max-rows 30000 whole.yaml -j 1
cp whole/study-auto.yaml reached.yaml
expect 0 'nothing to do' "$infermill" run reached.yaml -j 1
[ "$before" = "$(stamp)" ] || fail "a second call wrote again"

# killed after the first decision, in the training that follows it
study killed "$(settings bank-killed)"
"$infermill" run --auto --max-rows 30000 killed.yaml -j 1 >said 2>&1 &
pid=$!
wait_for killed/auto.json $pid
kill -KILL $(family $pid) 2>/dev/null || true
end_of $pid
[ $code -eq 137 ] || { cat said; fail "it was not killed (exit $code)"; }
! grep -q '"end"' killed/auto.json || fail "the kill came too late"
expect 0 'done' "$infermill" run --auto --max-rows 30000 killed.yaml -j 2
[ "$(weights whole)" = "$(weights killed)" ] || fail "other weights after a kill"
[ "$(decisions whole)" = "$(decisions killed)" ] || fail "other decisions after a kill: $(diff <(decisions whole) <(decisions killed))"

# a budget that does not suffice; more of it goes on
study poor "$(settings bank-poor)"
expect 3 'is not taken, the budget is 500 simulations' "$infermill" run --auto --max-rows 500 poor.yaml -j 1
grep -q 'the budget is 500 simulations' poor/report.md || fail "the report does not tell why it ended"
study late "$(settings bank-late)" 'auto: {minutes: 0.0001}'
expect 4 'budget of 0 s is used up|stopped on request' "$infermill" run --auto late.yaml -j 1
expect 0 'done' "$infermill" run --auto --max-time 10m late.yaml -j 1
[ "$(weights whole)" = "$(weights late)" ] || fail "other weights after the time was over"
echo passed
