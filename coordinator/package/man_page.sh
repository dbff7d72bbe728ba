#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# man_page.sh PROGRAM OUT: infermill.1, from the program's own help, so that it is never older than the program.
set -eu
program=$1
trap 'rm -f "$2.part"' EXIT

# as it is, in lines: nothing in it is a request of roff
plain() {
    echo .nf
    sed 's/\\/\\e/g; s/-/\\-/g; s/^[.'"'"']/\\\&&/'
    echo .fi
}

{
    echo ".TH INFERMILL 1 \"\" \"$("$program" --version)\" \"User Commands\""
    echo '.SH NAME'
    echo 'infermill \- amortized Bayesian inference as a distributed pipeline'
    echo '.SH SYNOPSIS'
    echo '.B infermill'
    echo '.I COMMAND'
    echo '[OPTION...] [ARGUMENT...]'
    echo '.SH DESCRIPTION'
    echo 'MPI ranks run a simulator and fill a bank on disk; a neural posterior estimator is trained from the bank; its'
    echo 'calibration is checked on simulations it never saw; then it gives the posterior of any number of data sets.'
    echo '.SH COMMANDS'
    commands=$("$program" --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
    [ -n "$commands" ] || { echo "man_page.sh: $program --help lists no commands" >&2; exit 1; }
    for command in $commands; do
        echo ".SS infermill $command"
        "$program" "$command" --help | plain
    done
    echo '.SH STUDY FILE'
    echo 'The settings with their defaults, as'
    echo '.B infermill study'
    echo 'prints them. Paths are relative to the folder of the study file.'
    "$program" study | plain
    echo '.SH EXIT STATUS'
    echo '0 done, 1 failed, 2 wrong use or wrong study, 3 the gate refuses, 4 stopped on request and resumable.'
    echo '.SH ENVIRONMENT'
    echo '.TP'
    echo '.B INFERMILL_KEYS'
    echo 'the folder of keys, where --keys does not say it.'
    echo '.TP'
    echo '.B INFERMILL_LOG'
    echo 'error, warning, info (the default; with -q: warning) or debug: what is told, on the terminal and in the log of the folder of results, which all ranks write. At debug it also has lines that other ranks than the first do not print.'
    echo '.TP'
    echo '.B INFERMILL_LOCAL_RANK, INFERMILL_LOCAL_SIZE'
    echo 'set for simulators: the rank among those of its machine, and their number.'
    echo '.TP'
    echo '.B INFERMILL_TRACE'
    echo 'set to anything: an error also tells the places in the source that it passed.'
} >"$2.part"
mv "$2.part" "$2"
