#!/usr/bin/env bash
# package_chroot.sh PROGRAM SOURCE: what the Dockerfile copies and runs, in two fresh Debian 12 systems made by debootstrap: one
# builds the package, the other one has nothing but what the package depends on, runs the quickstart's study as a user from
# simulation to posteriors, and is clean again after the package is gone.
. "$(dirname "$0")/lib.sh"
source=$2
dockerfile=$source/cluster/packages/Dockerfile
[ "$(id -u)" -eq 0 ] || { echo "skipped: a chroot needs root"; exit 77; }
command -v debootstrap >/dev/null || { echo "skipped: debootstrap is not installed"; exit 77; }

# apt's own sources of this machine, whichever way they are written
sources=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null || true)
mirror=$(sed -nE 's/^URIs: *([^ ]+).*/\1/p; s/^deb (\[[^]]*\] )?([^ ]+) bookworm main.*/\2/p' <<<"$sources" | head -n 1)
[ -n "$mirror" ] || { echo "skipped: no source of Debian packages is configured here"; exit 77; }
unshare -m true 2>/dev/null || { echo "skipped: mounts are not allowed here"; exit 77; }

# inside ROOT command...: in a mount namespace of its own, so that nothing stays mounted whatever happens
inside() {
    local root=$1
    shift
    unshare -m --propagation private bash -c '
        mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount --rbind /sys "$0/sys" && mount -t tmpfs tmpfs "$0/dev/shm" && exec chroot "$0" "$@"' \
        "$root" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"
}

debootstrap --variant=minbase bookworm fresh "$mirror" >said 2>&1 || { tail said; fail "debootstrap"; }
cp -a /etc/apt/sources.list.d /etc/apt/apt.conf.d fresh/etc/apt/
rm -f fresh/etc/apt/sources.list
[ ! -e /etc/apt/sources.list ] || cp /etc/apt/sources.list fresh/etc/apt/
cp /etc/resolv.conf /etc/hosts fresh/etc/

# run_lines STAGE: what the Dockerfile runs in it
run_lines() { awk -v stage="$1" '/^FROM/ { n++ } n == stage && sub(/^RUN /, "")' "$dockerfile"; }

cp -a fresh builder
mkdir builder/src
tar -C "$source" -cf - $(awk '$1 == "COPY" && $NF ~ "^/src" { for (i = 2; i < NF; i++) print $i }' "$dockerfile") | tar -C builder/src -xf -
inside "$work/builder" bash -euc "$(run_lines 1)"
cp -r builder/deb fresh/deb
cp "$source/cluster/packages/install_deb.sh" fresh/deb/
rm -rf --one-file-system builder
inside "$work/fresh" bash -euc "$(run_lines 2)"
[ ! -e fresh/deb ] || fail "the Dockerfile leaves the package in its image"
inside "$work/fresh" dpkg -s infermill | grep -E '^(Status|Version|Depends)'
! inside "$work/fresh" dpkg -l | grep -qE '^ii +(gcc|cmake|[^ ]*-dev) ' || fail "a compiler came with it"

# ---- the quickstart's study, by a user who is not root ----
inside "$work/fresh" useradd -m someone
study=/home/someone/study
inside "$work/fresh" su someone -c "cp -r /usr/share/infermill/studies/reaction-times $study"
inside "$work/fresh" su someone -c "cd $study && infermill doctor . && infermill run study.yaml -j 2"
[ -s "fresh$study/reaction-times/report.html" ] && [ -s "fresh$study/reaction-times/posterior.h5" ] || fail "no report"
inside "$work/fresh" su someone -c "cd $study && infermill run study.yaml -j 2 2>&1" | grep 'nothing to do' || fail "a second run"

# ---- and gone again ----
inside "$work/fresh" dpkg -L infermill | sort >files
inside "$work/fresh" apt-get purge -y -qq infermill >said 2>&1 || { cat said; fail "apt-get purge"; }
while read -r file; do
    [ -d "fresh$file" ] && [ ! -L "fresh$file" ] && [[ $file != *infermill* ]] || [ ! -e "fresh$file" ] || fail "$file stays"
done <files
[ -z "$(find fresh/usr fresh/etc fresh/var -xdev -iname '*infermill*')" ] || fail "left: $(find fresh/usr fresh/etc fresh/var -iname '*infermill*')"
echo passed
