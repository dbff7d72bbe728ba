#!/usr/bin/env bash
# keys.sh PROGRAM: keys are made, admitted, listed and revoked; no secret is ever printed.
. "$(dirname "$0")/lib.sh"
keys() { "$infermill" keys "$@"; }
told=$work/told # all that was said
check() { expect "$@"; cat said >>"$told"; }
umask 022

export INFERMILL_KEYS=$work/hub
check 0 'no keys in .*/hub: make some with `infermill keys new NAME`' keys list
check 0 'hub.public   goes to the other side: infermill keys admit hub.public' keys new hub
check 0 'w1.secret   stays on this machine' keys new w1 --keys machine1
[ "$(stat -c %a hub/hub.secret machine1/w1.secret | sort -u)" = 600 ] || fail "secrets are readable"
[ "$(stat -c %a hub)" = 700 ] || fail "the folder is open"
check 1 'hub/hub.secret: there is a key of this name; it is kept' keys new hub
check 0 'w1 is admitted by the keys in .*/hub' keys admit machine1/w1.public
check 0 'hub is admitted by the keys in machine1' keys admit hub/hub.public --keys machine1
check 0 '^hub +yes +- ' keys list
check 0 '^w1 +- +yes ' keys list
check 0 '"own": true' keys list --json
check 2 'expected NAME.public' keys admit machine1/w1.secret
cp machine1/w1.secret wrong.public
check 1 'wrong.public: holds a secret key, expected a public one' keys admit wrong.public
check 1 'key file nobody.public: No such file' keys admit nobody.public
check 0 'w1 is no longer admitted' keys revoke w1
check 1 'w1 is not admitted by the keys in' keys revoke w1
for name in ../w2 a/b .hidden ''; do
    check 2 'name of a key: got ".*", expected at most 63 letters' keys new "$name"
done
check 2 'keys: unknown verb "lst", .*did you mean "list"' keys lst
check 2 'keys new: got 0 arguments, expected NAME' keys new
check 2 'keys list: got 1 arguments, expected none' keys list w1
[ "$(find . -name '.key-*' | wc -l)" = 0 ] || fail "a half-written key was left"

# Where the folder is, when nobody says so.
unset INFERMILL_KEYS
XDG_CONFIG_HOME=$work/config keys new a >/dev/null
[ -s config/infermill/keys/a.secret ] || fail "not in \$XDG_CONFIG_HOME"
env -u XDG_CONFIG_HOME HOME="$work/home" "$infermill" keys new a >/dev/null
[ -s home/.config/infermill/keys/a.secret ] || fail "not in ~/.config"

for secret in hub/hub.secret machine1/w1.secret; do
    key=$(cut -d' ' -f2 "$secret")
    [ ${#key} -eq 40 ] || fail "$secret is not a key"
    ! grep -qF -- "$key" "$told" || fail "a secret was printed"
done
echo "keys: ok"
