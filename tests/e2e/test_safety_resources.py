"""What runs out or jumps: disk, descriptors, memory, clock, next hops. Mail is refused or waits
with the cause in the log; when it is over everything goes on, and nothing was lost."""
import ctypes
import os
import pathlib
import re
import smtplib
import struct
import subprocess

import pytest

from mta import BUILD, ROOT, WAIT, wait_for

CLONE_NEWNS = 0x00020000
HERE = "mail.example.test"
SIZE = 20000


@pytest.fixture(scope="module")
def may_mount():
    """File systems of our own, in a mount namespace that ends with this process."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS) != 0:
        pytest.skip("no mount namespaces here")
    if subprocess.run(["mount", "--make-rprivate", "/"]).returncode != 0:
        pytest.skip("mounting is not allowed here")


class SmallDisk:
    """A tmpfs at `path` that keeps what the folder held."""

    def __init__(self, path, kib):
        self.path, self.filler = path, path / "filler"
        saved = path.with_name(path.name + "-saved")
        subprocess.run(["cp", "-a", path, saved], check=True)
        owner = path.stat()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode={owner.st_mode & 0o7777:o}",
                        "tmpfs", path], check=True)
        subprocess.run(["cp", "-a", f"{saved}/.", path], check=True)
        os.chown(path, owner.st_uid, owner.st_gid)

    def fill(self):
        with open(self.filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

    def free(self):
        self.filler.unlink()

    def close(self):
        subprocess.run(["umount", "-l", self.path])


@pytest.fixture
def small_disk(may_mount):
    disks = []

    def mount(path, kib):
        disks.append(SmallDisk(path, kib))
        return disks[-1]

    yield mount
    for disk in disks:
        disk.close()


def text_of(number):
    return f"Subject: {number}\r\nX-Number: {number}\r\n\r\n" + "x" * 70 + "\r\n" + "y" * SIZE + "\r\nend\r\n"


def try_send(mta, number, to, timeout=WAIT):
    """The final reply's code."""
    try:
        with mta.smtp(timeout=timeout) as client:
            client.sendmail("sender@v.example", [to], text_of(number))
            return 250
    except smtplib.SMTPRecipientsRefused as err:
        return next(iter(err.recipients.values()))[0]
    except smtplib.SMTPResponseException as err:
        return err.smtp_code


def numbers(messages):
    return sorted(int(re.search(rb"X-Number: (\d+)", m.data).group(1)) for m in messages)


QUICK = {"minimal_backoff_time": "1s", "maximal_backoff_time": "1s", "queue_run_delay": "1s",
         "service_throttle_time": "1s",
         "transport_retry_time": "1s", "mydestination": "", "notify_classes": "",
         "message_size_limit": "0"}


def test_a_full_queue_refuses_and_recovers(small_disk, start_mta, next_hop):
    start_mta.expect_in_log(r"sendmail\[\d+\]: fatal: .*queue file write error")
    disks = []
    mta = start_mta(main={**QUICK, "relayhost": next_hop.nexthop, "defer_transports": "smtp"},
                    prepare=lambda m: disks.append(small_disk(m.spool, 600)))
    codes = [try_send(mta, n, "u@x.example") for n in range(40)]
    accepted = [n for n, code in enumerate(codes) if code == 250]
    assert 5 < len(accepted) < 40 and set(codes) <= {250, 451, 452}, codes
    mta.wait_log("not enough free space in mail queue")
    full = mta.run("sendmail", "u@x.example", input=text_of(99).replace("\r", ""), check=False)
    assert full.returncode == 75, full
    mta.wait_log("No space left on device")
    disks[0].fill()
    assert try_send(mta, 98, "u@x.example") in (451, 452)
    disks[0].free()
    mta.configure(defer_transports="")
    mta.reload()
    mta.run("postqueue", "-f")
    assert numbers(next_hop.take_messages(len(accepted))) == accepted
    wait_for(lambda: not mta.queue_files("incoming", "active", "deferred", "corrupt"), "the end")
    assert try_send(mta, 100, "u@x.example") == 250
    assert numbers([next_hop.take_message()]) == [100]


def test_a_full_queue_loses_no_failure(small_disk, virtual_domain, next_hop):
    """A recipient is refused while bounce(8) cannot write: the sender hears of it later."""
    mta = virtual_domain({**QUICK, "relayhost": next_hop.nexthop})
    mta.stop()
    disk = small_disk(mta.spool, 600)
    mta.configure(virtual_mailbox_maps="inline:{sender@v.example=sender/}", defer_transports="smtp")
    mta.start()
    next_hop.answer("RCPT", 550, "5.1.1 gone")
    queue_id = mta.send(text_of(1), sender="sender@v.example", to="u@x.example")
    mta.wait_status(queue_id, "deferred")
    mta.wait_idle()
    mta.configure(defer_transports="")
    mta.reload()
    disk.fill()
    mta.run("postqueue", "-f")
    mta.wait_log(rf"{queue_id}: to=<u@x.example>.*status=deferred.*service failure"
                 rf"|{queue_id}: status=deferred \(bounce failed\)")
    disk.free()
    mta.run("postqueue", "-f")
    mta.wait_log(rf"{queue_id}: sender non-delivery notification")
    wait_for(lambda: list((mta.home / "sender/new").glob("*")), "the report")
    wait_for(mta.is_idle, "the end")


@pytest.mark.parametrize("place", ["mbox.example", "v.example"])
def test_a_full_mailbox_defers_and_recovers(small_disk, virtual_domain, place):
    mta = virtual_domain(QUICK)
    disk = small_disk(mta.home / place, 120)
    good = mta.send(text_of(1), to=f"ann@{place}")
    mta.wait_status(good, "sent")
    disk.fill()
    queue_id = mta.send(text_of(2), to=f"ann@{place}")
    line = mta.wait_status(queue_id, "deferred")
    assert "No space left on device" in line, line
    disk.free()
    mta.run("postqueue", "-f")
    mta.wait_removed(queue_id)
    files = [p for p in (mta.home / place).rglob("*") if p.is_file()]
    data = b"".join(p.read_bytes() for p in files)
    assert data.count(b"\nend\n") == 2 and data.count(b"X-Number: 2") == 1
    assert len(files) == (2 if place == "v.example" else 1)


def make_read_only(mta, yes):
    """A remounted disk does the same; but the kernel refuses that while files are open."""
    for queue in ("maildrop", "incoming", "active", "deferred", "bounce", "defer", "trace"):
        for path in (mta.spool / queue, *(mta.spool / queue).glob("?")):
            path.chmod(0o500 if yes else 0o700)
    (mta.spool / "maildrop").chmod(0o500 if yes else 0o1730)


def test_a_read_only_queue_refuses_and_recovers(start_mta, next_hop):
    mta = start_mta(main={**QUICK, "relayhost": next_hop.nexthop})
    next_hop.answer("RCPT", 450, "4.2.1 later")
    queue_id = mta.send(text_of(1), to="u@x.example")
    mta.wait_status(queue_id, "deferred")
    mta.wait_idle()
    make_read_only(mta, True)
    mark = mta.mark()
    assert try_send(mta, 2, "u@x.example") in (451, 452, 421)
    mta.wait_log("Permission denied", since=mark)
    mta.run("postqueue", "-f", check=False)
    make_read_only(mta, False)
    next_hop.forget()
    mta.run("postqueue", "-f")
    assert numbers([next_hop.take_message()]) == [1]
    assert wait_for(lambda: try_send(mta, 3, "u@x.example") == 250, "an accepted message")
    assert numbers([next_hop.take_message()]) == [3]
    wait_for(mta.is_idle, "the end")


# ---- processes without resources -------------------------------------------------------------


def processes(mta, name):
    """Workers and template of a service."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/comm"):
        try:
            folder = os.readlink(stat.parent / "cwd")
            if stat.read_text().strip() == name and folder == str(mta.spool):
                found.append(int(stat.parent.name))
        except OSError:
            pass
    return found


def limit(mta, name, what, value):
    """By prlimit(1) as the process's user, for want of CAP_SYS_RESOURCE in containers."""
    who = {"user": mta.me, "group": mta.me, "extra_groups": []} if mta.root else {}
    for pid in processes(mta, name):
        size = value(pid) if callable(value) else value
        subprocess.run(["prlimit", "--pid", str(pid), f"--{what}={size}:"], check=False, **who)


@pytest.mark.parametrize("name", ["smtpd", "cleanup", "qmgr", "smtp"])
def test_without_descriptors_mail_waits(start_mta, next_hop, name):
    start_mta.expect_in_log("fatal: |bad command startup")  # the process may give up; master starts another
    mta = start_mta(main={**QUICK, "relayhost": next_hop.nexthop})
    assert try_send(mta, 1, "u@x.example") == 250
    next_hop.take_message()
    limit(mta, name, "nofile", 3)
    mark, accepted = mta.mark(), []
    for number in (2, 3):
        if try_answer(mta, number):
            accepted.append(number)
    if name in ("cleanup", "smtp"):
        mta.wait_log("Too many open files", since=mark)
    limit(mta, name, "nofile", 1024)
    wait_for(lambda: try_answer(mta, 9), "an accepted message", 60)
    mta.run("postqueue", "-f", check=False)
    got = set()
    wait_for(lambda: got.update(numbers([next_hop.take_message()])) or got >= {9, *accepted},
             "all messages", 60)


def try_answer(mta, number):
    try:
        return try_send(mta, number, "u@x.example", 4) == 250
    except (OSError, smtplib.SMTPException):
        return False


@pytest.mark.skipif("sanitize" in str(BUILD), reason="the sanitizer takes memory by itself")
@pytest.mark.parametrize("name", ["smtpd", "cleanup", "qmgr", "smtp"])
def test_without_memory_mail_waits(start_mta, next_hop, name):
    start_mta.expect_in_log("out of memory|fatal: |killed by signal|bad command startup|panic")
    mta = start_mta(main={**QUICK, "relayhost": next_hop.nexthop})
    assert try_send(mta, 1, "u@x.example") == 250
    next_hop.take_message()
    def what_it_has(pid):
        pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[0])
        return pages * os.sysconf("SC_PAGESIZE") + 65536

    limit(mta, name, "as", what_it_has)
    accepted = [n for n in (2, 3) if try_answer(mta, n)]
    limit(mta, name, "as", "unlimited")
    wait_for(lambda: try_answer(mta, 9), "an accepted message", 60)
    mta.run("postqueue", "-f", check=False)
    got = set()
    wait_for(lambda: got.update(numbers([next_hop.take_message()])) or got >= {9, *accepted},
             "all messages", 60)


# ---- clocks and next hops --------------------------------------------------------------------


@pytest.fixture
def shifted_clock(start_mta, tmp_path):
    """start(main) -> an instance whose clock `mta.shift(seconds)` moves."""
    if "sanitize" in str(BUILD):
        pytest.skip("the sanitizer wants to be the first library")
    library, offset = tmp_path / "clock.so", tmp_path / "offset"
    for folder in (tmp_path, *list(tmp_path.parents)[:3]):
        try:
            folder.chmod(folder.stat().st_mode | 0o055)
        except OSError:
            pass
    subprocess.run(["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O1", "-shared", "-fPIC", "-o", library,
                    ROOT / "tests/lib/clock.c", "-ldl"], check=True)
    offset.write_bytes(struct.pack("q", 0))
    offset.chmod(0o644)

    def start(main):
        mta = start_mta(main=main, start=False)
        plain = mta.environment
        mta.environment = lambda: {**plain(), "LD_PRELOAD": str(library), "CLOCK_OFFSET": str(offset)}
        mta.main_cf["import_environment"] += " LD_PRELOAD CLOCK_OFFSET"

        def shift(seconds):
            with open(offset, "r+b", buffering=0) as file:  # mapped: never shorter
                file.write(struct.pack("q", seconds))

        mta.shift = shift
        return mta.start()

    return start


@pytest.mark.parametrize("seconds", [-86400 * 400, 86400])
def test_the_clock_jumps(shifted_clock, next_hop, seconds):
    mta = shifted_clock({**QUICK, "relayhost": next_hop.nexthop})
    next_hop.answer("RCPT", 450, "4.2.1 later")
    queue_id = mta.send(text_of(1), to="u@x.example")
    mta.wait_status(queue_id, "deferred")
    mta.wait_idle()
    next_hop.forget()
    mta.shift(seconds)
    # The waiting message goes out by itself; new ones come and go.
    assert numbers([next_hop.take_message()]) == [1]
    assert try_send(mta, 2, "u@x.example") == 250
    assert numbers([next_hop.take_message()]) == [2]
    mta.shift(0)
    assert try_send(mta, 3, "u@x.example") == 250
    assert numbers([next_hop.take_message()]) == [3]
    wait_for(mta.is_idle, "the end")


@pytest.mark.parametrize("stage", ["GREETING", "MAIL", "DOT"])
def test_a_silent_next_hop_holds_up_nobody_else(start_mta, next_hop, stage):
    limits = {f"smtp_{name}_timeout": "2s" for name in (
        "connect", "helo", "mail", "rcpt", "data_init", "data_xfer", "data_done", "quit", "rset")}
    mta = start_mta(main={**QUICK, **limits, "relayhost": next_hop.nexthop,
                          "transport_maps": "inline:{good.example=discard:}"})
    next_hop.keywords.remove("PIPELINING")
    next_hop.be_silent(stage, times=1)
    waiting = mta.send(text_of(1), to="u@x.example")
    other = mta.send(text_of(2), to="u@good.example")
    mta.wait_status(other, "sent")
    mta.wait_status(waiting, "deferred")
    mta.wait_removed(waiting)
    assert numbers([next_hop.take_message()]) == [1]
