#!/bin/sh
# run.sh BUILD_DEB: takeover.sh and unit.sh in a Debian of their own, made by debootstrap from
# the package sources of this machine, in a namespace without network but for the downloads.
set -eu
deb=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
[ "$(id -u)" -eq 0 ] || {
    echo "The packaging test needs root: it makes a Debian system and installs packages there." >&2
    exit 1
}
root=$(mktemp -d /var/tmp/relais-debian-XXXXXX)
chmod 755 "$root"
trap 'rm -rf "$root"' EXIT

# The first source of the release that we run on.
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
site=$(apt-get indextargets --format '$(SITE) $(CODENAME)' | awk -v r="$release" '$2 == r { print $1; exit }')
echo "== debootstrap $release"
debootstrap --variant=minbase "$release" "$root" "$site" >"$root.log" 2>&1 || {
    tail "$root.log"
    exit 1
}
rm -f "$root.log"
# Proxies and the like, but nothing that would empty the cache of downloads.
for conf in $(grep -L Post-Invoke /etc/apt/apt.conf.d/*); do cp "$conf" "$root/etc/apt/apt.conf.d/"; done
cp /etc/resolv.conf "$root/etc/"
printf '127.0.0.1\tlocalhost\n' >"$root/etc/hosts"
mkdir "$root/srv/debs"
cp "$deb"/*.deb "$here"/*.sh "$root/srv/debs/"

# inside NAMESPACES COMMAND...: everything in it ends with the command.
inside() {
    flags=$1
    shift
    unshare --mount --pid --fork --kill-child $flags sh -c '
        root=$1; shift
        mount -t proc proc "$root/proc" && mount --bind /dev "$root/dev"
        if [ "$1" = --lo ]; then shift; ip link set lo up; fi
        exec env -i HOME=/root TERM=dumb PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" "$@"
    ' sh "$root" "$@"
}

# What is needed is fetched with network, and installed without.
inside "" sh -c '
    apt-get -qq update
    apt-get -qq install -y --no-install-recommends --download-only \
        postfix postfix-pcre systemd >/dev/null
    DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends \
        $(dpkg-deb -f /srv/debs/relais_*.deb Depends | tr -d " " | sed "s/([^)]*)//g; s/,/ /g") >/dev/null 2>&1'
inside --net --lo sh /srv/debs/takeover.sh "$(basename "$(ls "$deb"/relais_*.deb)" | sed 's,^,/srv/debs/,')"
inside --net --lo sh /srv/debs/unit.sh /srv/debs/relais_*.deb
