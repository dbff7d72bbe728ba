#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a study as its user would, with one command, and prints a scorecard: a line a check, with its figure.

    scorecard.py [--short] [--keep DIR] [--tool NAME=PATH ...] PROGRAM STUDY_FOLDER

The folder is copied to a scratch one. Beside study.yaml lies check.py, which says what is expected:

    SUMMARY = {"y": "deep_set"}    network of each observable that is not dropped; "direct": it goes in pixel by pixel
    INFERENCE = "coupling_flow"
    FREE = 2                       unbounded numbers that the inference network infers, each value of an array counted; or
                                   {True: 196, False: 784}, of the short and of the full version
    DESIGN = 1                     design variables among its conditions
    DATASETS = 300                 optional: held-out data sets that the gate is asked on at least
    PICTURES = ["images.png"]      optional: pictures beside those of every report
    SHORT = {"rows": 4000}         settings of the short version; each stands once in study.yaml
    VERDICTS = [...]               optional: words that the report has to say somewhere (regular expressions)
    prepare(run)                   optional: before the study runs (a plugin, a bank)
    truth(run)                     the posterior against what is known; calls run.check

Exit codes: 0 all checks hold, 1 one does not, 77 this Python lacks h5py or NumPy.
"""
import argparse
import csv
import importlib.util
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

try:
    import h5py
    import numpy as np
except ImportError:
    sys.exit(77)

sys.dont_write_bytecode = True
GATE, REPEAT, DONE = 3, "nothing to do", 0
REPORT = ["report.md", "report.html", "report.json", "loss.png", "recovery.png", "calibration_ecdf.png", "coverage.png",
          "rank_histogram.png", "z_score_contraction.png", "history.json", "metrics.csv", "gate.json", "amortizer.h5", "log"]
REPORT_KEYS = ["study", "verdict", "model", "budget", "training", "checks", "pictures", "failures", "reproduce"]
LIMIT = 0.10  # of calibration error and of the ECDF deviation
ARRAY_SHARE = 0.8  # of the values of an array, inside the limit


def text_of(file, name):
    value = np.asarray(file[name]).reshape(-1)[0]
    return value.decode() if isinstance(value, bytes) else str(value)


def numbers_in(value):
    """All numbers of a JSON document; NaN where it says null, as our JSON does for NaN."""
    if isinstance(value, dict):
        for item in value.values():
            yield from numbers_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from numbers_in(item)
    elif value is None:
        yield math.nan
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield float(value)


class Run:
    def __init__(self, program, source, folder, short, tools):
        self.program, self.source, self.folder, self.short, self.tools = program, source, folder, short, tools
        self.checks = self.held = 0

    def check(self, what, holds, figure=""):
        self.checks += 1
        self.held += bool(holds)
        print(f"  {'ok  ' if holds else 'FAIL'}  {what}{': ' if figure != '' else ''}{figure}", flush=True)

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def result(self, name):
        return self.path(self.name, name)

    def call(self, *command):
        """Runs a command in the scratch folder: exit code, and what it said."""
        done = subprocess.run(command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace", check=False)
        return done.returncode, done.stdout

    def infermill(self, *arguments):
        return self.call(self.program, *arguments)

    def need(self, *command):
        code, said = self.call(*command)
        if code != 0:
            sys.exit(f"{' '.join(command)}: exit {code}\n{said}")
        return said

    def posterior(self, path=None):
        """Draws by parameter (data sets, draws; then the dims of an array), names of the data sets, and their verdicts."""
        with h5py.File(path or self.result("posterior.h5")) as file:
            draws = {name: np.asarray(data).reshape(len(data), -1, *data.shape[3:])
                     for name, data in file["posterior"].items() if isinstance(data, h5py.Dataset) and data.ndim >= 3}
            ids = [x.decode() if isinstance(x, bytes) else str(x) for x in np.asarray(file["posterior/dataset"])]
        return draws, ids

    def held_out(self):
        """Parameters, design and observables of the held-out data sets, in the model's order."""
        with h5py.File(self.result("held_out.h5")) as file:
            rows = {name: np.asarray(file[name]) for name in ("parameters", "design", "length", "index") if name in file}
            rows["observables"] = {name: np.asarray(data) for name, data in file["observables"].items()}
        return rows


def plugin(run, name, *flags):
    """Builds NAME.c of the study as its README says."""
    include = run.path("include")
    os.makedirs(os.path.join(include, "infermill"), exist_ok=True)
    header = os.path.join(os.path.dirname(__file__), "..", "..", "workers", "simulator.h")
    shutil.copy(header, os.path.join(include, "infermill", "simulator.h"))
    run.need("cc", "-O2", "-Wall", "-Werror", "-shared", "-fPIC", "-I" + include, *flags, name + ".c", "-o",
             name + ".so", "-lm")


def shorten(text, settings):
    for key, value in settings.items():
        text, n = re.subn(rf"\b{key}: *[^,}}\s]+", f"{key}: {value}", text)
        if n != 1:
            sys.exit(f"study.yaml: {key} stands {n} times in it, expected once")
    return text


# ---- the checks that every study has ----


def check_networks(run, expected):
    study = open(run.path("study.yaml")).read()
    with h5py.File(run.result("amortizer.h5")) as file:
        network, model = text_of(file, "network"), text_of(file, "model")
    named = re.search(r"^network:.*(?:\n .*)*?\b(type|subnet|architecture):", study, re.M)
    run.check("the study leaves the choice of networks to the program", not named)
    kinds = re.findall(r"kind: (\w+)", model.split("observables:")[1])
    before, after = network.split("\ninference:")
    types = ["direct" if "direct: true" in o else re.search(r"type: (\w+)", o).group(1)
             for o in before.split("- kind:")[1:]]
    run.check("summary networks by the kind of the data", types == list(expected.SUMMARY.values()),
              ", ".join(f"{name} -> {kind}" for name, kind in zip(expected.SUMMARY, types)) + f" ({', '.join(kinds)})")
    inference = re.search(r"type: (\w+)", after).group(1)
    run.check("inference network", inference == expected.INFERENCE, inference)
    free = len(re.search(r"^lower: \[(.*)\]", network, re.M).group(1).split(","))
    wanted = expected.FREE[run.short] if isinstance(expected.FREE, dict) else expected.FREE
    run.check("parameters are the inference variables", free == wanted, f"{free} unbounded numbers")
    design = int(re.search(r"^design: (\d+)", network, re.M).group(1))
    run.check("design goes to the conditions", design == expected.DESIGN, f"{design} design variables")


def bank_parameters(folder):
    """(rows, values): parameters by name, the values of an array side by side."""
    shards = os.path.join(folder, "shards")
    parts = []
    for name in sorted(os.listdir(shards)):
        with h5py.File(os.path.join(shards, name)) as file:
            parts.append(np.concatenate([np.asarray(file["parameters"][key]).reshape(len(file["row/index"]), -1)
                                         for key in file["parameters"]], axis=1))
    return np.concatenate(parts)


def check_budget(run, bank):
    with h5py.File(run.result("amortizer.h5")) as file:
        settings = dict(line.split(": ", 1) for line in text_of(file, "training").splitlines() if ": " in line)
        trained = int(np.asarray(file["training_rows"]))
    code, said = run.infermill("bank", "info", bank, "--json")
    info = json.loads(said) if code == 0 else {}
    rows, done = info.get("rows", 0), info.get("status", {}).get("done", 0)
    run.check("budget: the bank has the study's rows", rows == int(settings["bank.rows"]), f"{rows} rows, {done} done")
    validation = int(settings["train.validation_rows"])
    held_back = validation + int(settings.get("train.held_out_rows", 0))
    run.check("split: rows for validation are not trained on", validation > 0 and trained == done - held_back,
              f"{trained} of {done} trained on, {validation} for validation")
    seen = {row.tobytes() for row in bank_parameters(run.path(bank))[:int(settings["bank.rows"])]}
    held_out = run.held_out()
    truths = bank_parameters_order(run, held_out["parameters"])
    shared = sum(row.tobytes() in seen for row in truths)
    if int(settings.get("train.held_out_rows", 0)) == 0:
        run.check("split: held-out data sets are none of the bank", shared == 0, f"{len(truths)} simulated apart")
    else:
        run.check("split: held-out data sets are rows of the bank that were set aside",
                  shared == len(truths) and held_back < done, f"{len(truths)} rows")
    code, said = run.infermill("bank", "verify", bank)
    run.check("bank: every checksum holds", code == DONE)


def bank_parameters_order(run, parameters):
    """Columns as bank_parameters has them."""
    with h5py.File(run.result("amortizer.h5")) as file:
        model = text_of(file, "model")
    section = model.split("parameters:")[1].split("\nobservables:")[0].split("\ndesign:")[0]
    declared = re.findall(r"- name: \"?(\w+)\"?\n(?: +dims: \[(.*)\]\n)?", section)
    sizes = [math.prod(map(int, dims.split(","))) if dims else 1 for _, dims in declared]
    parts = dict(zip((name for name, _ in declared), np.split(parameters, np.cumsum(sizes)[:-1], axis=1)))
    return np.concatenate([parts[name] for name in sorted(parts)], axis=1)


def check_training(run, report):
    training = report.get("training") or {}
    words = ("diverged", "overfitting") if run.short else ("diverged", "overfitting", "undertrained")
    bad = [word for word in words if training.get(word, True)]
    run.check("training verdict", not bad, training.get("words", ", ".join(bad)))


def check_arrays(run, gate):
    for a in gate.get("arrays", []):
        run.check(f"gate: {a['name']}, nearly all of its values", a["passed"] and a["share_inside"] >= ARRAY_SHARE,
                  f"{a['share_inside']:.3f} of {a['values']} have a calibration error inside the limit, the worst"
                  f" {a['worst_calibration_error']:.3f}; {a['constant']} never vary")


def check_gate(run, report, expected):
    with open(run.result("gate.json")) as file:
        gate = json.load(file)
    datasets = getattr(expected, "DATASETS", 300)
    run.check(f"gate: passed, on {datasets} data sets or more", gate["passed"] and gate["rows"] >= datasets,
              f"{gate['rows']} data sets")
    check_arrays(run, gate)
    for p in gate["parameters"]:
        run.check(f"gate: {p['name']} calibration error", p["calibration_error"] <= LIMIT, f"{p['calibration_error']:.3f}")
        run.check(f"gate: {p['name']} ECDF deviation", p["ecdf_deviation"] <= LIMIT, f"{p['ecdf_deviation']:.3f}")
    same = [p["name"] for p in gate["parameters"]] == [p["name"] for p in report["checks"]["parameters"]]
    run.check("gate and report tell the same", same and gate["passed"] == report["verdict"]["passed"])


def expected_lines(run):
    """Parameters, of an array its values."""
    with open(run.result("gate.json")) as file:
        gate = json.load(file)
    return len(gate["parameters"]) + sum(a["values"] - 1 for a in gate.get("arrays", []))


def check_report(run, report, expected):
    files = REPORT + getattr(expected, "PICTURES", [])
    missing = [name for name in files if not os.path.exists(run.result(name)) or os.path.getsize(run.result(name)) == 0]
    run.check("report: all files", not missing, ", ".join(missing) or f"{len(files)} files")
    keys = [key for key in REPORT_KEYS if key not in report]
    run.check("report.json: all keys", not keys, ", ".join(keys) or f"{len(REPORT_KEYS)} keys")
    numbers = list(numbers_in(report["checks"]["parameters"]))
    run.check("report.json: no NaN", all(map(math.isfinite, numbers)), f"{len(numbers)} numbers")
    pictures = [p["file"] for p in report["pictures"] if not os.path.exists(run.result(p["file"]))]
    run.check("report: its pictures are there", not pictures and len(report["pictures"]) >= 6, len(report["pictures"]))
    with open(run.result("metrics.csv")) as file:
        rows = list(csv.DictReader(file))
    run.check("metrics.csv: a line a number", len(rows) == expected_lines(run), f"{len(rows)} lines")
    html = open(run.result("report.html"), errors="replace").read()
    run.check("report.html: needs no network", not re.search(r"(src|href)=[\"']https?:", html))
    words = open(run.result("report.md")).read()
    for verdict in getattr(expected, "VERDICTS", []):
        run.check(f"report says \"{verdict}\"", re.search(verdict, words, re.I))


def check_order(run, study):
    """Real data only after the gate; what is done is not done again."""
    if not os.path.exists(run.result("posterior.h5")):
        return
    out = run.path("again.h5")
    gate = run.result("gate.json")
    os.rename(gate, gate + ".away")
    code, _ = run.infermill("infer", study, "--out", out)
    run.check("real data before the gate are refused", code == GATE and not os.path.exists(out), f"exit {code}")
    os.rename(gate + ".away", gate)
    code, _ = run.infermill("infer", study, "--out", out)
    run.check("real data after the gate are inferred", code == DONE and os.path.exists(out), f"exit {code}")
    same = code == DONE and all(np.array_equal(a, b, equal_nan=True) for a, b in
                                zip(run.posterior()[0].values(), run.posterior(out)[0].values()))
    run.check("and give the same posterior again", same)


def score(run, expected):
    study = run.study = "short.yaml" if run.short else "study.yaml"
    if run.short:
        text = open(run.path("study.yaml")).read()
        with open(run.path(study), "w") as file:
            file.write(shorten(text, expected.SHORT))
    text = open(run.path(study)).read()
    run.name = re.sub(r"[^a-z0-9_]+", "-", re.search(r"^study: *(.+)$", text, re.M).group(1).strip().lower()).strip("-")
    bank = re.search(r"^bank:.*\bpath: *([^,}\s]+)", text, re.M)
    bank = bank.group(1) if bank else "bank"
    print(f"{run.name}{' (short)' if run.short else ''}", flush=True)
    if hasattr(expected, "prepare"):
        expected.prepare(run)
    start = time.monotonic()
    code, said = run.infermill("run", study)
    run.check("one command to the report: infermill run", code == DONE, f"{time.monotonic() - start:.0f} s")
    if code != DONE:
        print(said)
        return
    with open(run.result("report.json")) as file:
        report = json.load(file)
    check_networks(run, expected)
    check_budget(run, bank)
    check_training(run, report)
    check_gate(run, report, expected)
    check_report(run, report, expected)
    expected.truth(run)
    check_order(run, study)
    code, said = run.infermill("run", study)
    run.check("a second call has nothing to do", code == DONE and REPEAT in said)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--short", action="store_true", help="the settings SHORT of check.py")
    parser.add_argument("--keep", help="work in this folder, which is left behind")
    parser.add_argument("--tool", action="append", default=[], help="NAME=PATH of a program that check.py uses")
    parser.add_argument("program")
    parser.add_argument("study")
    o = parser.parse_args()
    spec = importlib.util.spec_from_file_location("check", os.path.join(o.study, "check.py"))
    expected = importlib.util.module_from_spec(spec)
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    spec.loader.exec_module(expected)
    scratch = o.keep or tempfile.mkdtemp()
    try:
        shutil.copytree(o.study, scratch, dirs_exist_ok=True)
        run = Run(os.path.abspath(o.program), os.path.abspath(o.study), os.path.abspath(scratch), o.short,
                  dict(t.split("=", 1) for t in o.tool))
        score(run, expected)
    finally:
        if not o.keep:
            shutil.rmtree(scratch)
    print(f"{run.held} of {run.checks}")
    sys.exit(run.held != run.checks)


if __name__ == "__main__":
    main()
