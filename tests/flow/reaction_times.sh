#!/usr/bin/env bash
# The quickstart's study in full: reaction times of 14 people, compared with a long Markov chain on the same likelihood.
# The test prints the table and fails where the typical person is off: for a parameter, the median of |mean - mean of the
# chain| / sd above 0.25, or the median ratio of sds outside 0.8 to 1.25. Then the same people on the upper rungs of the ladder,
# where everybody must be within 0.1 sd and 10 % of the sd: an importance sample worth 2,500 draws or more is off by 0.02 sd
# and 1.4 % (one standard error), chains by less.
. "$(dirname "$0")/lib.sh"
python=$2
golden=$here/../golden/ddm_people.csv
study=$here/../../cluster/studies/reaction-times
[ -n "$python" ] && [ -x "$python" ] || { echo "skipped: no Python given"; exit 77; }
cp "$study/study.yaml" "$study/cavanagh_reaction_times.csv" .
"$infermill" run study.yaml
"$python" "$here/compare_people.py" reaction-times/posterior.h5 "$golden"
for rung in psis mcmc; do
    "$infermill" infer --model reaction-times/amortizer.h5 --data cavanagh_reaction_times.csv --draws 10000 --ladder $rung \
        --out $rung.h5 >said
    grep -q "^$rung: 14 of 14 data sets" said || { cat said; fail "$rung does not answer for everybody"; }
    "$python" "$here/compare_people.py" $rung.h5 "$golden" each
done
echo passed
