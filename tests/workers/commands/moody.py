#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A command simulator for the tests: x ~ U(0, 1), y a set of n values x + noise. Its mood is its first argument, and the
mood is lived out in the rows whose index is a multiple of 3 (in all where the second argument is `always`)."""
import json
import os
import random
import signal
import sys
import time

MOOD = sys.argv[1] if len(sys.argv) > 1 else "good"
ALWAYS = "always" in sys.argv
BATCH = "batch" in sys.argv
NAN = float("nan")
DESCRIPTION = {
    "name": "moody", "version": "1", "batch": BATCH,
    "parameters": [{"name": "x", "lower": 0, "upper": 1, "unit": "m"}],
    "design": [{"name": "n", "lower": 3, "upper": 12}],
    "observables": [{"name": "y", "kind": "set", "dims": ["n", 1]}],
}


def simulate(ask):
    r = random.Random(ask["seed"])
    x = ask["parameters"]["x"] if "parameters" in ask else r.random()
    n = ask["design"]["n"] if "design" in ask else r.randint(3, 12)
    return {"parameters": {"x": x}, "design": {"n": n}, "observables": {"y": [x + 0.1 * r.gauss(0, 1) for _ in range(n)]}}


def say(text):
    sys.stdout.write(text)
    sys.stdout.flush()


def spoil(ask, answer):
    """The answer of a bad mood, or None where it has been given already, in its own way."""
    if MOOD == "garbage":
        say("Loading model... done\n")
    elif MOOD == "half":
        say(json.dumps(answer)[:20])
        os._exit(3)
    elif MOOD == "endless":
        while True:
            say("1, " * 100000)
    elif MOOD == "mute":
        time.sleep(60)
    elif MOOD == "deaf":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(60)
    elif MOOD == "crash":
        print("out of luck", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGSEGV)
    elif MOOD == "exit":
        os._exit(7)
    elif MOOD == "chatty":
        say(json.dumps(answer) + "\nand by the way\n")
    elif MOOD == "error":
        return {"error": "the solver did not converge", "parameters": answer["parameters"], "design": answer["design"]}
    elif MOOD == "rejected":
        return {"rejected": "too cold"}
    elif MOOD == "stop":
        return {"stop": "the licence ran out"}
    elif MOOD == "short":
        return {**answer, "observables": {"y": [1.0]}}
    elif MOOD == "nan":
        return {**answer, "observables": {"y": [NAN] * answer["design"]["n"]}}
    elif MOOD == "other":
        return {**answer, "parameters": {"x": 0.123}}
    else:
        raise SystemExit("unknown mood " + MOOD)
    return None


def answer_of(ask):
    answer = simulate(ask)
    bad = MOOD != "good" and (ALWAYS or ask["index"] % 3 == 0)
    return spoil(ask, answer) if bad else answer


for line in sys.stdin:
    ask = json.loads(line)
    if "describe" in ask:
        say(json.dumps(DESCRIPTION) + "\n")
        continue
    if isinstance(ask, list):
        answers = [answer_of(one) for one in ask]
        if None not in answers:
            say(json.dumps(answers) + "\n")
        continue
    answer = answer_of(ask)
    if answer is not None:
        say(json.dumps(answer) + "\n")
