#!/usr/bin/env bash
# package.sh PROGRAM BUILD VERSION SOURCE: the Debian package of BUILD, looked into, unpacked into a scratch root and run from
# there; and the recipes of cluster/packages, as far as they can be checked without what they are for. The package in a
# fresh Debian is package_chroot.sh.
. "$(dirname "$0")/lib.sh"
build=$2
version=$3
source=$4
packages=$source/cluster/packages
cpack -G DEB --config "$build/CPackConfig.cmake" -B "$work/deb" >said 2>&1 || { cat said; fail "cpack"; }
deb=$(echo "$work"/deb/infermill_"$version"_*.deb)
[ -s "$deb" ] || fail "no package: $(ls "$work/deb")"

# ---- what it says of itself ----
[ "$(dpkg-deb -f "$deb" Package)" = infermill ] && [ "$(dpkg-deb -f "$deb" Version)" = "$version" ] || fail "name and version"
dpkg-deb -f "$deb" Depends >depends
for package in openmpi-bin fonts-dejavu-core libopenmpi3 libhdf5-openmpi-103-1 libzmq5 libopenblas0-serial libcairo2 \
    libpng16-16 libyaml-0-2 libjansson4 libc6; do
    grep -qE "(^|[ |])$package( |,|\$)" depends || fail "Depends names no $package: $(cat depends)"
done
! grep -qE -- '-dev|gcc|cmake' depends || fail "Depends of a build: $(cat depends)"

# ---- what is in it, and that it runs ----
mkdir root
dpkg-deb -x "$deb" root
for file in bin/infermill include/infermill/simulator.h share/man/man1/infermill.1 share/pkgconfig/infermill.pc \
    share/bash-completion/completions/infermill share/zsh/vendor-completions/_infermill share/doc/infermill/README.md \
    share/doc/infermill/cluster/README.md share/doc/infermill/copyright share/infermill/module.lua share/infermill/module.tcl \
    share/infermill/studies/reaction-times/study.yaml share/infermill/studies/reaction-times/cavanagh_reaction_times.csv; do
    [ -s "root/usr/$file" ] || fail "$file is not in the package"
done
[ -z "$(find root -mindepth 1 -maxdepth 1 ! -name usr)" ] || fail "files outside of /usr: $(ls root)"
[ -z "$(find root -perm /022 ! -type l)" ] || fail "writable for others: $(find root -perm /022)"
! readelf -S root/usr/bin/infermill | grep -q '\.debug_info' || fail "the program is not stripped"
! grep -rqF "$source/coordinator" root || fail "the folder of the sources is named in $(grep -rlF "$source/coordinator" root)"

installed=$work/root/usr/bin/infermill
expect 0 "^infermill $version\$" "$installed" --version
expect 0 '^location_scale' "$installed" models
sed 's/rows: 50000/rows: 300, shard_rows: 256/; s/epochs: 12/epochs: 1, validation_rows: 100/' root/usr/share/infermill/studies/location-scale/study.yaml >study.yaml
expect 0 '300 rows' "$installed" simulate study.yaml -j 2
expect 0 '300 rows' "$installed" bank verify bank

# ---- dpkg puts it in and takes it out, in a root of its own where only its dependencies are missing ----
if [ "$(id -u)" -eq 0 ]; then
    mkdir -p admin/var/lib/dpkg/{updates,info} && touch admin/var/lib/dpkg/{status,available}
    dpkg --root="$work/admin" --force-depends --force-not-root -i "$deb" >said 2>&1 || { cat said; fail "dpkg -i"; }
    [ -x admin/usr/bin/infermill ] || fail "dpkg -i put no program in"
    dpkg --root="$work/admin" --purge infermill >said 2>&1 || { cat said; fail "dpkg --purge"; }
    [ -z "$(find admin/usr -type f 2>/dev/null)" ] || fail "left behind: $(find admin/usr -type f)"
fi

# ---- recipes: what they name is there ----
for recipe in Dockerfile infermill.def; do
    for script in $(grep -oE '[a-z_]+\.sh' "$packages/$recipe" | sort -u); do
        [ -x "$packages/$script" ] && bash -n "$packages/$script" || fail "$recipe names $script"
    done
    grep -q 'make_deb.sh /deb' "$packages/$recipe" && grep -q 'install_deb.sh /deb/infermill_\*.deb' "$packages/$recipe" ||
        fail "$recipe does not build and install the package"
done
# both run the same: package_chroot.sh runs it
sed -n 's/^RUN //p' "$packages/Dockerfile" | sed 's/ && /\n/g' >docker_runs
awk '/^%post/ { post = 1; next } /^[%A-Z]/ { post = 0 } post && NF { sub(/^ +/, ""); print }' "$packages/infermill.def" |
    diff docker_runs - || fail "Dockerfile and infermill.def run different things"
# what they copy of the sources is there, and is enough: the top level without the tests
for recipe in Dockerfile infermill.def; do
    awk '/^COPY --from/ || $1 !~ /^[A-Za-z]/ { next }
        $1 == "COPY" { for (i = 2; i < NF; i++) print $i }
        FILENAME ~ /def$/ && /^    / && $2 ~ /^\// && $1 !~ /^(bash|rm)$/ { print $1 }' "$packages/$recipe" | sort >copied
    while read -r path; do
        [ -e "$source/$path" ] || fail "$recipe copies $path, which is not there"
    done <copied
    for path in CMakeLists.txt LICENSE README.md cluster coordinator diagnostics nn storage workers; do
        grep -qx "$path" copied || fail "$recipe does not copy $path"
    done
done
# The Spack recipe, with its words recorded instead of obeyed: what CMake looks for is what it depends on.
cat >spack_words.py <<'END'
import sys, types
said = []
words = types.ModuleType("spack.package")
words.CMakePackage = type("CMakePackage", (), {"define": lambda self, name, value: f"-D{name}={value}"})
for word in ("license", "version", "depends_on"):
    setattr(words, word, lambda *a, word=word, **k: said.append((word, a[0])))
words.__all__ = ["CMakePackage", "license", "version", "depends_on"]
sys.modules.update({"spack": types.ModuleType("spack"), "spack.package": words})
scope = {}
exec(compile(open(sys.argv[1]).read(), sys.argv[1], "exec"), scope)
print(*[a for word, a in said if word == "depends_on"], sep="\n")
print(*scope["Infermill"]().cmake_args(), sep="\n")
END
python3 spack_words.py "$packages/spack/packages/infermill/package.py" >spack_said || fail "the Spack recipe"
for package in openmpi hdf5 libzmq openblas cairo libpng libyaml jansson random123 xxhash cmake; do
    grep -q "^$package" spack_said || fail "the Spack recipe depends on no $package"
done
for option in $(sed -n 's/^-D\([A-Z_0-9]*\)=.*/\1/p' spack_said); do
    grep -q "$option" "$source/CMakeLists.txt" || fail "the Spack recipe sets $option, which CMakeLists.txt does not know"
done
echo passed
