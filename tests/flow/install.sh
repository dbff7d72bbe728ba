#!/usr/bin/env bash
# install.sh PROGRAM BUILD VERSION: the build folder BUILD installed below a path with a space, and a new study made, built
# and run with nothing but what was installed.
. "$(dirname "$0")/lib.sh"
build=$2
version=$3
prefix="$work/an installed/infermill"
cmake --install "$build" --prefix "$prefix" >said || { cat said; fail "cmake --install"; }
for file in bin/infermill include/infermill/simulator.h share/man/man1/infermill.1 share/pkgconfig/infermill.pc \
    share/infermill/cmake/infermillConfig.cmake share/infermill/cmake/infermillConfigVersion.cmake \
    share/bash-completion/completions/infermill share/infermill/studies/location-scale/study.yaml; do
    [ -s "$prefix/$file" ] || fail "$file is not installed"
done
PATH="$prefix/bin:$PATH"
export PKG_CONFIG_PATH="$prefix/share/pkgconfig" # as /usr/local/share/pkgconfig would be
expect 0 "^infermill $version\$" infermill --version

# ---- help and man page name every command, every option and the settings of a study ----
commands=$(infermill --help | sed -n 's/^  \([a-z][a-z]*\) .*/\1/p')
for command in new simulate train diagnose infer run bank bench doctor completion models; do
    grep -qx "$command" <<<"$commands" || fail "--help names no $command"
done
for command in $commands; do
    grep -qx ".SS infermill $command" "$prefix/share/man/man1/infermill.1" || fail "the man page has no $command"
done
expect 0 'folder of the bank, instead of the study.s' cat "$prefix/share/man/man1/infermill.1"
expect 0 'shard_rows: 4096' cat "$prefix/share/man/man1/infermill.1"
expect 0 'student_t\(degrees, location, scale\)' cat "$prefix/share/man/man1/infermill.1"
if command -v groff >/dev/null; then
    groff -man -ww -z "$prefix/share/man/man1/infermill.1" 2>said && [ ! -s said ] || { cat said; fail "the man page"; }
fi

# ---- a new study: by CMake, and by pkg-config ----
infermill new my-model
expect 2 'my-model is there and not empty \(it holds .*expected a new name' infermill new my-model
for name in 'a b' my-model/x .hidden 1st '' "$(printf 'long%.0s' {1..20})"; do
    expect 2 'new: got the name .*expected a letter' infermill new "$name"
done
[ ! -e my-model/x ] && [ ! -e 'a b' ] || fail "a folder of an odd name"
mkdir empty && infermill new empty && [ -s empty/study.yaml ] || fail "an empty folder is as good as none"
[ "$(wc -l <my-model/README.md)" -le 10 ] || fail "its README is longer than ten lines"
grep -q 'cmake -B build && cmake --build build && infermill run study.yaml' my-model/README.md || fail "its README"
[ -z "$(grep -rlE '@[A-Z]+@' my-model empty)" ] || fail "a name is missing in $(grep -rlE '@[A-Z]+@' my-model empty)"

cd my-model
{ cmake -B build && cmake --build build; } >../said 2>&1 || { cat ../said; fail "cmake"; }
! grep -qi warning ../said || { cat ../said; fail "warnings"; }
cd ../empty
mkdir build
eval cc -O2 -Wall -Wextra -Werror -shared -fPIC simulator.c -o build/simulator.so "$(pkg-config --cflags infermill)" -lm
[ "$(pkg-config --modversion infermill)" = "$version" ] || fail "the version of pkg-config"

# ---- it runs as it is, only smaller ----
cd ..
for name in my-model empty; do
    sed -i 's/rows: 20000/rows: 600, shard_rows: 256/; s/^train: .*/train: {epochs: 1, validation_rows: 100}/' $name/study.yaml
    echo 'diagnose: {datasets: 300, draws: 50, calibration_error: 1, ecdf_deviation: 1, rank_r2: 1}' >>$name/study.yaml
done
expect 0 "done, results are in" infermill run my-model/study.yaml -j 2
[ -s my-model/my-model/report.html ] && [ -s my-model/my-model/amortizer.h5 ] || fail "no report"
expect 0 '600 rows' infermill bank verify my-model/bank
grep -q 'prior: "lognormal(-0.9, 0.5)"' my-model/bank/bank.yaml || fail "bank.yaml names no prior"
(cd empty && infermill simulate study.yaml -j 1 -q) # from its own folder
expect 0 '600 rows' infermill bank verify empty/bank
expect 1 'another model.*model empty against my_model' infermill train my-model/study.yaml --bank empty/bank -j 2 --out other
echo passed
