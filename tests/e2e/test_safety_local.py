"""Safety of local submission and local delivery: classes of defect that audits of mail servers
found: injected records, aliases without end, addresses that reach a command, files of others."""
import os
import pwd
import re

import pytest

from mta import wait_for

HERE = "mail.example.test"
TEXT = "Subject: hello\r\n\r\nbody\r\n"


@pytest.fixture
def local_mta(start_mta):
    """local_mta(aliases, main): mailboxes in mta.home; daemon and bin are users."""

    def start(aliases="", main=None, master=""):
        def prepare(mta):
            path = mta.write("aliases", aliases.replace("HOME", str(mta.home)))
            mta.configure(**{"alias_maps": f"texthash:{path}", "local_recipient_maps": "",
                             "mail_spool_directory": str(mta.home), "recipient_delimiter": "+",
                             **(main or {})})

        return start_mta(prepare=prepare, master=master)

    return start


def deliver(mta, user, **options):
    queue_id = mta.send(TEXT, to=f"{user}@{HERE}", **options)
    mta.wait_removed(queue_id)
    return [line for line in mta.log().splitlines() if f": {queue_id}: to=" in line]


# ---- records of local submission -------------------------------------------------------------


def record(kind, payload):
    length, head = len(payload), b""
    while length >= 0x80:
        head += bytes([length & 0x7F | 0x80])
        length >>= 7
    return kind + head + bytes([length]) + payload


def message(*envelope):
    return b"".join(envelope) + record(b"M", b"") + record(b"N", b"Subject: x") + record(b"N", b"") \
        + record(b"N", b"body") + record(b"X", b"") + record(b"E", b"")


SENDER, RCPT = record(b"S", b"me@x.example"), record(b"R", b"u@x.example")
INJECTED = b"x\nR\x0bevil@x.test"

BAD_RECORDS = {
    "line break in a recipient": message(SENDER, record(b"R", b"u@x.example\nevil@x.test")),
    "line break in the sender": message(record(b"S", b"me@x.example\r\nX: evil"), RCPT),
    "NUL in a recipient": message(SENDER, record(b"R", b"u@x.example\0evil@x.test")),
    "line break in an attribute": message(SENDER, record(b"A", b"dsn_orig_rcpt=rfc822;" + INJECTED), RCPT),
    "line break in the envelope ID": message(SENDER, record(b"A", b"envelope_id=" + INJECTED), RCPT),
    "type zero": message(SENDER, RCPT, record(b"\0", b"")),
    "type zero first": record(b"\0", b"abc") + message(SENDER, RCPT),
    "length without end": SENDER + RCPT + b"N" + b"\xff" * 20,
    "length beyond the end": SENDER + RCPT + b"N\xff\xff\xff\x7f" + b"x",
    "negative length": SENDER + RCPT + b"N" + b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" + b"x",
    "envelope record in the content": SENDER + RCPT + record(b"M", b"") + record(b"R", b"evil@x.test")
    + record(b"X", b"") + record(b"E", b""),
    "pointer": SENDER + RCPT + record(b"p", b"%15d" % 0) + message(),
}


def test_bad_records_are_refused(start_mta):
    mta = start_mta(main={"defer_transports": "smtp"})
    for why, data in BAD_RECORDS.items():
        result = mta.run("postdrop", "-r", input=data, check=False)
        assert result.returncode == 65, (why, result)
        assert not mta.queue_files(), why
    # And the well-formed one passes.
    assert mta.run("postdrop", "-r", input=message(SENDER, RCPT)).returncode == 0
    mta.wait_log("to=<u@x.example>.*status=deferred")


def test_bad_records_in_maildrop_are_set_aside(start_mta):
    """Whoever wrote there past postdrop(1) gets no further."""
    mta = start_mta(main={"defer_transports": "smtp"})
    for number, (why, data) in enumerate(BAD_RECORDS.items()):
        path = mta.spool / "maildrop" / f"A{number:04X}1"
        path.write_bytes(record(b"T", b"1700000000 1") + data)
        if mta.root:
            os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
        path.chmod(0o744)
    mta.run("postkick", "public", "pickup", "W")
    wait_for(lambda: len(mta.queue_files("corrupt")) == len(BAD_RECORDS), "all in corrupt/")
    assert not mta.queue_files("maildrop", "incoming", "active", "deferred")
    assert "evil" not in "".join(line for line in mta.log().splitlines() if "to=<" in line)


def test_sendmail_arguments_cannot_inject(start_mta, next_hop):
    start_mta.expect_in_log(r"sendmail\[\d+\]: fatal: ")  # how a refusal is logged
    mta = start_mta(main={"relayhost": next_hop.nexthop, "mydestination": ""})
    tries = [
        ["-f", "me@x.example\nX-Evil: 1", "u@x.example"],
        ["-F", "name\nX-Evil: 1", "-f", "me@x.example", "u@x.example"],
        ["-f", "me@x.example", "u@x.example\nX-Evil: 1"],
        ["-f", "me@x.example", "-V", "id\nX-Evil: 1", "u@x.example"],
        ["-f", "me@x.example", "-r", "u@x.example\r\nRCPT TO:<evil@x.test>", "u@x.example"],
    ]
    passed = 0
    for arguments in tries:
        result = mta.run("sendmail", *arguments, input="Subject: x\n\nbody\n", check=False)
        passed += result.returncode == 0
    for incoming in next_hop.take_messages(passed):
        assert b"\nX-Evil" not in incoming.text.split(b"\n\n")[0]
        assert all("evil@x.test" != r for r in incoming.recipients)
    assert not any(c.startswith("RCPT TO:<evil") for c in next_hop.commands)


@pytest.mark.parametrize("damage", [b"\0\0", b"R\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", b"N\xff\xff\xff\x7f"])
def test_bad_records_in_the_queue_stop_nothing(start_mta, damage):
    mta = start_mta(main={"defer_transports": "smtp", "minimal_backoff_time": "1s"})
    queue_id = mta.send(TEXT, to="u@x.example")
    mta.wait_status(queue_id, "deferred")
    mta.wait_idle()
    path = next(p for p in mta.queue_files("deferred") if p.name == queue_id)
    data = path.read_bytes()
    at = data.index(b"A\x17rewrite_context=") if b"A\x17rewrite_context=" in data else data.index(b"S\x12")
    path.write_bytes(data[:at] + damage + data[at:])
    mta.run("postqueue", "-f")
    mta.wait_log(rf'saving corrupt file "{queue_id}"')
    mta.run("postcat", "-q", queue_id, check=False)
    other = mta.send(TEXT, to="u@x.example")
    mta.wait_status(other, "deferred")


# ---- aliases without end ---------------------------------------------------------------------


def test_includes_without_end_end(local_mta):
    mta = local_mta(
        "self :include:HOME/self\n"
        "one :include:HOME/one\n"
        "wide :include:HOME/wide\n"
        "deep0 deep1\n" + "".join(f"deep{n} deep{n + 1}\n" for n in range(1, 200))
    )
    files = {"self": f":include:{mta.home}/self\n", "one": f":include:{mta.home}/two\n",
             "two": f":include:{mta.home}/one\n:include:{mta.home}/one\n",
             "wide": f":include:{mta.home}/wide\n" * 1000}
    for name, text in files.items():
        (mta.home / name).write_text(text)
        (mta.home / name).chmod(0o644)
    for user in ("self", "one", "wide", "deep0"):
        queue_id = mta.send(TEXT, to=f"{user}@{HERE}")
        line = mta.wait_log(rf"^.*: {queue_id}: to=.*status=.*$").group(0)
        assert re.search(r"nest|loop|depth|deep|no destinations left", line), line
    mta.run("postsuper", "-d", "ALL")
    (line,) = deliver(mta, "daemon")
    assert line.endswith("(delivered to mailbox)")


# ---- addresses and commands ------------------------------------------------------------------

HOSTILE = ['";touch${IFS}HOME/owned;"', "`touch${IFS}HOME/owned`", "$(touch${IFS}HOME/owned)",
           "|touch${IFS}HOME/owned|", "'&touch${IFS}HOME/owned&'", "-oQHOME/owned", "--help"]


def senders(mta):
    """Hostile local parts as paths: what the server takes of them, with and without a domain."""
    for text in HOSTILE:
        local = text.replace("HOME", str(mta.home).replace("/", "${HOME%%[!/]*}"))
        for address in (f"<{local}@x.example>", f"<{local}>", f'<"{local}"@x.example>', f'<"{local}">'):
            yield address


def test_no_address_reaches_a_shell(local_mta):
    mta = local_mta('cmd "|echo $SENDER $EXTENSION $RECIPIENT >>HOME/out"\n', main={
        "mailbox_command": "echo $SENDER $USER $EXTENSION $LOCAL $RECIPIENT >>/dev/null",
        "strict_rfc821_envelopes": "no", "disable_vrfy_command": "no",
    })
    with mta.raw() as smtp:
        smtp.cmd("EHLO c")
        for address in senders(mta):
            smtp.cmd("RSET")
            if smtp.cmd(f"MAIL FROM:{address}")[:3] != b"250":
                continue
            assert smtp.cmd(f"RCPT TO:<cmd+ext@{HERE}>")[:3] == b"250"
            assert smtp.cmd(f"RCPT TO:<daemon@{HERE}>")[:3] == b"250"
            smtp.cmd("DATA")
            assert smtp.cmd("Subject: x\r\n\r\nb\r\n.")[:3] == b"250"
        for address in senders(mta):
            local = address.strip("<>").partition("@")[0]
            smtp.cmd("RSET")
            smtp.cmd("MAIL FROM:<s@x.example>")
            accepted = [smtp.cmd(f"RCPT TO:<{to}>")[:3] == b"250"
                        for to in (f"cmd+{local}@{HERE}", f"daemon+{local}@{HERE}")]
            if any(accepted):
                smtp.cmd("DATA")
                smtp.cmd("Subject: x\r\n\r\nb\r\n.")
    mta.wait_idle()
    assert (mta.home / "out").exists()
    assert not (mta.home / "owned").exists()


def test_a_recipient_is_no_option_of_a_command(start_mta):
    script = "#!/bin/sh\nfor a; do echo \"[$a]\" >>ARGS; done\ncat >/dev/null\n"

    def prepare(mta):
        path = mta.write("show", script.replace("ARGS", str(mta.home / "args")), 0o755)
        user = "nobody" if mta.root else mta.me
        mta.master_extra = f"show unix - n n - - pipe user={user} argv={path} -- ${{recipient}}\n"
        mta.configure(default_transport="show", allow_min_user="no")

    mta = start_mta(prepare=prepare)
    with mta.raw() as smtp:
        smtp.cmd("EHLO c")
        smtp.cmd("MAIL FROM:<s@x.example>")
        assert smtp.cmd("RCPT TO:<-x@x.example>")[:1] == b"5"
        assert smtp.cmd("RCPT TO:<a@x.example>")[:3] == b"250"
        smtp.cmd("DATA")
        assert smtp.cmd("Subject: x\r\n\r\nb\r\n.")[:3] == b"250"
    mta.wait_idle()
    wait_for(lambda: (mta.home / "args").exists(), "the command")
    assert "[-x" not in (mta.home / "args").read_text()


# ---- files of others -------------------------------------------------------------------------


def test_a_mailbox_is_never_somebody_elses_file(local_mta):
    mta = local_mta("file HOME/hard\nlink HOME/soft\n")
    victim = mta.home / "victim"
    victim.write_text("precious\n")
    victim.chmod(0o666)
    os.link(victim, mta.home / "daemon")
    os.symlink(victim, mta.home / "bin")
    os.link(victim, mta.home / "hard")
    for user in ("daemon", "bin", "file"):
        if user == "bin" and mta.root:
            os.chown(mta.home / "bin", 2, 2, follow_symlinks=False)  # not root's own wish
        queue_id = mta.send(TEXT, to=f"{user}@{HERE}")
        line = mta.wait_log(rf"^.*: {queue_id}: to=.*status=(?:bounced|deferred|sent).*$").group(0)
        assert "status=sent" not in line, line
    assert victim.read_text() == "precious\n"


def test_a_maildir_link_leads_nowhere_new(local_mta):
    """A user's own Maildir is written as that user: a link to another's is of no use."""
    mta = local_mta("", main={"home_mailbox": "", "mail_spool_directory": ""})
    if not mta.root:
        pytest.skip("there is only one user without root")
    box, victim = mta.home / "box", mta.home / "victim"
    for path in (box, victim, victim / "new", victim / "tmp", victim / "cur"):
        path.mkdir()
        path.chmod(0o700)
        os.chown(path, 2 if path == box else 1, -1)
    for name in ("new", "tmp", "cur"):
        os.symlink(victim / name, box / name)
    mta.configure(mail_spool_directory=f"{mta.home}/", virtual_mailbox_domains="v.example",
                  virtual_mailbox_base=str(mta.home), virtual_uid_maps="static:2",
                  virtual_gid_maps="static:2", virtual_minimum_uid="1",
                  virtual_mailbox_maps="inline:{u@v.example=box/}")
    mta.reload()
    queue_id = mta.send(TEXT, to="u@v.example")
    mta.wait_log(rf"{queue_id}: to=.*status=(?:bounced|deferred)")
    assert not list(victim.rglob("*.*"))


def test_a_forward_file_of_another_is_ignored(local_mta):
    mta = local_mta("", main={"forward_path": "/nowhere"})
    if not mta.root:
        pytest.skip("there is only one user without root")
    mta.configure(forward_path=f"{mta.home}/forward-$user")
    mta.reload()
    path = mta.home / "forward-daemon"
    command = f'"|touch {mta.home}/owned"\n'
    for owner, mode in ((2, 0o644), (1, 0o666)):
        path.write_text(command)
        os.chown(path, owner, -1)
        path.chmod(mode)
        (line,) = deliver(mta, "daemon")
        assert line.endswith("(delivered to mailbox)"), line
    assert not (mta.home / "owned").exists()
