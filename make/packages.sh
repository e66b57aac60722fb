#!/bin/sh
# packages.sh KIND...: installs the Debian packages of packages.txt that are missing, saying
# which; asks for root only for that.
set -eu
here=$(dirname "$0")
missing=
for kind in "$@"; do
    for package in $(sed -n "s/^\([a-z0-9.+-]*\) $kind\$/\1/p" "$here/packages.txt"); do
        dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
            missing="$missing $package"
    done
done
[ -z "$missing" ] && exit 0
echo "Installing Debian packages:$missing"
root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
        echo "Please install them as root: apt-get install --no-install-recommends$missing" >&2
        exit 1
    }
    root=sudo
fi
$root env DEBIAN_FRONTEND=noninteractive apt-get -qq update
$root env DEBIAN_FRONTEND=noninteractive \
    apt-get -qq install -y --no-install-recommends $missing >/dev/null
