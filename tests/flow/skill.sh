#!/usr/bin/env bash
# skill.sh PROGRAM: the skill for assistants is installed whole, and what it says is true: every block that is marked as
# runnable is run, in the order of the pages, with small budgets; studies and commands that it calls refused are refused;
# settings, keys of report.json and files that it names are there.
. "$(dirname "$0")/lib.sh"
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
mkdir bin && ln -s "$infermill" bin/infermill
export PATH="$work/bin:$PATH"

expect 0 'infermill skill --install DIR writes them to DIR/infermill' infermill skill
expect 0 'skills/infermill/SKILL.md' infermill skill --install some/skills
export SKILL=$work/some/skills/infermill
infermill skill --install some/skills -q # the same words again: nothing is lost
echo more >>"$SKILL/references/report.md"
expect 2 'references/report.md is there with other words .*move its folder away first' infermill skill --install some/skills
rm -r some && infermill skill --install some/skills -q
expect 1 'skill: folder bin/infermill/infermill can not be made: Not a directory' infermill skill --install bin/infermill

# ---- its form ----
[ "$(wc -l <"$SKILL/SKILL.md")" -lt 150 ] || fail "SKILL.md is too long"
[ "$(sed -n '1p;4p' "$SKILL/SKILL.md" | tr '\n' ' ')" = "--- --- " ] || fail "no front matter"
sed -n 2p "$SKILL/SKILL.md" | grep -qx 'name: infermill' || fail "no name"
sed -n 3p "$SKILL/SKILL.md" | awk '/^description: / && length >= 113 && length <= 1037 { found = 1 } END { exit !found }' || fail "no description of 100 to 1024 letters"
for page in "$SKILL"/references/*.md; do
    grep -q "references/$(basename "$page")" "$SKILL/SKILL.md" || fail "SKILL.md does not lead to $page"
done
for name in $(grep -ohE '(references|scripts)/[a-z]+\.(md|py)' -r "$SKILL" | sort -u); do
    [ -s "$SKILL/$name" ] || fail "$name is named and not there"
done
infermill study >settings
for key in $(grep -ohE '`(diagnose|train|bank|infer|refine)\.[a-z_0-9]+' -r "$SKILL" | sed 's/.*\.//' | sort -u); do
    grep -q "^ *$key:" settings || fail "there is no setting $key"
done

# ---- its blocks, with small budgets ----
sed -i 's/default=20000/default=2000/; s/^EPOCHS = 100/EPOCHS = 2/' "$SKILL/scripts/pilot.py"
blocks() { # blocks PAGE: prints NUMBER ATTRIBUTES of each block, which is written to block-NUMBER
    awk -v page="$1" '
        /^ *```/ && !inside { inside = 1; attributes = $0; sub(/^ *```/, "", attributes); n++; file = "block-" n; printf "" >file
            indent = match($0, /[^ ]/) - 1; print n, attributes; next }
        /^ *```/ { inside = 0; close(file); next }
        inside { print substr($0, indent + 1) >file }' "$1"
}
run_block() { # run_block NUMBER ATTRIBUTES...: small budgets; an untrained network may not pass its gate (3)
    local file=block-$1 kind="${*:2}" got=0
    sed -i 's/20000/2000/; s/epochs: 100/epochs: 2/' "$file"
    case $kind in
    "sh runnable"* | "sh refused="*)
        bash -eu "$file" >said 2>&1 || got=$?
        case $kind in
        "sh runnable") [ $got -eq 0 ] ;;
        "sh runnable gate") [ $got -eq 0 ] || [ $got -eq 3 ] ;;
        *) [ "$got" = "${kind#sh refused=}" ] ;;
        esac || { cat "$file" said; fail "exit $got: $kind"; }
        ran=$((ran + 1)) ;;
    *" file="*) cp "$file" "${kind#* file=}" ;;
    *) fail "a block of kind \"$kind\" that nobody runs" ;;
    esac
}
ran=0
mkdir pilot && people 3 >pilot/people.csv
for page in SKILL references/{decide,simulators,networks,report,failures,wording,refine}; do
    blocks "$SKILL/$page.md" >list
    while read -r line; do run_block $line; done <list
done
[ $ran -ge 10 ] || fail "only $ran blocks were run"
[ -s my-model/study.yaml ] && [ -s look/rows.csv ] && [ -s pilot/pilot/report.html ] || fail "the blocks made too little"

# ---- keys of report.json, as the page on it names them ----
python3 - "$SKILL/references/report.md" pilot/pilot/report.json <<'END' || fail "the page on report.json is not true"
import json, re, sys
page, report = open(sys.argv[1]).read(), json.load(open(sys.argv[2]))
bad = []
for row in re.findall(r"^\| (`[^|]*) \|", page, re.M):
    for key in re.findall(r"`([^`]+)`", row):
        parent = report
        if key.startswith("."):
            key = "verdict" + key
        for part in key.split("."):
            if isinstance(parent, dict) and part in parent:
                parent = parent[part]
            elif part in report["checks"]["parameters"][0]:
                parent = None
            else:
                bad.append(key)
                break
print("not there:", bad) if bad else None
sys.exit(bool(bad))
END

# ---- the scripts ----
printf '{"study": "a", "verdict": {"words": "Passed.", "passed": true, "parameters": ["mu: good"], "reasons": []}}' >passed.json
expect 0 '^  mu: good$' python3 "$SKILL/scripts/verdict.py" passed.json
expect 1 'not a report of infermill' python3 "$SKILL/scripts/verdict.py" settings
expect 1 'study.yaml is there: choose another folder' python3 "$SKILL/scripts/pilot.py" pilot --builtin ddm
python3 "$SKILL/scripts/pilot.py" own --rows 500 --command python3 "it's.py"
grep -qF "model: {command: ['python3', 'it''s.py']}" own/study.yaml || { cat own/study.yaml; fail "a command is not quoted"; }
echo passed
