"""What the commands say to wrong usage and to what does not exist, and their exit codes.

Each row was observed with Debian's Postfix 3.7.11; with its package at hand some are observed again.
"""
import os
import subprocess

import pytest
from mta import BUILD, yardstick_root

POSTCAT = "postcat: fatal: "
DOWN = "postkick: warning: Cannot contact class {0} service {1} - perhaps the mail system is down"

# Command line, exit code, standard error (None: not compared, with the reason behind it).
CASES = [
    ("postlock", 75, "postlock: fatal: usage: postlock [-c config_dir] [-l lock_style] [-v] folder command..."),
    ("postlock -l bogus box true", 75, 'postlock: fatal: unknown mailbox_delivery_lock value "bogus" in "bogus"'),
    ("postlock -l fcntl box sh -c exit__7", 7, ""),
    ("postkick", 1, "postkick: fatal: usage: postkick [-c config_dir] [-v] class service request"),
    ("postkick public", 1, "postkick: fatal: usage: postkick [-c config_dir] [-v] class service request"),
    (
        "postkick public nosuch x",
        1,
        "postkick: warning: unable to look up public/nosuch: No such file or directory\n" + DOWN.format("public", "nosuch"),
    ),
    ("postlog -z", 1, None),  # the usage line of 3.7 has other flags
    ("postcat -z", 1, None),  # ours has the flags of later versions
    ("postcat -q NOSUCH", 1, POSTCAT + "open queue file NOSUCH: No such file or directory"),
    ("postcat /nonexistent", 1, POSTCAT + "open /nonexistent: No such file or directory"),
    (
        "postqueue -z",
        69,
        "postqueue: invalid option -- 'z'\npostqueue: fatal: usage: postqueue -f | postqueue -i queueid | "
        "postqueue -j | postqueue -p | postqueue -s site",
    ),
    ("postmap", 1, None),  # ours has -j
    ("postmap -q a", 1, None),
    ("postalias -z", 1, None),
    ("postconf -z", 1, None),
    ("postconf -d -n", 1, "postconf: fatal: specify one of -d -n"),
    ("postconf -m -l", 1, "postconf: fatal: specify one of -l -m"),
    ("postconf -m -n", 1, "postconf: fatal: with option -m, do not specify -n"),
    ("postconf -M -F", 1, "postconf: fatal: specify one of -F -M"),
    ("postconf -M -h", 1, "postconf: fatal: with option -M, do not specify -h"),
    ("postconf -h -H", 1, "postconf: fatal: specify one of -h -H"),
    ("postconf -t -b", 1, "postconf: fatal: specify one of -b and -t"),
    ("postconf -e -n x=y", 1, "postconf: fatal: specify one of -e -n"),
    ("postconf -e -X x", 1, "postconf: fatal: specify one of -e -X"),
    ("postconf -X -# x", 1, "postconf: fatal: specify one of -X -#"),
    ("postconf -h x=y", 1, "postconf: fatal: specify one of -e -h"),
    ("postconf -F -X a", 1, "postconf: fatal: with option -F, do not specify -X"),
    ("postconf -C bogus", 1, 'postconf: fatal: unknown -C option value "bogus" in "bogus"'),
    ("postconf -o x", 1, "postconf: fatal: invalid parameter override: x: missing '=' after attribute name"),
    ("postconf -e", 1, "postconf: fatal: -e requires name=value argument"),
    ("postconf -X", 1, "postconf: fatal: missing service argument"),
    ("postconf -e =x", 1, 'postconf: fatal: missing attribute name: "=x"'),
    ("postconf -T bogus", 1, "postconf: warning: unknown 'postconf -T' mode: bogus"),
]  # fmt: skip


def run(program, etc, command):
    name, *args = (word.replace("__", " ") for word in command.split())
    env = {k: v for k, v in os.environ.items() if not k.startswith("MAIL_")}
    env["MAIL_CONFIG"] = str(etc)
    return subprocess.run(
        [name, *args], executable=program / name, env=env, cwd=etc, capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def etc(start_mta):
    return start_mta(main={"maillog_file": None}, start=False).etc


@pytest.mark.parametrize("command, code, errors", CASES, ids=[c[0] for c in CASES])
def test_failure(etc, command, code, errors):
    programs = [BUILD / "bin"]
    # Debian's wait a second before they fail: a sample, or all with SIDE_BY_SIDE=1.
    sampled = "SIDE_BY_SIDE" in os.environ or CASES.index((command, code, errors)) % 6 == 0
    if sampled and os.geteuid() == 0 and yardstick_root() is not None:
        programs.append(yardstick_root() / "usr/sbin")
    for program in programs:
        got = run(program, etc, command)
        assert got.returncode == code, program
        if errors is not None:
            # Both take the name in messages from how they were called.
            said = got.stderr.replace(str(program) + "/", "").strip()
            assert said == errors, program
