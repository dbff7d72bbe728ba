#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a command simulator of a program that reads an input file and writes an output file: a scratch folder for each draw,
removed behind it. A folder is named by the process that made it; those of processes that were killed are removed at the next
start."""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SCRATCH = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"legacy-decay-{os.getuid()}")
HOST = socket.gethostname()

DESCRIPTION = {
    "name": "decay",
    "version": "1",
    "description": "Counts of a decaying source",
    "parameters": [
        {"name": "activity", "lower": 0},
        {"name": "half_life", "lower": 0},
        {"name": "background", "lower": 0},
    ],
    "design": [{"name": "n", "lower": 20, "upper": 40}],
    "observables": [{"name": "counts", "kind": "set", "dims": ["n", 2], "lower": 0}],
}


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def remove_old():
    """Scratch folders of this host are named host:pid."""
    os.makedirs(SCRATCH, exist_ok=True)
    for name in os.listdir(SCRATCH):
        host, _, pid = name.rpartition(":")
        if host == HOST and pid.isdigit() and not alive(int(pid)):
            shutil.rmtree(os.path.join(SCRATCH, name), ignore_errors=True)


def simulate(ask):
    p, n = ask["parameters"], ask["design"]["n"]
    folder = os.path.join(SCRATCH, f"{HOST}:{os.getpid()}")
    os.makedirs(folder)
    try:
        with open(os.path.join(folder, "decay.in"), "w") as f:
            f.write(f"{p['activity']!r} {p['half_life']!r} {p['background']!r} {n} {ask['seed'] % 2147483647}\n")
        done = subprocess.run(["sh", os.path.join(HERE, "decay.sh")], cwd=folder, stdin=subprocess.DEVNULL, stdout=sys.stderr)
        if done.returncode != 0:
            return {"error": f"decay ended with {done.returncode}"}
        with open(os.path.join(folder, "decay.out")) as f:
            rows = [[float(x) for x in line.split()] for line in f]
        return {"observables": {"counts": [[t / 40, k] for t, k in rows]}}
    finally:
        shutil.rmtree(folder, ignore_errors=True)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # infermill's way to end us: the scratch folder goes too
remove_old()
for line in sys.stdin:
    ask = json.loads(line)
    print(json.dumps(DESCRIPTION if "describe" in ask else simulate(ask)), flush=True)
