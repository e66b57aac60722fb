"""Debian's own master.cf, services chrooted and programs named that Relais does not have."""
import re

# The services of Debian 12's package: chroot column and order as there.
DEBIAN = """\
{smtp_service} inet n - y - - smtpd
pickup    unix  n       -       y       60      1       pickup
cleanup   unix  n       -       y       -       0       cleanup
qmgr      unix  n       -       n       300     1       qmgr
tlsmgr    unix  -       -       y       1000?   1       tlsmgr
rewrite   unix  -       -       y       -       -       trivial-rewrite
bounce    unix  -       -       y       -       0       bounce
defer     unix  -       -       y       -       0       bounce
trace     unix  -       -       y       -       0       bounce
verify    unix  -       -       y       -       1       verify
flush     unix  n       -       y       1000?   0       flush
proxymap  unix  -       -       n       -       -       proxymap
proxywrite unix -       -       n       -       1       proxymap
smtp      unix  -       -       y       -       -       smtp
relay     unix  -       -       y       -       -       smtp
        -o syslog_name=postfix/$service_name
showq     unix  n       -       y       -       -       showq
error     unix  -       -       y       -       -       error
retry     unix  -       -       y       -       -       error
discard   unix  -       -       y       -       -       discard
local     unix  -       n       n       -       -       local
virtual   unix  -       n       n       -       -       virtual
lmtp      unix  -       -       y       -       -       lmtp
anvil     unix  -       -       y       -       1       anvil
scache    unix  -       -       y       -       1       scache
postlog   unix-dgram n  -       n       -       1       postlogd
maildrop  unix  -       n       n       -       -       pipe
  flags=DRXhu user=vmail argv=/usr/bin/maildrop -d ${{recipient}}
"""


def test_takes_mail_and_delivers_it(start_mta, next_hop):
    def debian(mta):
        mta.services = DEBIAN
        mta.write_config()

    mta = start_mta(main={"relayhost": next_hop.nexthop}, prepare=debian)
    queue_id = mta.send("Subject: a\r\n\r\nby SMTP\r\n", to="x@out.example")
    mta.wait_removed(queue_id)
    assert next_hop.take_message().recipients == ["x@out.example"]
    # There is no submit service: sendmail leaves the message to postdrop and pickup.
    mta.run("sendmail", "-f", "a@b.example", "y@out.example", input="Subject: b\n\nby sendmail\n")
    assert next_hop.take_message().recipients == ["y@out.example"]
    if mta.root:
        assert (mta.spool / "etc/hosts").read_bytes() == open("/etc/hosts", "rb").read()
        assert re.search(r"connect from localhost\[127\.0\.0\.1\]", mta.log())


def test_upgrade_adds_what_is_missing(start_mta):
    def debian(mta):
        mta.services = DEBIAN
        mta.write_config()

    mta = start_mta(start=False, prepare=debian)
    mta.run("postfix", "upgrade-configuration")
    lines = (mta.etc / "master.cf").read_text().splitlines()
    assert sum(line.startswith("submit ") for line in lines) == 1
    assert sum(line.startswith("smtp ") for line in lines) == 1
    before = (mta.etc / "master.cf").read_text()
    mta.run("postfix", "upgrade-configuration")
    assert (mta.etc / "master.cf").read_text() == before
