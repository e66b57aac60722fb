#!/bin/sh
# takeover.sh RELAIS.deb: run as root inside a disposable Debian system. Mail in every queue of
# Debian's Postfix, then Relais over it, then Postfix again: nothing may be lost on either way.
set -eu
relais=$1
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
box=/srv/boxes

say() { echo "== $*"; }
fail() {
    echo "FAILED: $*" >&2
    tail -n 60 /var/log/mail.log >&2 || true
    exit 1
}

# wait_for COMMAND...: until it succeeds, at most 30 seconds.
wait_for() {
    tries=300
    until "$@"; do
        tries=$((tries - 1))
        [ "$tries" -gt 0 ] || fail "waited in vain for: $*"
        sleep 0.1
    done
}

count() { find "$@" -type f 2>/dev/null | wc -l; }
has() { [ "$(count "/var/spool/postfix/$1")" -eq "$2" ]; }
arrived() { [ "$(count $box/*/new)" -eq "$1" ]; }
# What was requeued is in maildrop/, which is looked at once a minute unless somebody asks.
arrived_when_kicked() { postkick public pickup W && postqueue -f && arrived "$1"; }
no_queue() { has maildrop 0 && has incoming 0 && has active 0 && has deferred 0 && has hold 0; }
listening() { bash -c '</dev/tcp/127.0.0.1/25' 2>/dev/null; }
version() { postconf -d -h mail_version; }

# submit MARK TO: one message by sendmail(1).
submit() { printf 'Subject: %s\nX-Mark: %s\n\nbody of %s\n' "$1" "$1" "$1" | sendmail -f sender@here.example "$2"; }

# All queues: two deferred with their logs, one on hold, one in maildrop.
leave_mail() {
    submit "$1-deferred" ann@far.example
    submit "$1-two" bob@far.example
    submit "$1-hold" ann@far.example
    wait_for has deferred 3
    id=$(postqueue -j | sed -n "s/.*\"queue_id\": \"\([^\"]*\)\".*/\1/p" | while read -r id; do
        if postcat -q "$id" | grep -q "X-Mark: $1-hold"; then echo "$id"; fi; done)
    postsuper -h "$id"
    postfix stop
    submit "$1-maildrop" ann@far.example
    has deferred 2 && has hold 1 && has maildrop 1 || fail "mail in every queue"
    [ "$(count /var/spool/postfix/defer)" -ge 3 ] || fail "defer logs"
}

start() { postfix status 2>/dev/null || postfix start; }

# Everything that leave_mail left arrives, once, with its reasons kept until then.
take_over() {
    start
    wait_for listening
    wait_for has maildrop 0
    mailq | grep -q 'Connection refused' || fail "the reasons of the defer logs"
    mailq | grep -q '^[0-9A-Za-z]*!' || fail "the message on hold"
    cat /srv/reachable >>/etc/postfix/main.cf
    postfix reload
    postsuper -H ALL
    postsuper -r ALL 2>/dev/null
    wait_for arrived_when_kicked "$2"
    wait_for no_queue
    for mark in deferred two hold maildrop; do
        [ "$(grep -rlx "X-Mark: $1-$mark" $box | wc -l)" -eq 1 ] || fail "$1-$mark once"
        grep -rqx "body of $1-$mark" $box || fail "the text of $1-$mark"
    done
    cp /srv/main.cf /etc/postfix/main.cf
    postfix reload
}

state() { (cd /etc && md5sum postfix/main.cf postfix/master.cf postfix/boxes aliases); }

say "Debian's Postfix"
apt-get -qq install -y --no-install-recommends postfix postfix-pcre >/srv/dpkg.log 2>&1 ||
    fail "$(cat /srv/dpkg.log)"
mkdir -p $box && chown nobody $box
cat >/srv/reachable <<END
virtual_mailbox_domains = far.example
virtual_mailbox_base = $box
virtual_mailbox_maps = texthash:/etc/postfix/boxes
virtual_minimum_uid = 1
virtual_uid_maps = static:$(id -u nobody)
virtual_gid_maps = static:$(id -g nobody)
END
printf 'ann@far.example ann/\nbob@far.example bob/\n' >/etc/postfix/boxes
postconf -e 'relayhost = [127.0.0.1]:9' 'myhostname = mail.here.example' 'inet_protocols = ipv4' \
    'maillog_file = /var/log/mail.log' 'mydestination = localhost' 'mynetworks = 127.0.0.0/8'
echo 'staff: root, ops@far.example' >>/etc/aliases
newaliases
cp /etc/postfix/main.cf /srv/main.cf
state >/srv/state
start
leave_mail first
postfix start # the package is to be replaced while it runs
wait_for has deferred 3

say "Relais over it"
dpkg -i "$relais" >/srv/dpkg.log 2>&1 || fail "$(cat /srv/dpkg.log)"
version | grep -q relais || fail "the version is $(version)"
state | diff /srv/state - || fail "the configuration changed"
dpkg-query -W -f '${Status}\n' postfix | grep -q config-files || fail "postfix is $(dpkg-query -W postfix)"
for command in postdrop postqueue; do
    [ "$(stat -c '%U:%G %a' /usr/sbin/$command)" = "root:postdrop 2755" ] || fail "mode of $command"
done
postfix status || fail "not running, as Postfix was"
masters() { grep -lx master /proc/[0-9]*/comm 2>/dev/null | wc -l; }
[ "$(masters)" -eq 1 ] || fail "$(masters) masters"
has deferred 3 && has hold 1 && has defer 4 || fail "the queue changed"
postfix check
take_over first 4
postalias -q staff hash:/etc/aliases | grep -qx 'root, ops@far.example' || fail "aliases"
runuser -u nobody -- mailq | grep -q 'Mail queue is empty' || fail "mailq of an ordinary user"

say "An upgrade of Relais keeps it running"
dpkg -i "$relais" >/srv/dpkg.log 2>&1 || fail "$(cat /srv/dpkg.log)"
postfix status || fail "not running after the upgrade"
leave_mail second

say "Debian's Postfix again"
apt-get -qq install -y --no-install-recommends postfix >/srv/dpkg.log 2>&1 || fail "$(cat /srv/dpkg.log)"
version | grep -qx '3\.7\.[0-9]*' || fail "the version is $(version)"
state | diff /srv/state - || fail "the configuration changed"
take_over second 8

say "Relais once more, purged: the mail stays"
leave_mail third
dpkg -i "$relais" >/srv/dpkg.log 2>&1 || fail "$(cat /srv/dpkg.log)"
dpkg -P relais >/srv/dpkg.log 2>&1 || fail "$(cat /srv/dpkg.log)"
has deferred 2 && has hold 1 && has maildrop 1 || fail "the purge took mail"
[ -e /etc/postfix/main.cf ] || fail "the purge took the configuration that postfix still owns"

say "A first installation, without any Postfix before"
dpkg -P postfix-pcre postfix >/srv/dpkg.log 2>&1 || fail "$(cat /srv/dpkg.log)"
rm -f /etc/aliases /etc/aliases.db
[ ! -e /etc/postfix ] || fail "still there: /etc/postfix"
dpkg -i "$relais" >/srv/dpkg.log 2>&1 || fail "$(cat /srv/dpkg.log)"
start
wait_for listening
[ -e /etc/aliases.db ] || fail "no /etc/aliases.db"
cat /srv/reachable >>/etc/postfix/main.cf
printf 'ann@far.example ann/\n' >/etc/postfix/boxes
postfix reload
runuser -u nobody -- sh -c 'printf "Subject: new\n\nnew\n" | sendmail ann@far.example'
wait_for arrived 9
dpkg -P relais >/srv/dpkg.log 2>&1 || fail "$(cat /srv/dpkg.log)"
[ ! -e /etc/postfix ] && [ ! -e /var/spool/postfix ] || fail "the purge left something"
say "1 passed"
