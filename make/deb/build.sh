#!/bin/sh
# build.sh VERSION MAIL_VERSION STAGE OUT: makes the Debian packages in OUT from the installed
# tree in STAGE/relais, without root.
set -eu
umask 022
version=$1 postfix=${2%%-*} stage=$3 out=$4
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
arch=$(dpkg --print-architecture)

# The libraries' packages, from what the programs are linked with.
depends() {
    mkdir -p "$stage/shlibs/debian"
    printf 'Source: relais\n\nPackage: relais\nArchitecture: any\n' >"$stage/shlibs/debian/control"
    programs=$(find "$stage/relais/usr/sbin" "$stage/relais/usr/lib/postfix" -type f -perm -100)
    (cd "$stage/shlibs" && dpkg-shlibdeps -O $programs 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
}

# One paragraph of control.in, filled in.
control() {
    size=$(du -sk "$stage/$1" | cut -f1)
    mkdir -p "$stage/$1/DEBIAN"
    awk -v RS= -v want="$1" '$2 == want' "$here/control.in" |
        sed -e "s/@VERSION@/$version/" -e "s/@ARCH@/$arch/" -e "s/@SIZE@/$size/" \
            -e "s/@POSTFIX@/$postfix/g" -e "s/@SHLIBS@/${2-}/" >"$stage/$1/DEBIAN/control"
}

documents() {
    mkdir -p "$stage/$1/usr/share/doc/$1"
    cp "$root/LICENSE" "$stage/$1/usr/share/doc/$1/copyright"
    printf 'relais (%s)\n\n  * See the history of the source.\n' "$version" |
        gzip -9n >"$stage/$1/usr/share/doc/$1/changelog.gz"
}

pack() {
    (cd "$stage/$1" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' |
        LC_ALL=C sort -z | xargs -0 md5sum >DEBIAN/md5sums)
    chmod -R u+rwX,go+rX,go-w "$stage/$1"
    dpkg-deb --root-owner-group -Zxz --build "$stage/$1" "$out/$1_${version}_$2.deb" >/dev/null
    echo "$out/$1_${version}_$2.deb"
}

relais() {
    tree=$stage/relais
    # Configuration is no part of the package: it may be Postfix's, and is the administrator's.
    mkdir -p "$tree/usr/share/relais"
    mv "$tree/etc/postfix/main.cf" "$tree/etc/postfix/master.cf" "$tree/etc/aliases" \
        "$tree/usr/share/relais/"
    rm -r "$tree/etc" "$tree/var"
    # The group postdrop has no fixed number, so set-gid bits are postinst's matter.
    find "$tree/usr/sbin" -type f -exec chmod g-s {} +
    find "$tree/usr/sbin" "$tree/usr/lib/postfix" -type f -perm -100 -exec strip {} + 2>/dev/null ||
        true # some are scripts
    find "$tree/usr/share/man" -type f -exec gzip -9nf {} +
    documents relais
    control relais "$(depends)"
    for script in preinst postinst prerm postrm; do
        install -m 755 "$here/$script" "$tree/DEBIAN/$script"
    done
    pack relais "$arch"
}

relais_doc() {
    pages=$stage/relais-doc/usr/share/doc/relais-doc
    mkdir -p "$pages/html"
    documents relais-doc
    cp "$root/README" "$pages/"
    cp "$root/src/README" "$pages/map"
    for page in "$root"/man/man?/*.?; do
        mandoc -T html -O man=%N.%S.html "$page" >"$pages/html/$(basename "$page").html"
    done
    control relais-doc
    pack relais-doc all
}

mkdir -p "$out"
relais
relais_doc
