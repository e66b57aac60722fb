"""postqueue, showq and qshape: what is shown of the queue, beside what Postfix shows."""
import json
import os
import socket
import subprocess

import pytest
from mta import user_exists, wait_for, yardstick_root

MESSAGE = "Subject: test\n\ntext\n"


@pytest.fixture
def filled(start_mta):
    mta = start_mta(main={"defer_transports": "smtp"})
    ids = [
        mta.send(MESSAGE, sender="s@a.example", to=["x@b.example", "y@c.example"]),
        mta.send(MESSAGE, sender="", to="x@b.example"),
    ]
    wait_for(lambda: len(mta.queue_files("deferred")) == 2, "both deferred")
    wait_for(lambda: mta.log().count("status=deferred") == 3, "all outcomes")
    return mta, ids


def debians(mta, *args):
    tree = yardstick_root()
    if tree is None:
        pytest.skip("Debian's postfix package cannot be fetched here")
    env = {**mta.environment(), "LD_LIBRARY_PATH": str(tree / "usr/lib/postfix")}
    return subprocess.run([tree / "usr/sbin" / args[0], *args[1:]], env=env, capture_output=True, text=True)


def test_listing(filled):
    mta, ids = filled
    lines = mta.run("postqueue", "-p").stdout.splitlines()
    assert lines[0] == "-Queue ID-  --Size-- ----Arrival Time---- -Sender/Recipient-------"
    assert lines[-1] == "-- 0 Kbytes in 2 Requests."
    assert sum(line == "(deferred transport)".rjust(78) for line in lines) == 2
    assert sum(line == " " * 41 + "x@b.example" for line in lines) == 2
    assert any(line.startswith(ids[1]) and line.endswith("  MAILER-DAEMON") for line in lines)


def test_json(filled):
    mta, ids = filled
    found = {m["queue_id"]: m for m in map(json.loads, mta.run("postqueue", "-j").stdout.splitlines())}
    assert set(found) == set(ids)
    assert list(found[ids[0]]) == [
        "queue_name", "queue_id", "arrival_time", "message_size", "forced_expire", "sender", "recipients",
    ]  # fmt: skip
    assert found[ids[0]]["recipients"] == [
        {"address": "x@b.example", "delay_reason": "deferred transport"},
        {"address": "y@c.example", "delay_reason": "deferred transport"},
    ]
    assert found[ids[1]]["sender"] == "MAILER-DAEMON"


@pytest.mark.parametrize("form", ["-p", "-j"])
def test_debians_postqueue_reads_our_showq(filled, form):
    mta, _ = filled
    if not user_exists(mta.me):
        pytest.skip("Debian's programs want a main.cf whose users have names")
    # Nor may mail_owner share its number or group, as it does where we run as one user.
    etc = mta.folder / "debian"
    etc.mkdir()
    mine = (mta.etc / "main.cf").read_text().splitlines(True)
    mine = [line for line in mine if not line.startswith(("default_privs", "setgid_group"))]
    (etc / "main.cf").write_text("".join(mine) + "default_privs = nobody\nsetgid_group = daemon\n")
    ours, theirs = mta.run("postqueue", form), debians(mta, "postqueue", "-c", str(etc), form)
    assert theirs.returncode == 0, theirs.stderr
    assert theirs.stdout == ours.stdout


def test_wire_protocol(filled):
    mta, _ = filled
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(30)
        sock.connect(str(mta.spool / "public/showq"))
        data = b"".join(iter(lambda: sock.recv(65536), b""))
    assert data.startswith(b"protocol\0mail_queue_list_protocol\0\0queue_name\0deferred\0queue_id\0")
    assert data.endswith(b"reason\0deferred transport\0\0\0")


def test_the_queue_is_shown_when_the_system_is_down(filled):
    mta, ids = filled
    up = mta.run("postqueue", "-j").stdout
    mta.stop()
    down = mta.run("postqueue", "-j")
    assert down.stdout == up
    assert "warning: Mail system is down -- accessing queue directly (" in down.stderr


def test_failures_end_with_69(filled, start_mta):
    mta, _ = filled
    start_mta.expect_in_log(r"postqueue\[\d+\]: fatal: ")
    for args, text in (
        ((), "usage: postqueue -f | "),
        (("-s", "bad_@"), 'Cannot flush mail queue - invalid destination: "bad_@"'),
        (("-i", "!!"), 'Cannot flush queue ID - invalid name: "!!"'),
    ):
        result = mta.run("postqueue", *args, check=False)
        assert result.returncode == 69 and f"postqueue: fatal: {text}" in result.stderr
    mta.stop()
    result = mta.run("postqueue", "-f", check=False)
    assert result.returncode == 69
    assert result.stderr == "postqueue: fatal: Cannot flush mail queue - mail system is down\n"


@pytest.mark.parametrize("args", [(), ("-s",), ("-l", "-b", "4"), ("-p", "-m", "1")])
def test_qshape_as_the_perl_script(filled, args):
    mta, _ = filled
    tree = yardstick_root()
    if tree is None:
        pytest.skip("Debian's postfix package cannot be fetched here")
    env = {**mta.environment(), "PATH": f"{mta.command_directory()}:{os.environ['PATH']}"}
    theirs = subprocess.run(
        ["perl", tree / "usr/sbin/qshape", *args, "deferred"], env=env, capture_output=True, text=True
    ).stdout
    ours = mta.run("qshape", *args, "deferred").stdout
    assert sorted(ours.splitlines()) == sorted(theirs.splitlines())
    assert ours.splitlines()[:2] == theirs.splitlines()[:2]


def test_the_owner_needs_no_permission(start_mta):
    mta = start_mta(main={"authorized_mailq_users": "", "authorized_flush_users": ""})
    if not mta.root and mta.me.isdigit():
        pytest.skip("this user has no name")
    user = "postfix" if mta.root else None
    assert "is empty" in mta.run("postqueue", "-p", user=user).stdout
    mta.run("postqueue", "-f", user=user)
    if mta.root:
        refused = mta.run("postqueue", "-p", check=False, user="nobody")
        assert refused.returncode == 69
        assert "is not allowed to view the mail queue" in refused.stderr
