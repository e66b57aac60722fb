"""local(8), virtual(8) and pipe(8): where mail ends up, and what the log says."""
import os
import pwd
import re

import pytest

HOST = "mail.example.test"
TEXT = "Subject: hello\r\n\r\nbody\r\nFrom here\r\n"


@pytest.fixture
def local_mta(start_mta):
    """local_mta(aliases="...", main={...}): mailboxes in mta.home, users daemon and bin."""

    def start(aliases="", main=None, master=""):
        def prepare(mta):
            path = mta.write("aliases", aliases.replace("HOME", str(mta.home)))
            settings = {
                "alias_maps": f"texthash:{path}",
                "local_recipient_maps": "",
                "mail_spool_directory": str(mta.home),
                "recipient_delimiter": "+",
                "biff": "no",
            }
            settings.update(main or {})
            mta.configure(**settings)

        return start_mta(prepare=prepare, master=master)

    return start


def deliver(mta, user, text=TEXT, **options):
    """Sends to user@HOST, waits until it is done with, and returns the delivery lines."""
    queue_id = mta.send(text, to=f"{user}@{HOST}", **options)
    mta.wait_removed(queue_id)
    return [line for line in mta.log().splitlines() if f": {queue_id}: to=" in line]


def test_mailbox_of_a_user(local_mta):
    mta = local_mta()
    (line,) = deliver(mta, "daemon+box")
    assert f"to=<daemon+box@{HOST}>, relay=local" in line
    assert line.endswith("dsn=2.0.0, status=sent (delivered to mailbox)")
    path = mta.home / "daemon"
    text = path.read_text()
    assert re.match(
        r"From sender@example\.org  \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n"
        r"Return-Path: <sender@example\.org>\n"
        rf"X-Original-To: daemon\+box@{HOST}\n"
        rf"Delivered-To: daemon\+box@{HOST}\n"
        r"Received: ",
        text,
    )
    assert text.endswith("\n\nbody\n>From here\n\n")
    assert path.stat().st_mode & 0o777 == 0o600
    owner = pwd.getpwnam("daemon").pw_uid if os.geteuid() == 0 else os.geteuid()
    assert path.stat().st_uid == owner
    assert not (mta.home / "daemon.lock").exists()


def test_aliases_expand(local_mta):
    mta = local_mta(
        "team daemon, bin\n"
        "far x@x.example, daemon\n"
        "loop1 loop2\nloop2 loop1\n"
        "file HOME/file\n"
        "dir HOME/md/\n",
        main={"default_transport": "discard"},
    )
    lines = deliver(mta, "team")
    assert [re.search(r"to=<(\w+)@.*orig_to=<(\w+)@", line).groups() for line in lines] == [
        ("daemon", "team"),
        ("bin", "team"),
    ]
    lines = deliver(mta, "far")
    assert lines[0].endswith("(delivered to mailbox)")
    new_id = re.search(r"status=sent \(forwarded as (\w+)\)$", lines[1]).group(1)
    mta.wait_removed(new_id)
    assert re.search(rf": {new_id}: to=<x@x\.example>, orig_to=<far@{HOST}>", mta.log())
    (line,) = deliver(mta, "loop1")
    assert line.endswith("dsn=5.4.6, status=bounced (alias database loop for loop2)")
    (line,) = deliver(mta, "file")
    assert line.endswith(f"status=sent (delivered to file: {mta.home}/file)")
    (line,) = deliver(mta, "dir")
    assert line.endswith("status=sent (delivered to maildir)")
    (path,) = (mta.home / "md" / "new").iterdir()
    assert re.fullmatch(r"\d{10}\.V[0-9a-f]+I[0-9a-f]+M\d+\..+", path.name)
    (line,) = deliver(mta, "nouser")
    assert line.endswith('dsn=5.1.1, status=bounced (unknown user: "nouser")')


def test_owner_takes_over(local_mta):
    mta = local_mta(
        "list daemon, x@x.example\nowner-list bin\n", main={"default_transport": "discard"}
    )
    (line,) = deliver(mta, "list")
    new_id = re.search(r"forwarded as (\w+)\)$", line).group(1)
    mta.wait_removed(new_id)
    assert f"{new_id}: from=<owner-list@{HOST}>" in mta.log()
    text = (mta.home / "daemon").read_text()
    assert f"Return-Path: <owner-list@{HOST}>" in text
    assert re.search(rf"Delivered-To: daemon@{HOST}\nReceived: .*\n\tid .*\nDelivered-To: list@{HOST}\n", text)


def test_commands(local_mta):
    mta = local_mta(
        'ok "|cat >HOME/out; env >HOME/env; id -u >HOME/id"\n'
        'dead "|echo hello; exit 3"\n'
        'nouser2 "|exit 67"\n'
        'code "|echo 5.1.6 moved; exit 1"\n'
        'slow "|sleep 60"\n',
        main={"command_time_limit": "1s"},
    )
    (line,) = deliver(mta, "ok+ext", sender='"a;b"@example.org')
    assert "status=sent (delivered to command: cat >" in line
    out = (mta.home / "out").read_text()
    assert out.startswith('From "a;b"@example.org  ')
    assert out.endswith("\n\nbody\nFrom here\n")
    env = dict(line.split("=", 1) for line in (mta.home / "env").read_text().splitlines())
    assert env["USER"] == "ok" and env["EXTENSION"] == "ext" and env["SENDER"] == "a_b@example.org"
    assert env["PATH"] == "/usr/bin:/bin" and "ASAN_OPTIONS" not in env
    uid = int((mta.home / "id").read_text())
    assert uid == (pwd.getpwnam("nobody").pw_uid if os.geteuid() == 0 else os.geteuid())
    for name, want in (
        ("dead", r'dsn=5\.3\.0, status=bounced \(Command died with status 3: "echo hello; exit 3"\. '
                 r"Command output: hello \)"),
        ("nouser2", r"dsn=5\.1\.1, status=bounced \(user unknown\)"),
        ("code", r"dsn=5\.1\.6, status=bounced \(moved \)"),
        ("slow", r'dsn=5\.3\.0, status=bounced \(Command time limit exceeded: "sleep 60"\)'),
    ):
        (line,) = deliver(mta, name)
        assert re.search(want + "$", line), line


def test_includes_forward_and_restrict(local_mta):
    mta = local_mta("list :include:HOME/list\n")
    (mta.home / "list").write_text("# people\ndaemon\nbin, \"|cat\"\n")
    lines = deliver(mta, "list")
    assert any("forwarded as" in line for line in lines)
    assert any(line.endswith("dsn=5.7.1, status=bounced (mail to command is restricted)")
               for line in lines)
    mta.wait_idle()
    assert (mta.home / "daemon").exists() and (mta.home / "bin").exists()


def test_includes_of_a_private_owner(local_mta):
    mta = local_mta("list :include:HOME/private\nlink :include:HOME/link\n")
    path = mta.home / "private"
    path.write_text("daemon\n")
    path.chmod(0o600)
    (mta.home / "link").symlink_to(path)
    (line,) = deliver(mta, "list")
    assert "forwarded as" in line
    if os.geteuid() == 0:  # a link does not make root read what its target protects
        (line,) = deliver(mta, "link")
        assert line.endswith("dsn=5.3.5, status=bounced (mail system configuration error)")


def test_loop_is_stopped(local_mta):
    mta = local_mta()
    (line,) = deliver(mta, "daemon", f"Delivered-To: DAEMON@{HOST}\r\nSubject: x\r\n\r\nx\r\n")
    assert line.endswith(f"dsn=5.4.6, status=bounced (mail forwarding loop for daemon@{HOST})")


def test_full_mailbox_is_rolled_back(local_mta):
    mta = local_mta(main={"mailbox_size_limit": "30000", "message_size_limit": "28000"})
    text = "Subject: x\r\n\r\n" + ("x" * 800 + "\r\n") * 20
    deliver(mta, "daemon", text)
    size = (mta.home / "daemon").stat().st_size
    (line,) = deliver(mta, "daemon", text)
    assert line.endswith(
        f"dsn=5.2.2, status=bounced (cannot update mailbox {mta.home}/daemon for user daemon. "
        "error writing message: File too large)"
    )
    assert (mta.home / "daemon").stat().st_size == size


def test_names_that_must_exist(local_mta):
    mta = local_mta()
    (line,) = deliver(mta, "postmaster")
    assert line.endswith("dsn=2.0.0, status=sent (discarded)")
    assert "warning: required alias not found: postmaster" in mta.log()
    deliver(mta, "root")  # the file is root's own, also in an instance of an ordinary user
    assert (mta.home / "root").stat().st_uid == os.geteuid()
    assert (mta.home / "root").read_text().endswith("\n\nbody\n>From here\n\n")


def test_virtual_failures(start_mta):
    def prepare(mta):
        boxes = "inline:{a@v.example=a b@v.example=b/ c@v.example=c up@v.example=../x e@v.example=no/e}"
        mta.configure(
            virtual_mailbox_domains="v.example",
            virtual_mailbox_base=str(mta.home),
            virtual_mailbox_maps=boxes,
            virtual_uid_maps="inline:{a@v.example=1234 b@v.example=1234 c@v.example=5 "
            "up@v.example=1234 e@v.example=1234}",
            virtual_gid_maps="static:1234",
        )

    mta = start_mta(prepare=prepare)
    for user, want in (
        ("a", r"dsn=2\.0\.0, status=sent \(delivered to mailbox\)"),
        ("B", r"dsn=2\.0\.0, status=sent \(delivered to maildir\)"),
        ("c", r"dsn=4\.3\.5, status=deferred \(mail system configuration error\)"),
        ("up", r"dsn=4\.3\.5, status=deferred \(mail system configuration error\)"),
        ("e", r"dsn=4\.2\.0, status=deferred \(delivery failed to mailbox .*/no/e: unable to create "
              r"lock file .*/no/e\.lock: No such file or directory\)"),
    ):
        queue_id = mta.send(TEXT, to=f"{user}@v.example")
        line = mta.wait_status(queue_id, r"\w+")
        assert re.search(want + "$", line), line
    assert "warning: recipient c@v.example: bad uid 5 in virtual_uid_maps" in mta.log()
    if os.geteuid() == 0:
        assert (mta.home / "a").stat().st_uid == 1234
        assert (mta.home / "b").stat().st_uid == 1234


def test_fallback_transport(local_mta):
    mta = local_mta(main={"fallback_transport": "discard:gone"})
    (line,) = deliver(mta, "nouser")
    assert "postfix/discard[" in line and line.endswith("(gone)")
    (line,) = deliver(mta, "daemon")
    assert line.endswith("(delivered to mailbox)")


def test_luser_relay(local_mta):
    mta = local_mta(main={"luser_relay": "daemon+$user"})
    (line,) = deliver(mta, "nouser")
    assert f"to=<daemon+nouser@{HOST}>, orig_to=<nouser@{HOST}>" in line


def test_mailbox_transport(local_mta):
    mta = local_mta(main={"mailbox_transport": "discard"})
    (line,) = deliver(mta, "daemon")
    assert "postfix/discard[" in line


def test_pipe(local_mta):
    script = (
        "mypipe unix - n n - - pipe flags=DORhu user=daemon null_sender= "
        "argv=/bin/sh HOME/script ${recipient} ${sender} ${extension} ${user} ${domain} ${nexthop}\n"
        "small unix - n n - - pipe size=10 user=daemon argv=/bin/cat\n"
        "wrong unix - n n - - pipe user=daemon argv=/bin/cat ${nosuch}\n"
    )

    def scripted(mta):
        mta.master_extra = script.replace("HOME", str(mta.home))
        (mta.home / "script").write_text('cat >"$(dirname "$0")/got"; echo "$@"; [ "${1%%@*}" != fail ]\n')
        mta.configure(
            transport_maps="inline:{p.example=mypipe s.example=small w.example=wrong}",
            relay_domains="p.example s.example w.example",
            relay_recipient_maps="",
        )
        mta.reload()

    mta = local_mta()
    scripted(mta)
    queue_id = mta.send(TEXT, to="User+Ext@P.Example")
    line = mta.wait_status(queue_id, "sent")
    assert line.endswith(
        "relay=mypipe, " + line.split("relay=mypipe, ")[1].split("dsn=")[0] + "dsn=2.0.0, status=sent "
        "(delivered via mypipe service (user+ext@p.example sender@example.org ext user p.example "
        "p.example))"
    )
    got = (mta.home / "got").read_text()
    assert got.startswith(
        "Return-Path: <sender@example.org>\nX-Original-To: User+Ext@P.Example\n"
        "Delivered-To: User+Ext@P.Example\nReceived:"
    )
    queue_id = mta.send(TEXT, to="fail@p.example")
    assert 'dsn=5.3.0, status=bounced (Command died with status 1: "/bin/sh"' in mta.wait_status(
        queue_id, "bounced")
    queue_id = mta.send(TEXT, to="x@s.example")
    assert "dsn=5.2.3, status=bounced (message too large)" in mta.wait_status(queue_id, "bounced")
    queue_id = mta.send(TEXT, to="x@w.example")
    assert "dsn=4.3.5, status=deferred (mail system configuration error)" in mta.wait_status(
        queue_id, "deferred")
    mta.wait_log(r'service wrong: unknown macro name: "nosuch"')
