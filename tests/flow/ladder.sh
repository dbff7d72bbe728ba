#!/usr/bin/env bash
# ladder.sh PROGRAM PYTHON COMMANDS: data sets that an amortizer of little training is unsure of go up the ladder. Whatever rung
# answers, posteriors are those of a grid over the exact one; the same bytes come from 1, 2 and 4 ranks and after kills; what
# can have no ladder is told why.
. "$(dirname "$0")/lib.sh"
python=$2 commands=$3
trap 'kill -9 $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT
export OPENBLAS_NUM_THREADS=1

small='network: {size: small, summary: {width: 16, summary_dim: 8, embed_dim: 16}, inference: {width: 32, depth: 3}}'
loose='diagnose: {datasets: 300, draws: 100, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1, truth_test: false}'
study climb 'model: {builtin: location_scale}' 'bank: {path: bank, rows: 8000, seed: 3}' "$small" "$loose" \
    'train: {epochs: 4, batch_size: 64, learning_rate: 0.003, validation_rows: 200}' \
    'infer: {data: sets.csv, columns: {y: y}, draws: 2000, predictive: 0}'
"$infermill" run climb.yaml -j 2 -q >said 2>&1 && fail "data that are not there yet" || true
[ -s climb/gate.json ] || { cat said; fail "no amortizer"; }

# 40 data sets of the model; 8 with a value far out, and 2 that lie where no simulation does; one is shorter than all
# that was trained for, which only a likelihood can answer for; one has a value that is no number, and is refused
"$python" - <<'END'
import numpy
rng = numpy.random.default_rng(5)
with open("sets.csv", "w") as out:
    print("id,y", file=out)
    for i in range(52):
        mu, sigma, n = rng.normal(), 0.05 + rng.gamma(2, 0.5), rng.integers(20, 200)
        y = mu + sigma * rng.normal(size=12 if i == 50 else n)
        if 40 <= i < 48:
            y[0] = mu + 8 * sigma
        if i in (48, 49):
            y += 9
        if i == 51:
            y[3] = numpy.inf
        for value in y:
            print(f"s{i},{value:.6g}", file=out)
END

# ---- every ladder answers with the exact posterior ----
cat >check.py <<'END'
"""check.py posterior.h5 RUNGS: means and sds against a grid; which rungs answered."""
import csv, sys
import h5py, numpy
from scipy import stats
sets = {}
for row in csv.DictReader(open("sets.csv")):
    sets.setdefault(row["id"], []).append(numpy.float32(row["y"]))
f, allowed = h5py.File(sys.argv[1]), sys.argv[2].split(",")
verdict = {k: f["verdict"][k][()] for k in ("accepted", "rung", "khat", "ess", "rhat", "p_value", "doubt")}
ids = [i.decode() for i in f["verdict/dataset"]]
worst = 0
for i, name in enumerate(ids):
    rung, khat, ess, rhat = (verdict[k][i] for k in ("rung", "khat", "ess", "rhat"))
    rung = rung.decode()
    if name == "s51" or (name == "s50" and rung == "" and allowed == ["psis"]):
        assert not verdict["accepted"][i] and rung == "" and numpy.isnan([khat, ess, rhat]).all()
        continue
    assert rung in allowed, (name, rung, verdict["doubt"][i])
    assert (rung == "mcmc") == (not numpy.isnan(rhat)), (name, rung, rhat)
    if rung == "amortized":
        assert verdict["p_value"][i] >= 0.05 and numpy.isnan(khat)
        continue
    assert rung != "psis" or (khat <= 0.7 and ess >= 50), (khat, ess)
    assert rung != "mcmc" or rhat < 1.01, rhat
    y = numpy.array(sets[name], dtype=float)
    centre, width = y.mean(), y.std() / len(y) ** 0.5
    mu = numpy.linspace(centre - 12 * width, centre + 12 * width, 400)[:, None]
    sigma = numpy.linspace(max(0.0501, y.std() * 0.3), y.std() * 2.5, 600)[None, :]
    log = (stats.norm.logpdf(mu) + stats.gamma.logpdf(sigma - 0.05, 2, scale=0.5)
           - len(y) * numpy.log(sigma) - ((y**2).sum() - 2 * mu * y.sum() + len(y) * mu**2) / (2 * sigma**2))
    p = numpy.exp(log - log.max())
    p /= p.sum()
    # So many draws are off by less than 4.5 standard errors.
    error = 4.5 / (ess if rung == "psis" else 400) ** 0.5
    for parameter, x in (("mu", mu), ("sigma", sigma)):
        mean = (p * x).sum()
        sd = ((p * (x - mean) ** 2).sum()) ** 0.5
        draws = f[f"posterior/{parameter}"][i].ravel()
        assert abs(draws.mean() - mean) < error * sd, (name, rung, parameter, draws.mean(), mean, sd)
        assert abs(draws.std() / sd - 1) < error, (name, rung, parameter, draws.std(), sd)
        worst = max(worst, abs(draws.mean() - mean) / sd)
print({r: sum(verdict["rung"] == r.encode()) for r in allowed}, f"means within {worst:.2f} sd")
END
climb() { # climb OUT LADDER OPTIONS...
    local out=$1 rungs=$2
    shift 2
    "$infermill" infer climb.yaml --out "$out" --ladder "$rungs" "$@" >said 2>log || { cat said log; fail "infer $out: exit $?"; }
    [ ! -e "$out.blocks" ] || fail "$out.blocks stays behind: $(ls "$out.blocks")"
}
climb mcmc.h5 mcmc -j 2
grep -qE '^mcmc: 51 of 51 data sets, [0-9.e-]+ s each' said || { cat said; fail "mcmc does not answer for all"; }
"$python" check.py mcmc.h5 mcmc
climb plain.h5 amortized -j 1
climb all.h5 amortized,psis,mcmc -j 1
"$python" - <<'END'
import h5py
def verdict(path, name):
    f = h5py.File(path)["verdict"]
    i = list(f["dataset"][()]).index(name.encode())
    return f["reason"][i].decode(), f["rung"][i].decode(), f["p_value"][i]
reason, rung, _ = verdict("plain.h5", "s50")
assert "n = 12, outside the trained range 20 to " in reason and rung == "", (reason, rung)
reason, rung, p = verdict("all.h5", "s50")
assert reason == "" and rung in ("psis", "mcmc") and p != p, (reason, rung, p)
reason, rung, _ = verdict("all.h5", "s51")
assert "inf" in reason and rung == "", (reason, rung)
END
grep -qE '^amortized: [0-9]+ of 51 data sets' said || { cat said; fail "nothing of the amortizer's rung"; }
grep -qE '^psis: [0-9]+ of [0-9]+ data sets' said || { cat said; fail "nothing of psis"; }
grep -qE 'accepted by (psis \(k-hat|mcmc \(R-hat)' said || { cat said; fail "nobody went up"; }
"$python" check.py all.h5 amortized,psis,mcmc
climb psis.h5 psis -j 2
grep -q 'no rung: [1-9].*s49' said || { cat said; fail "psis answers even where no simulation lies"; }
grep -q 'no rung of the ladder answers: psis: k-hat' climb/report.json || fail "not said who is without an answer"
"$python" check.py psis.h5 psis 2>bad && fail "the grid finds nothing wrong with what no rung answers" || grep -q "'none'" bad || { cat bad; fail "another rung"; }
"$python" - climb/report.json <<'END'
import json, sys
rungs = {r["rung"]: r for r in json.load(open(sys.argv[1]))["inference"]["ladder"]}
assert list(rungs) == ["psis", "none"], rungs
assert rungs["psis"]["tried"] == 51 and rungs["psis"]["seconds"] > 0, rungs
assert "s49" in rungs["none"]["first"], rungs
assert rungs["psis"]["answered"] + rungs["none"]["answered"] == 50, rungs
END
grep -q 'The ladder' climb/report.md || fail "report.md has no ladder"

# ---- ranks and kills ----
for ranks in 2 4; do
    climb $ranks.h5 amortized,psis,mcmc -j $ranks
    cmp all.h5 $ranks.h5 || fail "$ranks ranks: another posterior"
done
kills=0
for try in 1 2 3; do
    "$infermill" infer climb.yaml --out killed.h5 --ladder mcmc -j 2 >said 2>&1 &
    pid=$!
    until ls killed.h5.blocks/000*.h5 >/dev/null 2>&1 || ! kill -0 $pid 2>/dev/null; do sleep 0.02; done
    sleep "0.$((try % 3))"
    ! kill -0 $pid 2>/dev/null || { kill -KILL $(family $pid) 2>/dev/null || true; kills=$((kills + 1)); }
    end_of $pid
done
[ $kills -ge 1 ] || fail "none was killed"
climb killed.h5 mcmc -j 2
cmp mcmc.h5 killed.h5 || fail "killed: another posterior"
expect 0 'nothing to do' "$infermill" infer climb.yaml --out killed.h5 --ladder mcmc
climb killed.h5 amortized -j 1
cmp all.h5 killed.h5 && fail "another ladder, and nothing to do" || true

# ---- what can not be ----
expect 2 'ladder: got "nuts", expected amortized, psis or mcmc' "$infermill" infer climb.yaml --ladder psis,nuts
expect 2 'ladder: amortized comes after itself or a higher rung' "$infermill" infer climb.yaml --ladder mcmc,amortized
sed 's/predictive: 0/ladder: [psis, psis]/' climb.yaml >twice.yaml
expect 2 'twice.yaml:[0-9]+: .*ladder: psis comes after itself' "$infermill" infer twice.yaml
study dose "model: {command: [python3, $commands/dose.py]}" 'bank: {path: dose_bank, rows: 600, seed: 3}' "$small" "$loose" \
    'train: {epochs: 1, batch_size: 64, validation_rows: 100}' 'infer: {data: dose.csv, columns: {y: y}, design: {dose: mg}, draws: 100, predictive: 0}'
{ echo id,y,mg; for i in 1 2 3 4 5 6 7 8 9 10 11 12; do echo "a,0.$i,2"; done; } >dose.csv
"$infermill" run dose.yaml -j 2 -q >said 2>&1 || { cat said; fail "no posterior of a command"; }
expect 2 'ladder .amortized mcmc.: .*a command, or a model that is only declared, tells no likelihood' "$infermill" infer dose.yaml --ladder amortized,mcmc
study point 'model: {builtin: location_scale}' 'bank: {path: bank, rows: 8000, seed: 3}' "$loose" \
    'network: {size: small, inference: {type: point}}' 'train: {epochs: 1, validation_rows: 200}' 'infer: {data: sets.csv, columns: {y: y}, predictive: 0}'
"$infermill" run point.yaml -j 2 -q >said 2>&1 || { cat said; fail "no posterior of a point network"; }
expect 2 'psis weighs draws by the density of the inference network, and a point has none' "$infermill" infer point.yaml --ladder psis,mcmc
[ ! -e point/posterior.h5.blocks ] || fail "a folder of what can not be"
echo passed
