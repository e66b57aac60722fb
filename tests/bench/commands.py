"""commands: what an administrator or user starts: sendmail, mailq, postsuper, postmap."""
import os
import pathlib
import random
import shutil
import subprocess
import time

from measure import Meter, benchmark, cpu_of_command, drained
from mta import wait_for


@benchmark("sendmail(1), one after the other", {"ms/submission": ("<=", 0.40)},
           lambda tools, mta: {"defer_transports": "smtp"})
def sendmail(run, mta):
    count = run.count(300)
    source = mta.folder / "message"
    source.write_text("Subject: hello\n\n" + ("x" * 60 + "\n") * 16)
    argv = [mta.command("sendmail"), "-f", "bench@example.org", "ann@out.example"]
    env = mta.environment()
    meter, begin = Meter(mta), time.monotonic()
    before = os.times()
    for _ in range(count):
        actions = [(os.POSIX_SPAWN_OPEN, 0, str(source), os.O_RDONLY, 0)]
        pid = os.posix_spawn(argv[0], argv, env, file_actions=actions)
        assert os.waitpid(pid, 0)[1] == 0
    elapsed = time.monotonic() - begin
    after = os.times()
    drained(mta)
    _, daemons = meter.stop(count)
    own = sum(after[2:4]) - sum(before[2:4])
    mta.run("postsuper", "-d", "ALL")
    return {"ms/submission": 1000 * elapsed / count, "CPU ms": daemons + 1000 * own / count}


# -- a large queue ---------------------------------------------------------------------------

SAMPLES = {}


def sample(run, mta):
    """The queue file and log of one deferred message of this mailer."""
    if mta.folder not in SAMPLES:
        mta.configure(defer_transports="smtp")
        mta.start()
        run.tools.load(mta, 1, ["ann@out.example"], sessions=1)
        drained(mta)
        found = wait_for(lambda: mta.queue_files("deferred"), "a deferred message")
        SAMPLES[mta.folder] = (found[0].read_bytes(), mta.queue_files("defer")[0].read_bytes())
        mta.run("postsuper", "-d", "ALL")
        mta.stop()
    return SAMPLES[mta.folder]


def fill_queue(run, mta, count):
    message, log = sample(run, mta)
    owner = (mta.spool / "deferred").stat()
    later = time.time() + 86400
    for queue in ("deferred", "defer", "maildrop"):
        shutil.rmtree(mta.spool / queue)
        (mta.spool / queue).mkdir(mode=0o700)
        os.chown(mta.spool / queue, owner.st_uid, owner.st_gid)
        for digit in "0123456789ABCDEF" if queue != "maildrop" else "":
            (mta.spool / queue / digit).mkdir(mode=0o700)
            os.chown(mta.spool / queue / digit, owner.st_uid, owner.st_gid)
    for i in range(count):
        draft = mta.spool / "deferred" / "draft"
        with open(draft, "wb") as file:
            file.write(message)
            os.fchmod(file.fileno(), 0o700)
            os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
            inode = os.fstat(file.fileno()).st_ino
        queue_id = f"{i * 7919 % 0xFFFFF:05X}{inode:X}"
        os.utime(draft, (later, later))
        draft.rename(mta.spool / "deferred" / queue_id[0] / queue_id)
        place = mta.spool / "defer" / queue_id[0] / queue_id
        place.write_bytes(log)
        os.chmod(place, 0o600)
        os.chown(place, owner.st_uid, owner.st_gid)


def queue_size(run):
    return 100000 if run.full else run.count(20000)


@benchmark("mailq, 20,000 (FULL: 100,000)", {"s": ("<=", 0.5)}, warm_up=False, stopped=True)
def mailq(run, mta):
    count = queue_size(run)
    fill_queue(run, mta, count)
    mta.start()
    meter = Meter(mta)
    begin, own = cpu_begin()
    listing = subprocess.run([mta.command("postqueue"), "-p"], env=mta.environment(),
                             stdout=subprocess.PIPE, check=True, timeout=600).stdout
    elapsed, own = cpu_end(begin, own)
    assert listing.count(b"bench@example.org") == count, listing[-1000:]
    _, cpu = meter.stop(1)
    mta.stop()
    return {"s": elapsed, "CPU s": cpu / 1000 + own}


def cpu_begin():
    times = os.times()
    return time.monotonic(), times.children_user + times.children_system


def cpu_end(begin, own):
    times = os.times()
    return time.monotonic() - begin, times.children_user + times.children_system - own


@benchmark("postsuper, 20,000 (FULL: 100,000)", {"-d ALL s": ("<=", 0.3)},
           warm_up=False, stopped=True)
def postsuper(run, mta):
    figures = {}
    for flag in ("-r", "-d"):
        fill_queue(run, mta, queue_size(run))
        mta.log_file.touch()
        shutil.chown(mta.log_file, "postfix")
        argv = [mta.command("postsuper"), flag, "ALL"]
        elapsed, cpu = cpu_of_command(argv, mta.environment())
        assert not mta.queue_files("deferred")
        figures[f"{flag} ALL s"], figures[f"{flag} ALL CPU s"] = elapsed, cpu
    return figures


# -- tables ----------------------------------------------------------------------------------


@benchmark("postmap, a million lines", {"hash: build s": ("<=", 0.6), "hash: look-ups/s": (">=", 1.5)},
           warm_up=False, stopped=True)
def postmap(run, mta):
    mta.write_config()
    lines = 1000000 if run.scale >= 1 else run.count(1000000)
    source = mta.write("big", "")
    with open(source, "w") as file:
        for i in range(lines):
            file.write(f"user{i}@d{i % 997}.example mailbox{i}\n")
    pathlib.Path(f"{source}.db").unlink(missing_ok=True)
    argv = [mta.command("postmap"), f"hash:{source}"]
    build, build_cpu = cpu_of_command(argv, mta.environment())
    chosen = random.Random(1)
    some = [chosen.randrange(lines) for _ in range(100000)]
    keys = mta.write("keys", "".join(f"user{i}@d{i % 997}.example\n" for i in some))
    with open(keys, "rb") as file:
        argv = [mta.command("postmap"), "-q", "-", f"hash:{source}"]
        look, _ = cpu_of_command(argv, mta.environment(), stdin=file, stdout=subprocess.DEVNULL)
    return {"hash: build s": build, "hash: build CPU s": build_cpu,
            "hash: look-ups/s": len(some) / look}
