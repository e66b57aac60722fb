"""What makes the commands pleasant: --help, and completion on the shell's command line."""
import os
import subprocess

import pytest
from mta import BUILD, ROOT, wait_for

COMMANDS = (
    "makemap newaliases postalias postcat postconf postdrop postfix postkick postlock postlog postmap postqueue "
    "postsuper qshape sendmail mailq"
).split()


@pytest.mark.parametrize("name", COMMANDS)
def test_help_is_one_screen(name):
    got = subprocess.run([BUILD / "bin" / name, "--help"], capture_output=True, text=True, timeout=30)
    lines = got.stdout.splitlines()
    assert got.returncode == 0 and got.stderr == ""
    assert lines[0].startswith("usage: ") and 1 < len(lines) <= 24
    assert max(map(len, lines)) <= 90


def complete(mta, function, *words):
    """What bash offers for the last word."""
    script = f"""
        compopt() {{ :; }}
        . {ROOT}/conf/completion/relais.bash
        COMP_WORDS=({' '.join(f"'{w}'" for w in words)}); COMP_CWORD={len(words) - 1}
        {function}; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    got = subprocess.run(
        ["bash", "-c", script], env=mta.environment(), capture_output=True, text=True, timeout=60
    )
    assert got.stderr == ""
    return got.stdout.split()


def test_completion(start_mta):
    mta = start_mta(main={"defer_transports": "smtp"})
    queue_id = mta.send("Subject: x\n\nx\n", to="a@b.example")
    wait_for(lambda: mta.queue_files("deferred"), "a deferred message")
    assert complete(mta, "_relais_postconf", "postconf", "smtpd_relay_res") == ["smtpd_relay_restrictions"]
    assert complete(mta, "_relais_postconf", "postconf", "-e", "relayh") == ["relayhost="]
    assert complete(mta, "_relais_postconf", "postconf", "-M", "relay") == ["relay/unix"]
    assert complete(mta, "_relais_postconf", "postconf", "-P", "relay") == ["relay/unix/syslog_name"]
    assert complete(mta, "_relais_postconf", "postconf", "-F", "relay/unix/ch") == ["relay/unix/chroot"]
    assert complete(mta, "_relais_postsuper", "postsuper", "-d", queue_id[:3]) == [queue_id]
    assert complete(mta, "_relais_postqueue", "postqueue", "-i", queue_id[:3]) == [queue_id]
    assert complete(mta, "_relais_postcat", "postcat", "-vq", queue_id[:3]) == [queue_id]
    assert complete(mta, "_relais_postfix", "postfix", "rel") == ["reload"]
    assert complete(mta, "_relais_qshape", "qshape", "def") == ["deferred"]


def test_makemap(start_mta):
    mta = start_mta(start=False)
    path = mta.etc / "access"
    text = "# note\n\na@B.example  \tone two \nb\tzwei\na@b.example again\n"
    made = mta.run("makemap", "hash", path, input=text)
    assert made.stderr == f'makemap: warning: {path}.db: duplicate entry: "a@b.example"\n'
    assert mta.run("postmap", "-q", "a@b.example", f"hash:{path}").stdout == "one two\n"
    assert sorted(mta.run("makemap", "-l", "hash", path).stdout.splitlines()) == ["a@b.example\tone two", "b\tzwei"]
    mta.run("makemap", "-r", "-o", "-t", ":", "hash", path, input="b:new\nc:d e\n")
    assert mta.run("postmap", "-q", "b", f"hash:{path}").stdout == "new\n"
    assert mta.run("postmap", "-q", "c", f"hash:{path}").stdout == "d e\n"
    assert mta.run("makemap", "nosuch", path, check=False).returncode == 73
    assert mta.run("makemap", check=False).returncode == 64
    assert mta.run("makemap", "-l", "hash", mta.etc / "none", check=False).returncode == 66
