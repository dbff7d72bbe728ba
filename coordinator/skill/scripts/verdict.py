#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""verdict.py REPORT.json: the gist of a report in plain lines. Exit code 0: the gate passed, 3: it did not, 1: no report."""
import json
import sys


def main(path):
    try:
        with open(path, encoding="utf-8") as file:
            report = json.load(file)
        verdict = report["verdict"]
    except (OSError, ValueError, KeyError) as error:
        print(f"{path}: not a report of infermill: {error}", file=sys.stderr)
        return 1
    print(f"study: {report['study']}")
    print(f"verdict: {verdict['words']}")
    for line in verdict["parameters"]:
        print(f"  {line}")
    for reason in verdict["reasons"]:
        print(f"why not: {reason}")
    if verdict.get("remark"):
        print(f"remark: {verdict['remark']}")
    for k, item in enumerate(report.get("next") or [], 1):
        settings = ", ".join(f"{key}: {value}" for key, value in item["settings"].items())
        print(f"next {k}: {item['reason']} {item['what']}" + (f" [{settings}]" if settings else ""))
    inference = report.get("inference")
    if inference:
        print(f"real data: {inference['data_sets']} data sets, {inference['accepted']} accepted "
              f"({inference['unusual']} of them unusual), {inference['refused']} refused")
        for refusal in inference["refusals"]:
            print(f"  refused: {refusal}")
    return 0 if verdict["passed"] else 3


if __name__ == "__main__":
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    sys.exit(main(sys.argv[1]))
