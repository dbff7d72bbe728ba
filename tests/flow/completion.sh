#!/usr/bin/env bash
# completion.sh PROGRAM: what bash proposes after some words, with the script that the program prints; and that zsh takes its own.
. "$(dirname "$0")/lib.sh"
"$infermill" completion bash >bash_script
. ./bash_script
[ "$(complete -p infermill)" = 'complete -F _infermill infermill' ] || fail "bash completes with $(complete -p infermill)"
expect 2 'got "fish", expected bash or zsh' "$infermill" completion fish
expect 2 'expected bash\|zsh' "$infermill" completion

# proposes WORDS... : what is proposed for the last word (an empty one too), sorted, on one line
proposes() {
    COMP_WORDS=("$@")
    COMP_CWORD=$(($# - 1))
    _infermill
    ((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}" | sort | paste -sd ' '
}

# wants EXPECTED WORDS...
wants() {
    local expected=$1 got
    shift
    got=$(proposes "$@")
    [ "$got" = "$expected" ] || fail "after \"$*\": got \"$got\", expected \"$expected\""
}

mkdir bank folder 'a folder'
touch study.yaml other.yaml data.csv 'a study.yaml'

# ---- commands: all that --help names, and study ----
all=$("$infermill" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p' | sort)
got=$(proposes infermill '' | tr ' ' '\n')
for command in $all study; do
    grep -qx "$command" <<<"$got" || fail "$command is not proposed"
done
wants 'simulate' infermill sim
wants 'serve simulate skill status study submit' infermill s
wants '' infermill nothing
wants '--version' infermill --v

# ---- options: those that the command's own help tells, and no others ----
for command in $all; do
    told=$("$infermill" "$command" --help | sed -nE 's/^ +(-., )?(--[a-z-]+).*/\2/p' | grep -v usage | sort -u | paste -sd ' ')
    wants "$told" infermill "$command" -
done
wants '--retry --rows' infermill simulate study.yaml --r

# ---- what comes after them ----
wants 'a folder a study.yaml bank folder other.yaml study.yaml' infermill simulate ''
wants 'study.yaml' infermill run --auto stu
wants 'bank' infermill simulate --bank b
wants 'bank' infermill simulate --bank = b # bash cuts words at =
wants 'a folder bank folder' infermill simulate --bank =
wants '' infermill simulate --rows ''
wants 'data.csv' infermill infer --data da
wants 'export import info merge verify' infermill bank ''
wants 'bank bash_script' infermill bank verify b
wants 'admit' infermill keys a
wants 'a folder bank folder' infermill doctor ''
wants 'bash zsh' infermill completion ''
wants '' infermill completion bash ''

# ---- zsh ----
if command -v zsh >/dev/null; then
    mkdir functions
    "$infermill" completion zsh >functions/_infermill
    zsh -f -c 'fpath=($PWD/functions $fpath); autoload -U compinit; compinit -u -D; print ${_comps[infermill]}' >said 2>&1 ||
        { cat said; fail "zsh"; }
    [ "$(cat said)" = _infermill ] || { cat said; fail "zsh does not complete infermill"; }
    zsh -f -n functions/_infermill 2>said && [ ! -s said ] || { cat said; fail "zsh's syntax"; }
    # what zsh is asked to propose, in a terminal of its own: a tab, then the line as it is
    cat >ask.zsh <<'END'
zmodload zsh/zpty
fpath=($PWD/functions $fpath)
zpty shell 'PS1= TERM=dumb zsh -f -i'
say() { zpty -w shell "$1"; }
say "fpath=($PWD/functions \$fpath); autoload -U compinit; compinit -u -D; unsetopt zle_bracketed_paste; bindkey '^I' complete-word; setopt no_beep"
say 'show() { print -r -- "<$BUFFER>"; zle kill-whole-line }; zle -N show; bindkey "^X^X" show; print ready'
zpty -r -m shell out '*ready*ready*'
for line in 'infermill simul' 'infermill simulate --retr' 'infermill simulate oth' 'infermill bank ver'; do
    zpty -w -n shell "$line"$'\t\x18\x18'
    zpty -r -m shell out '*<*>*' && print -r -- ${${out##*<}%%>*}
done
zpty -d shell
END
    timeout 60 zsh -f ask.zsh >said 2>&1 || { cat said; fail "zsh in a terminal"; }
    for line in 'infermill simulate' 'infermill simulate --retry' 'infermill simulate other.yaml' 'infermill bank verify'; do
        grep -qE "^$line *\$" said || { cat -v said; fail "zsh does not complete \"$line\""; }
    done
else
    echo "zsh is not installed: its completion is not tried"
fi
echo passed
