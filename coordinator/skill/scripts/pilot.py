#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes FOLDER/study.yaml, a pilot study with the defaults that are tried first; never over one that is there."""
import argparse
import os
import sys

EPOCHS = 100


def value(text):
    """A text as YAML that can not be misread."""
    return "'" + text.replace("'", "''") + "'"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", help="folder of the study, and its name")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--builtin", help="a built-in simulator: see `infermill models`")
    kind.add_argument("--plugin", help="a shared object")
    kind.add_argument("--command", nargs="+", metavar="WORD", help="program and arguments")
    parser.add_argument("--rows", type=int, default=20000, help="simulations: 20000, or 3000 to 5000 of a slow simulator")
    options = parser.parse_args()
    if options.rows < 100:
        parser.error("--rows: expected 100 or more")
    path = os.path.join(options.folder, "study.yaml")
    if os.path.exists(path):
        print(f"{path} is there: choose another folder, or edit it", file=sys.stderr)
        return 1
    if options.builtin:
        model = f"{{builtin: {options.builtin}}}"
    elif options.plugin:
        model = f"{{plugin: {value(options.plugin)}}}"
    else:
        model = "{command: [" + ", ".join(map(value, options.command)) + "]}"
    lines = [f"study: {value(os.path.basename(os.path.normpath(options.folder)))}", f"model: {model}",
             f"bank: {{path: bank, rows: {options.rows}, seed: 1}}", f"train: {{epochs: {EPOCHS}}}"]
    if options.rows < 10000:  # a tenth is held back
        lines[-1] = f"train: {{epochs: {EPOCHS}, validation_rows: {max(32, options.rows // 10)}, batch_size: 32}}"
    lines += ["# Once the gate has passed: where the real data are, and which columns hold the observable.",
              "# infer: {data: people.csv, id: id, columns: {y: value}}"]
    os.makedirs(options.folder, exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")
    print(f"{path}: {options.rows} simulations, {EPOCHS} epochs")
    return 0


if __name__ == "__main__":
    sys.exit(main())
