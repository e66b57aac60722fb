#!/bin/sh
# users.sh: the accounts that the suite runs as, added where root and missing (as `make install`
# and the tests need them).
set -eu
[ "$(id -u)" -eq 0 ] || exit 0
if ! getent group postdrop >/dev/null; then
    echo "Adding the group postdrop"
    groupadd -r postdrop
fi
if ! getent passwd postfix >/dev/null; then
    echo "Adding the user postfix"
    useradd -r -M -d /var/spool/postfix -s /usr/sbin/nologin postfix
fi
