#!/usr/bin/env bash
# draw_ranks.sh PROGRAM PLUGINS COMMANDS: draws that take several ranks each: the same bank for any number of them, what goes wrong on
# one rank of a draw, and what draws take of a machine.
. "$(dirname "$0")/lib.sh"
plugins=$2
commands=$3
bank() { echo "bank: {path: $1, rows: ${2:-600}, shard_rows: 256}"; }
small='train: {validation_rows: 100, epochs: 2}'
rod() { study "$1" "model: {plugin: $plugins/rod.so, ranks_per_draw: $2}" "$(bank "$1-bank" "${3:-600}")" "$small" 'stop_grace: 1'; }

# on RANKS NAME: fills NAME-RANKS
on() { "$infermill" simulate "$2.yaml" --bank "$2-$1" -j "$1" -q; }

rod one 1
rod two 2
rod four 4
on 1 one && on 3 one && same_shards one-1 one-3
on 2 two && on 4 two && same_shards two-2 two-4
on 6 two && same_shards two-2 two-6
on 4 four
# each draw had as many ranks as it was to have, and another division of the rod changes nothing but the last digits
for way in one-1 two-2 four-4; do "$infermill" bank export $way $way.csv -q; done
head -1 one-1.csv | grep -q 'ranks' || fail "no ranks in $(head -1 one-1.csv)"
column() { head -1 "$1" | tr ',' '\n' | grep -n "^$2" | cut -d: -f1 | head -1; }
for way in one-1:1 two-2:2 four-4:4; do
    file=${way%:*}.csv
    [ "$(tail -n +2 "$file" | cut -d, -f"$(column "$file" ranks)" | sort -u)" = "${way#*:}" ] || fail "$file: draws on other ranks"
done
heat=$(column one-1.csv heat.0)
paste -d' ' <(tail -n +2 one-1.csv | cut -d, -f"$heat") <(tail -n +2 four-4.csv | cut -d, -f"$heat") |
    awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-5) exit 1; n++ } END { exit n < 600 }' || fail "another division of the rod, another heat"

# rows simulated again, and grown, on other groups
expect 0 'check: 40 rows simulated again are the same' "$infermill" simulate two.yaml --bank two-2 --check 40 -j 4
expect 0 '' "$infermill" simulate two.yaml --bank two-2 --rows 900 -j 4
expect 0 '"done": *900' "$infermill" bank info two-2 --json

# the whole chain, held-out data sets on two ranks a draw as well, each of which leads in its turn
gate() { local got=0; "$infermill" run two.yaml -j "$1" || got=$?; [ $got -eq 0 ] || [ $got -eq 3 ]; }
expect 0 'simulating 300 held-out data sets' gate 4
mv two two-by-four && mv two-bank two-bank-4
expect 0 'simulating 300 held-out data sets' gate 2
same_shards two-bank two-bank-4
[ "$(weights two)" = "$(weights two-by-four)" ] || fail "weights depend on the ranks"

# one rank of a draw rejects it, stops the campaign, crashes, or can not begin
rod odd 2
ROD_FAIL=0.3 "$infermill" simulate odd.yaml --bank rejected -j 4 -q
expect 0 '"rejected": *[1-9]' "$infermill" bank info rejected --json
ROD_FAIL=0.3 "$infermill" simulate odd.yaml --bank rejected-2 -j 2 -q
same_shards rejected rejected-2
ROD_STOP=0.44 expect 1 'row [0-9]+: the simulator asks to stop' "$infermill" simulate odd.yaml --bank stopped -j 4
ROD_CRASH=0.44 expect 1 'rod.so crashed \(abort\) in row [0-9]+' "$infermill" simulate odd.yaml --bank crashed -j 4
ROD_CREATE=1 expect 1 'simulator rod could not make its state' "$infermill" simulate odd.yaml --bank nothing -j 4
for broken in stopped crashed; do
    "$infermill" simulate odd.yaml --bank $broken -j 2 -q
    same_shards two-6 $broken
done

# a draw that hangs on one rank is left after the grace, and the same command goes on
ROD_HANG=0.3 ROD_STARTED=$work/hangs "$infermill" simulate odd.yaml --bank hung -j 4 -q >said 2>&1 &
pid=$!
wait_for hangs $pid
kill -TERM $pid
end_of $pid
[ $code -eq 4 ] || { cat said; fail "a hanging draw: exit $code, expected 4"; }
"$infermill" simulate odd.yaml --bank hung -j 4 -q
same_shards two-6 hung

# a rank that follows is killed
ROD_MICROSECONDS=3000 "$infermill" simulate odd.yaml --bank killed -j 4 -q >said 2>&1 &
pid=$!
wait_for killed/bank.yaml $pid
ranks=($(family $pid))
kill -KILL "${ranks[3]}"
end_of $pid
[ $code -eq 1 ] || { cat said; fail "a killed rank: exit $code, expected 1"; }
"$infermill" simulate odd.yaml --bank killed -j 2 -q
same_shards two-6 killed

# what makes no sense
expect 2 'ranks_per_draw: a draw takes 4 ranks, and there are 6, no multiple of it: start 4 or 8' "$infermill" simulate four.yaml --bank x -j 6
expect 2 'a draw takes 4 ranks, and there are 2, no multiple of it: start 4 or 8' "$infermill" simulate four.yaml --bank x -j 2
[ ! -e x ] || fail "a bank was begun on a wrong number of ranks"
rod zero 0
expect 2 'zero.yaml:2: model.ranks_per_draw: 0 is out of range, expected an integer from 1' "$infermill" simulate zero.yaml
study alone "model: {plugin: $plugins/plugin_whole.so, ranks_per_draw: 2}" "$(bank x)" "$small"
expect 2 'plugin_whole.so: simulator .* has no create_on_ranks, so that its draws can not take 2 ranks' "$infermill" simulate alone.yaml -j 2
study caged "model: {plugin: $plugins/rod.so, isolate: true}" "$(bank x)" "$small"
expect 2 'rod.so: simulator rod works on MPI ranks \(create_on_ranks\), and a process of its own' "$infermill" simulate caged.yaml -j 2
study hasty "model: {plugin: $plugins/rod.so, timeout: 1s, ranks_per_draw: 2}" "$(bank x)" "$small"
expect 2 'hasty.yaml:2: .*a process of its own \(isolate, timeout\) is no MPI rank' "$infermill" simulate hasty.yaml
study built 'model: {builtin: ddm, ranks_per_draw: 2}' "$(bank x)" "$small"
expect 2 'built.yaml:2: .*draws on several MPI ranks are for plugins' "$infermill" simulate built.yaml
study fresh "model: {plugin: $plugins/rod.so, ranks_per_draw: 2}" "$(bank x)" "$small" 'refine: {rows: 1000}'
expect 2 'fresh.yaml:2: .*refinement is fed by workers of one process each' "$infermill" simulate fresh.yaml

# threads, memory and local ranks of a draw
cp "$commands/moody.py" .
study told 'model: {command: [sh, -c, "env >env.$INFERMILL_LOCAL_RANK; exec python3 moody.py good"], threads_per_draw: 3}' "$(bank told-bank)" "$small"
expect 0 '' "$infermill" simulate told.yaml -j 2
for rank in 0 1; do
    for line in OMP_NUM_THREADS=3 MKL_NUM_THREADS=3 INFERMILL_LOCAL_RANK=$rank INFERMILL_LOCAL_SIZE=2; do
        grep -q "^$line$" env.$rank || fail "rank $rank's simulator was not told $line"
    done
done
study much "model: {builtin: two_moons, memory_per_draw: 2 furlongs}" "$(bank x)" "$small"
expect 2 'much.yaml:2: .*got "2 furlongs", expected memory with its unit: 800 MB, 2 GB' "$infermill" simulate much.yaml
study vast "model: {builtin: two_moons, memory_per_draw: 900 TB}" "$(bank vast-bank)" "$small"
expect 0 '1 times model.memory_per_draw are 900000.0 GB' "$infermill" simulate vast.yaml
expect 0 '2 times model.memory_per_draw are 1800000.0 GB' "$infermill" simulate vast.yaml --rows 900 -j 2
echo passed
