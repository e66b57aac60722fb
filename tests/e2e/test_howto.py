"""Configurations as administrators' how-tos publish them: every line as it stands, with only the
private instance's places put behind it."""
import pathlib

import pytest

DATA = pathlib.Path(__file__).parent / "data"


class WithText:
    """Writes the how-to's own text first, then the instance's places."""

    def __init__(self, mta, main, master=""):
        self.mta, self.main, self.master = mta, main, master
        self.write_settings = mta.write_config
        mta.write_config = self.write_config

    def write_config(self):
        self.write_settings()
        path = self.mta.etc / "main.cf"
        path.write_text(self.main + "\n" + path.read_text())
        path = self.mta.etc / "master.cf"
        path.write_text(path.read_text() + self.master)


# What the how-to sets must not be set again by the harness.
PLACES = {
    name: None
    for name in ("compatibility_level", "myhostname", "mydestination", "mynetworks", "inet_interfaces",
                 "inet_protocols", "alias_maps", "alias_database")
}


def start(start_mta, main, master="", transport=""):
    mta = start_mta(start=False, hostname="hosting.example.com")
    for name in PLACES:
        mta.main_cf.pop(name)
    aliases = mta.write("aliases", (DATA / "minimal/aliases").read_text())
    mta.write("transport", transport)
    WithText(mta, main, master)
    # /etc/aliases is the machine's own; the test's copy stands in for it.
    mta.configure(alias_maps=f"hash:{aliases}", alias_database=f"hash:{aliases}")
    mta.run("newaliases")
    mta.run("postmap", f"hash:{mta.etc}/transport")
    return mta.start()


def test_minimal(start_mta):
    text = (DATA / "minimal/main.cf").read_text()
    mta = start(start_mta, text)
    shown = mta.run("postconf", "-n").stdout
    for line in ("biff = no", "mailbox_size_limit = 0", "recipient_delimiter = +",
                 "mydestination = $myhostname localhost.localdomain localhost localhost.$mydomain",
                 "smtpd_relay_restrictions = permit_mynetworks permit_sasl_authenticated defer_unauth_destination"):
        assert line in shown.splitlines()
    with mta.raw() as client:
        assert client.greeting == b"220 hosting.example.com ESMTP mail server"
        client.cmd("EHLO client.example")
        assert client.cmd("VRFY root") == b"502 5.5.1 VRFY command is disabled"
        client.cmd("MAIL FROM:<a@example.org>")
        assert client.cmd("RCPT TO:<hello@localhost>").startswith(b"250 ")
        assert client.cmd("RCPT TO:<hey+tag@hosting.example.com>").startswith(b"250 ")
        assert client.cmd("RCPT TO:<nosuch-user-here@hosting.example.com>") == (
            b"550 5.1.1 <nosuch-user-here@hosting.example.com>: Recipient address rejected: "
            b"User unknown in local recipient table")
        client.cmd("QUIT")
    # Aliases: hello goes to two addresses, daemon to /dev/null.
    queue_id = mta.send("Subject: a\r\n\r\nb\r\n", to="hello@hosting.example.com")
    for target in ("foo@example.com", "bar@example.com"):
        mta.wait_log(rf"to=<{target}>, orig_to=<hello@hosting\.example\.com>|to=<{target}>")
    mta.wait_log(rf"\]: {queue_id}: to=<hello@hosting\.example\.com>, relay=local, .*status=sent \(forwarded as ")
    queue_id = mta.send("Subject: a\r\n\r\nb\r\n", to="daemon@localhost")
    assert "status=sent (delivered to file: /dev/null)" in mta.wait_status(queue_id, "sent")


def test_webserver_with_a_slow_transport(start_mta, dns, monkeypatch):
    monkeypatch.setenv("RELAIS_DNS", dns.addr_port)
    for domain in ("orange.fr", "wanadoo.fr", "elsewhere.example"):
        dns.fail(domain)  # a name server in trouble: the mail has to wait
    text = (DATA / "minimal/main.cf").read_text() + (DATA / "webserver/main.cf.add").read_text()
    mta = start(start_mta, text, (DATA / "webserver/master.cf.add").read_text(),
                (DATA / "webserver/transport").read_text())
    shown = mta.run("postconf", "-n").stdout
    for line in ("minimal_backoff_time = 15m", "slow_destination_recipient_limit = 25",
                 "transport_maps = hash:$config_directory/transport"):
        assert line in shown.splitlines()
    assert "unused parameter" not in mta.run("postconf", "-n").stderr
    queue_id = mta.send("Subject: a\r\n\r\nb\r\n", to=["x@orange.fr", "y@wanadoo.fr", "z@elsewhere.example"])
    mta.wait_log(rf"postfix-slow/smtp\[\d+\]: {queue_id}: to=<x@orange\.fr>, .*status=deferred")
    mta.wait_log(rf"postfix-slow/smtp\[\d+\]: {queue_id}: to=<y@wanadoo\.fr>, .*status=deferred")
    mta.wait_log(rf"postfix/smtp\[\d+\]: {queue_id}: to=<z@elsewhere\.example>, .*status=deferred")


@pytest.mark.parametrize("recipient", ["x@orange.fr", "y@elsewhere.example"])
def test_webserver_relays_for_nobody_else(start_mta, recipient):
    text = (DATA / "minimal/main.cf").read_text().replace("mynetworks = 127.0.0.0/8", "mynetworks = 192.0.2.1")
    mta = start(start_mta, text + (DATA / "webserver/main.cf.add").read_text(),
                (DATA / "webserver/master.cf.add").read_text(), (DATA / "webserver/transport").read_text())
    with mta.raw() as client:
        client.cmd("EHLO client.example")
        client.cmd("MAIL FROM:<a@example.org>")
        assert client.cmd(f"RCPT TO:<{recipient}>") == (
            f"454 4.7.1 <{recipient}>: Relay access denied".encode())
