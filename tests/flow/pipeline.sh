#!/usr/bin/env bash
# The whole pipe on a small study: simulate, train, diagnose, infer; the same shards, weights and posteriors on 1, 2 and 4
# ranks; a second call does nothing; training and inference that were stopped or killed end as unbroken ones; no posterior
# without a passed gate.
. "$(dirname "$0")/lib.sh"

settings() { # settings BANK EPOCHS [TRUTH_TEST]
    printf '%s\n' 'model: {builtin: location_scale}' "bank: {path: $1, rows: 2000, seed: 3, shard_rows: 512}" \
        "train: {epochs: $2, batch_size: 64, validation_rows: 200}" \
        "diagnose: {datasets: 300, draws: 100, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1, truth_test: ${3:-false}}" \
        'infer: {data: people.csv, columns: {y: value}, draws: 200}'
}
people 6 >people.csv
printf 'few,1\nfew,2\n' >>people.csv
{ for i in $(seq 30); do echo "nan,$i"; done; echo "nan,"; } >>people.csv

# any number of ranks
for ranks in 1 2 4; do
    study "ranks-$ranks" "$(settings "bank-$ranks" 3 true)"
    "$infermill" run "ranks-$ranks.yaml" -j "$ranks" -q >"table-$ranks"
done
for ranks in 2 4; do
    same_shards bank-1 "bank-$ranks"
    [ "$(weights ranks-1)" = "$(weights "ranks-$ranks")" ] || fail "weights differ on $ranks ranks"
    cmp table-1 "table-$ranks" || fail "metrics or posteriors differ on $ranks ranks"
done
grep -q '^p6 .*accepted' table-1 || fail "p6 has no posterior"
grep -q '^few .*nan.*no posterior: n = 2, outside the trained range 20 to 200' table-1 || fail "no verdict on few"
grep -q '^nan .*nan.*no posterior: .*NaN' table-1 || fail "no verdict on nan"
for file in loss.png recovery.png calibration_ecdf.png metrics.csv history.json report.md report.html gate.json; do
    [ -s "ranks-2/$file" ] || fail "$file is missing"
done
[ -z "$(find . -name '*.part*' -o -name '*.blocks' -o -name lock)" ] || fail "left behind: $(find . -name '*.part*' -o -name lock)"

# a second call
stamp() { find ranks-2 bank-2 -type f ! -name log -exec stat -c '%n %Y %i' {} + | sort; }
before=$(stamp)
expect 0 'nothing to do' "$infermill" run ranks-2.yaml -j 2
for command in simulate train diagnose infer; do
    expect 0 "$command: nothing to do" "$infermill" $command ranks-2.yaml -j 2
done
[ "$before" = "$(stamp)" ] || fail "a second call wrote again"

# training stopped by each signal, or killed (the launcher alone, or all), then called again at once
study unbroken "$(settings bank-1 6)"
"$infermill" train unbroken.yaml -j 2 -q
"$infermill" diagnose unbroken.yaml -j 2 -q >said
for way in term int usr1 launcher all; do
    study "broken-$way" "$(settings bank-1 6)"
    "$infermill" train "broken-$way.yaml" -j 2 >"$way.said" 2>&1 &
    pid=$!
    wait_for "broken-$way/history.json" $pid
    case $way in
    launcher) kill -KILL $pid ;;
    all) kill -KILL $(family $pid) ;;
    *) kill -"${way^^}" $pid ;;
    esac
    end_of $pid
    case $way in
    launcher | all) [ $code -eq 137 ] || fail "$way: it was not killed (exit $code)" ;;
    *) [ $code -eq 4 ] || { cat "$way.said"; fail "SIG${way^^}: exit $code, expected 4"; } ;;
    esac
    [ ! -e "broken-$way/amortizer.h5" ] || fail "$way came too late"
    expect 0 'goes on at epoch' "$infermill" train "broken-$way.yaml" -j 1
    "$infermill" diagnose "broken-$way.yaml" -j 2 -q >said
    [ "$(weights unbroken)" = "$(weights "broken-$way")" ] || fail "weights differ after $way"
done

# two at once: the second is told who works there
study twice "$(settings bank-1 '1000, patience: 0')" # it would stop early about when the second gives up
"$infermill" train twice.yaml -j 1 -q >said 2>&1 &
pid=$!
wait_for twice/checkpoint.h5 $pid
expect 1 'twice/lock: run .* is writing' "$infermill" train twice.yaml -j 1
kill -TERM $pid
end_of $pid
[ $code -eq 4 ] || fail "exit $code of the first, expected 4"

# inference stopped and killed
people 120 >many.csv
many=("$infermill" infer ranks-1.yaml -j 2 -q --data many.csv --draws 5000)
"${many[@]}" --out whole.h5 >whole
for signal in TERM KILL; do
    "${many[@]}" --out "$signal.h5" >"$signal.said" 2>&1 &
    pid=$!
    until ls "$signal.h5.blocks" 2>/dev/null | grep -q 'h5$' || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
    [ $signal = TERM ] && kill -TERM $pid || kill -KILL $(family $pid)
    end_of $pid
    [ $code -eq $([ $signal = TERM ] && echo 4 || echo 137) ] || { cat "$signal.said"; fail "infer and SIG$signal: exit $code"; }
    [ ! -e $signal.h5 ] || fail "SIG$signal came too late for infer"
    "${many[@]}" --out "$signal.h5" >resumed
    cmp whole resumed || fail "posteriors differ after SIG$signal"
    cmp whole.h5 $signal.h5 || fail "posterior files differ after SIG$signal"
    [ ! -e "$signal.h5.blocks" ] || fail "blocks stay behind after SIG$signal"
done

# the gate
rm unbroken/gate.json
expect 3 'infermill diagnose' "$infermill" infer unbroken.yaml -j 1
[ ! -e unbroken/posterior.h5 ] || fail "a posterior without a gate"
expect 0 'unverified \(a test\)' "$infermill" infer unbroken.yaml -j 1 --unverified "a test"
study refused "$(settings bank-1 1 | sed 's/calibration_error: 1/calibration_error: 0/')"
expect 3 'no real data is touched' "$infermill" run refused.yaml -j 2
[ ! -e refused/posterior.h5 ] || fail "a posterior although the gate did not pass"
expect 3 'did not pass' "$infermill" infer refused.yaml -j 2
echo passed
