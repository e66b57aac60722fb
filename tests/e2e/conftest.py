"""Fixtures of the end-to-end tests: private instances, scripted next hops, and one look at the
log and the sanitizer's reports after each test."""
import os
import pathlib
import pwd
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from dns_server import DnsServer  # noqa: E402
from next_hop import NextHop  # noqa: E402
from mta import Postfix, Relais, yardstick_root  # noqa: E402

# Commands end without giving every byte back; that is no leak (see also Mta.environment).
os.environ.setdefault("ASAN_OPTIONS", "detect_leaks=0")

# What no test may leave in the log unless it asked for it (see `expect_in_log`).
BAD = re.compile(r"panic: |fatal: |broken assumption|killed by signal|bad command startup")


class Instances:
    def __init__(self):
        self.all = []
        self.expected = []

    def __call__(self, main=None, master="", start=True, kind=Relais, prepare=None, **kwargs):
        mta = kind(main=main, master=master, **kwargs)
        self.all.append(mta)
        mta.write_config()
        if prepare:
            prepare(mta)
        return mta.start() if start else mta

    def expect_in_log(self, pattern):
        self.expected.append(re.compile(pattern))

    def close(self):
        problems = []
        for mta in self.all:
            mta.stop()
            for line in filter(BAD.search, mta.log().splitlines()):
                if not any(regex.search(line) for regex in self.expected):
                    problems.append(line)
            for report in mta.log_file.parent.glob("sanitizer.*"):
                problems.append(report.read_text(errors="replace")[:4000])
        for mta in self.all:
            mta.remove()
        assert not problems, "\n".join(problems)


@pytest.fixture
def start_mta(request):
    """start_mta(main={...}, master="...") -> a running private instance of Relais."""
    instances = Instances()
    yield instances
    report = getattr(request.node, "call_report", None)
    if report is not None and report.failed:
        for mta in instances.all:
            report.sections.append((f"log of {mta.folder}", mta.log()[-6000:]))
    instances.close()


@pytest.fixture
def mta(start_mta):
    """A running instance with the default test configuration."""
    return start_mta()


@pytest.fixture
def start_postfix(start_mta):
    """The same for Debian's Postfix. Its master needs root and its package apt."""
    if os.geteuid() != 0:
        pytest.skip("Debian's Postfix does not run without root")
    if yardstick_root() is None:
        pytest.skip("Debian's postfix package cannot be fetched here")

    def start(**kwargs):
        return start_mta(kind=Postfix, **kwargs)

    return start


@pytest.fixture
def next_hop():
    """A scripted SMTP server; see next_hop.py."""
    with NextHop() as hop:
        yield hop


@pytest.fixture
def dns():
    """A scripted name server for RELAIS_DNS; see dns_server.py."""
    with DnsServer() as server:
        yield server


@pytest.fixture
def mailbox_owner():
    """(uid, gid) that may own mailboxes: an unprivileged user as root, else ourselves."""
    if os.geteuid() == 0:
        user = pwd.getpwnam("nobody")
        return user.pw_uid, user.pw_gid
    return os.geteuid(), os.getegid()


@pytest.fixture
def virtual_domain(start_mta, mailbox_owner):
    """start(main) -> an instance where user@v.example has a Maildir in home/v.example/user/ and
    user@mbox.example a mailbox file home/mbox.example/user; users are ann, bob, u0-u9, m0-m199."""

    def start(main=None, **kwargs):
        uid, gid = mailbox_owner

        def prepare(mta):
            for domain in ("v.example", "mbox.example"):
                (mta.home / domain).mkdir()
                os.chown(mta.home / domain, uid, gid)
            users = ["ann", "bob", *(f"u{n}" for n in range(10)), *(f"m{n}" for n in range(200))]
            lines = [f"{u}@v.example v.example/{u}/\n{u}@mbox.example mbox.example/{u}\n" for u in users]
            boxes = mta.write("vmailbox", "".join(lines))
            mta.configure(virtual_mailbox_maps=f"texthash:{boxes}")

        settings = {
            "virtual_mailbox_domains": "v.example mbox.example",
            "virtual_uid_maps": f"static:{uid}",
            "virtual_gid_maps": f"static:{gid}",
            "virtual_minimum_uid": "1",
            "virtual_mailbox_limit": "0",
        }
        mta = start_mta(main={**settings, **(main or {})}, prepare=prepare, start=False, **kwargs)
        mta.configure(virtual_mailbox_base=str(mta.home))
        return mta.start()

    return start


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    if call.when == "call":
        item.call_report = outcome.get_result()
