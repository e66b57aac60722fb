#!/bin/sh
# unit.sh: inside the disposable Debian: systemd accepts the unit, and finds it less exposed than
# that of Debian's Postfix.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
apt-get -qq install -y --no-install-recommends systemd postfix >/srv/apt.log 2>&1 || {
    cat /srv/apt.log
    exit 1
}
exposure() { systemd-analyze security --offline=true "$1" 2>/dev/null | sed -n 's/.*exposure level for .*: \([0-9.]*\) .*/\1/p'; }
before=$(exposure /lib/systemd/system/postfix@.service)
dpkg -i /srv/debs/relais_*.deb >/dev/null 2>&1
systemd-analyze verify --man=no /lib/systemd/system/postfix.service
after=$(exposure /lib/systemd/system/postfix.service)
echo "== exposure: $after, Debian's unit $before"
awk -v a="$after" -v b="$before" 'BEGIN { exit !(a != "" && b != "" && a + 0 < b + 0) }'
echo "== 1 passed"
