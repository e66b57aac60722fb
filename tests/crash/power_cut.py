"""power_cut: records real daemons at work, builds the states that a power cut could leave of
their files (states.py), starts Relais on them and counts every message.

  power_cut.py [--full] [--limit N]      states are told by number: `--only N` keeps one's files

Many states share one instance: each gets a number of its own in place of the message's tag and
queue IDs of its own, so that they cannot touch each other.
"""
import argparse
import ctypes
import os
import pathlib
import pwd
import re
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from mta import MASTER_CF, ROOT, Relais, wait_for  # noqa: E402
from next_hop import NextHop  # noqa: E402
from states import Journal, seeded  # noqa: E402

MARKER = rb"T\d{7}"
JOURNAL_SIZE = 256 << 20
QUEUES = ("maildrop", "incoming", "active", "deferred", "hold")
LOGS = ("bounce", "defer", "trace")
BATCH = 600
HOST = "mail.example.test"


class Bench(Relais):
    """An instance with Maildirs, a mailbox file, aliases and a next hop for everything else."""

    services = MASTER_CF

    def __init__(self, hop, extra_env=None, **kwargs):
        self.extra_env = extra_env or {}
        super().__init__(**kwargs)
        self.hop = hop
        owner = pwd.getpwnam("nobody") if self.root else pwd.getpwuid(os.geteuid())
        boxes = self.home / "v.example"
        boxes.mkdir()
        os.chown(boxes, owner.pw_uid, owner.pw_gid)
        mbox = self.home / "box"
        users = ("ann", "bob", "sender")
        maps = self.write("vmailbox", "".join(f"{u}@v.example v.example/{u}/\n" for u in users))
        self.main_cf.update({
            "virtual_mailbox_domains": "v.example",
            "virtual_mailbox_base": str(self.home),
            "virtual_mailbox_maps": f"texthash:{maps}",
            "virtual_uid_maps": f"static:{owner.pw_uid}",
            "virtual_gid_maps": f"static:{owner.pw_gid}",
            "virtual_minimum_uid": "1",
            "relayhost": hop.nexthop,
            "minimal_backoff_time": "1s",
            "maximal_backoff_time": "1s",
            "queue_run_delay": "1s",
            "transport_retry_time": "1s",
            "local_recipient_maps": "",
            "smtpd_recipient_limit": "100",
            "in_flow_delay": "0",
        })
        self.main_cf["import_environment"] += " LD_PRELOAD CRASH_LOG"
        self.write_config()
        self.aliases(f"fwd: ann@v.example, \"|cat >/dev/null\"\nout: relay@hop.example\nbox: {mbox}\n")

    def environment(self):
        return {**super().environment(), **self.extra_env}

    def make_drop_config(self):
        """A view of the queue without the socket: whose clients have to take postdrop(1)."""
        self.drop, view = self.folder / "etc-drop", self.folder / "spool-drop"
        self.drop.mkdir()
        view.mkdir()
        for path in self.spool.iterdir():
            if path.name != "submit":
                (view / path.name).symlink_to(path)
        text = (self.etc / "main.cf").read_text()
        (self.drop / "main.cf").write_text(text.replace(f"= {self.spool}\n", f"= {view}\n"))


def content(tag, extra=b"", size=300):
    body = (b"line of " + tag + b"\r\n") * (size // 18)
    return b"Subject: test\r\nX-Tag: " + tag + b"\r\n" + extra + b"\r\n" + body + b"end of " + tag + b"\r\n"


class Recording:
    """Plays the workload once and keeps what was accepted and what it has to lead to."""

    def __init__(self, mta, note):
        self.mta, self.note, self.wanted, self.count = mta, note, {}, 0
        self.drop = {}

    def tag(self, *wanted):
        self.count += 1
        tag = b"T%07d" % self.count
        self.wanted[tag.decode()] = wanted
        return tag

    def send(self, to, wanted, size=300, rcpt_options=(), client=None):
        tag = self.tag(*wanted)
        smtp = client or self.mta.smtp()
        smtp.ehlo_or_helo_if_needed()
        smtp.mail("sender@v.example")
        for address in to:
            code, text = smtp.rcpt(address, rcpt_options)
            assert code == 250, text
        code, text = smtp.data(content(tag, size=size))
        assert code == 250, text
        self.note(f"accepted {tag.decode()}")
        if client is None:
            smtp.quit()
        return re.search(rb"queued as (\w+)", text).group(1).decode()

    def submit(self, to, wanted):
        tag = self.tag(*wanted)
        data = content(tag).replace(b"\r\n", b"\n")
        self.mta.run("sendmail", "-f", "sender@v.example", *to, input=data, env=self.drop)
        self.note(f"accepted {tag.decode()}")

    def settle(self):
        wait_for(lambda: not self.mta.queue_files("maildrop", "incoming", "active", "deferred"),
                 "an empty queue\n" + self.mta.log()[-2000:])

    def play(self):
        mta = self.mta
        self.send(["ann@v.example"], ["ann"])
        self.send(["relay@hop.example"], ["relay"])
        self.send(["ann@v.example", "relay@hop.example"], ["ann", "relay"])
        self.send(["gone@hop.example"], ["sender"])
        self.send(["ann@v.example"], ["ann", "sender"], rcpt_options=["NOTIFY=SUCCESS"])
        self.send([f"fwd@{HOST}"], ["ann"])
        self.send([f"out@{HOST}"], ["relay"])
        self.send([f"box@{HOST}"], ["box"])
        self.send(["ann@v.example"], ["ann"], size=200000)
        self.send(["gone@hop.example", "ann@v.example", "relay@hop.example"],
                  ["ann", "relay", "sender"], size=80000)
        client = mta.smtp()
        for _ in range(2):
            self.send(["ann@v.example", "bob@v.example"], ["ann", "bob"], client=client)
        client.quit()
        self.submit(["ann@v.example"], ["ann"])
        self.submit(["relay@hop.example", "gone@hop.example"], ["relay", "sender"])
        self.abort()
        self.settle()
        for action in (self.flush_one, self.requeue, self.hold, self.expire):
            action()
            self.settle()
        self.hop_answers_later(False)
        mixed = self.send(["later@hop.example", "ann@v.example", "gone@hop.example"],
                          ["ann", "later", "sender"])
        mta.wait_log(rf"{mixed}: to=<later.*status=deferred")
        mta.run("postqueue", "-f")
        self.hop_answers_later(True)
        self.settle()
        mta.make_drop_config()
        self.drop = {"MAIL_CONFIG": str(mta.drop)}
        mark = mta.mark()
        self.submit(["ann@v.example"], ["ann"])
        mta.wait_log(r"postfix/pickup\[", since=mark)
        self.submit(["ann@v.example", "relay@hop.example"], ["ann", "relay"])
        self.submit(["gone@hop.example"], ["sender"])
        self.settle()

    def abort(self):
        tag = self.tag()
        with self.mta.raw() as smtp:
            for line in ("EHLO client", "MAIL FROM:<sender@v.example>", "RCPT TO:<ann@v.example>", "DATA"):
                smtp.cmd(line)
            smtp.send(content(tag, size=100000))
        with self.mta.smtp() as client:
            client.helo()

    def hop_answers_later(self, well):
        self.mta.hop.answer("RCPT", 250 if well else 450, "2.1.5 ok" if well else "4.2.1 later",
                            to="later@hop.example")

    def deferred(self, wanted):
        self.hop_answers_later(False)
        queue_id = self.send(["later@hop.example"], wanted)
        self.mta.wait_log(rf"{queue_id}: to=<later.*status=deferred")
        return queue_id

    def flush_one(self):
        queue_id = self.deferred(["later"])
        mark = self.mta.mark()
        self.mta.run("postqueue", "-i", queue_id)
        self.mta.wait_log(rf"{queue_id}: to=<later.*status=deferred", since=mark)
        self.hop_answers_later(True)
        self.mta.run("postqueue", "-f")

    def requeue(self):
        self.deferred(["later"])
        self.mta.run("postsuper", "-r", "ALL")
        self.hop_answers_later(True)
        self.mta.run("postkick", "public", "pickup", "W")  # which looks by itself once a minute

    def hold(self):
        queue_id = self.deferred(["later"])
        wait_for(lambda: (self.mta.run("postsuper", "-h", queue_id),
                          self.mta.queue_files("hold"))[1], "a held message")
        self.hop_answers_later(True)
        self.mta.run("postsuper", "-H", "ALL")

    def expire(self):
        queue_id = self.deferred(["later|sender"])
        self.mta.run("postsuper", "-f", queue_id)
        self.mta.run("postqueue", "-f")
        self.mta.wait_removed(queue_id)
        self.hop_answers_later(True)


def record(work):
    """-> (journal, wanted, names of the Maildirs' folder)"""
    library = work / "recorder.so"
    subprocess.run(
        ["gcc", "-std=gnu17", "-D_GNU_SOURCE", "-O2", "-include", "stdbool.h", "-shared", "-fPIC",
         "-o", library, ROOT / "tests/crash/recorder.c", "-ldl"], check=True)
    log = work / "journal"
    with open(log, "wb") as file:
        file.truncate(JOURNAL_SIZE)
    log.chmod(0o666)
    work.chmod(0o755)
    os.environ["CRASH_LOG"] = str(log)
    recorder = ctypes.CDLL(str(library))
    del os.environ["CRASH_LOG"]

    def note(text):
        recorder.crash_note(text.encode())

    def taken(message):
        tag = re.search(MARKER, message.data).group(0).decode()
        for address in message.recipients:
            note(f"taken {tag} {address.partition('@')[0]}")

    with NextHop() as hop:
        hop.on_content = taken
        hop.answer("RCPT", 550, "5.1.1 gone", to="gone@hop.example")
        mta = Bench(hop, {"LD_PRELOAD": str(library), "CRASH_LOG": str(log)})
        try:
            mta.start()
            recording = Recording(mta, note)
            recording.play()
            mta.stop()
            folders = {p.stat().st_ino: str(p) for p in mta.folder.rglob("*") if p.is_dir()}
            journal = Journal(log.read_bytes(), mta.spool, folders)
        finally:
            mta.remove()
    return journal, recording.wanted, mta


class State:
    def __init__(self, number, tag, moment, files, accepted, arrived):
        self.number, self.tag, self.moment, self.files = number, tag, moment, files
        self.accepted, self.arrived = accepted, arrived
        self.got = []
        self.ids = set()  # of its files, once they are laid out
        self.log = ""

    def key(self):
        return (self.tag, tuple(sorted((n, m, hash(c)) for names, m, c in self.files for n in names)),
                self.accepted, frozenset(self.arrived))

    def waits(self, spool):
        """Whether any file of the queue has it."""
        return any(path.startswith(f"{spool}/{queue}/")
                   for names, _, _ in self.files for path in names for queue in QUEUES)


def arrived(tag, files, home, wanted):
    """Where the message is already, on this disk."""
    found = set()
    end = f"end of {tag}".encode()
    for names, _, data in files:
        for path in names:
            parts = path.removeprefix(f"{home}/").split("/")
            if path.startswith(f"{home}/v.example/") and parts[2] in ("new", "cur"):
                # A report carries the tag, a message its end.
                if end in data or (parts[1] == "sender" and tag.encode() in data):
                    found.add(parts[1])
            elif path == f"{home}/box" and end in data:
                found.add("box")
    return found


def all_states(journal, wanted, mta, full):
    chance = seeded(7)
    seen, states = set(), []
    families = journal.families(MARKER)
    for tag, files in sorted(families.items()):
        queued = {t for t, what, *rest in journal.notes
                  if (what == "queued" and journal.of_id.get(rest[0]) == tag)
                  or (what == "accepted" and rest[0] == tag)}
        taken = [(t, rest[1]) for t, what, *rest in journal.notes
                 if what == "taken" and rest[0] == tag]
        moments = sorted({t for f in files for t in f.times()} | queued | {t for t, _ in taken})
        for now, present in journal.states(files, moments, 400 if full else 24, chance):
            at = arrived(tag, present, mta.home, wanted) | {role for t, role in taken if t <= now}
            state = State(len(states) + 1, tag, now, present,
                          bool(queued) and min(queued) <= now, at)
            if state.key() not in seen:
                seen.add(state.key())
                states.append(state)
    return states, len(families)


# ---- starting on them ----------------------------------------------------------------------


def place(mta, path, data, mode, owner, number):
    """Writes one file; returns the name that it has to have here."""
    temporary = mta.spool / f"crash-{number}"
    temporary.write_bytes(data)
    os.chmod(temporary, mode & 0o777)
    if owner is not None:
        os.chown(temporary, *owner)
    return temporary


def lay_out(mta, journal, state, owner):
    """The state's files in the instance's spool, under queue IDs that fit their new inodes."""
    number = b"T%07d" % (state.number % 10**7)
    ids = {}
    spool = f"{journal.spool}/"
    found = [(name.removeprefix(spool), mode, data) for names, mode, data in state.files
             for name in names if name.startswith(spool)]
    found.sort(key=lambda f: f[0].split("/")[0] in LOGS)
    for path, mode, data in found:
        queue, name = path.split("/")[0], path.rsplit("/", 1)[1]
        if queue not in QUEUES + LOGS:
            continue
        data = data.replace(state.tag.encode(), number)
        file = place(mta, path, data, mode, owner, state.number)
        if "." in name:
            new = f"{state.number}.4194303"
        elif name in ids and queue in LOGS:
            new = ids[name]
        else:
            new = ids[name] = f"{name[:5]}{file.stat().st_ino:X}"
        target = mta.spool / path.rsplit("/", 1)[0] / new
        if not target.parent.exists():
            target.parent.mkdir(parents=True)
            os.chown(target.parent, *owner)
        file.rename(target)
        state.ids.add(new)


def delivered(mta, hop):
    """[(number, where, whole?)] of all that has arrived."""
    found = []
    for path in (mta.home / "v.example").glob("*/new/*"):
        data, where = path.read_bytes(), path.parts[-3]
        tag = re.search(MARKER, data)
        found.append((int(tag.group(0)[1:]) if tag else 0, where,
                      where == "sender" or b"end of " + tag.group(0) in data))
    box = mta.home / "box"
    for data in box.read_bytes().split(b"\nFrom ") if box.exists() else ():
        tag = re.search(MARKER, data)
        if tag:
            found.append((int(tag.group(0)[1:]), "box", b"end of " + tag.group(0) in data))
    while hop.has_message():
        message = hop.take_message()
        tag = re.search(MARKER, message.data).group(0)
        for address in message.recipients:
            found.append((int(tag[1:]), address.partition("@")[0], b"end of " + tag in message.data))
    return found


def unfinished(mta):
    """Whole messages that still wait."""
    waiting = []
    for path in mta.queue_files(*QUEUES):
        try:
            if path.stat().st_mode & 0o100:
                waiting.append(path)
        except FileNotFoundError:
            pass
    return waiting


def run_batch(journal, states, wanted, keep):
    problems = []
    with NextHop() as hop:
        hop.answer("RCPT", 550, "5.1.1 gone", to="gone@hop.example")
        mta = Bench(hop)
        try:
            owner = None
            if mta.root:
                user = pwd.getpwnam("postfix")
                owner = (user.pw_uid, user.pw_gid)
            mta.run("postfix", "check", check=False)
            for state in states:
                lay_out(mta, journal, state, owner or (os.geteuid(), os.getegid()))
            mta.start()
            mta.run("postsuper", "-H", "ALL")
            wait_for(lambda: not unfinished(mta), "the end of all deliveries", 240)
            by_number = {state.number: state for state in states}
            for number, where, whole in delivered(mta, hop):
                if number not in by_number:
                    problems.append(f"a delivery to {where} of no state ({number})")
                    continue
                by_number[number].got.append(where)
                if not whole:
                    problems.append(f"state {number}: cut short at {where}")
            lines = mta.log().splitlines()
            for state in states:
                if any(judge(state, wanted[state.tag], journal.spool)):
                    state.log = "".join(f"    {line[16:]}\n" for line in lines
                                        if any(i in line for i in state.ids))
            corrupt = sum(1 for _ in (mta.spool / "corrupt").rglob("*") if _.is_file())
            bad = re.findall(r"^.*(?:panic|fatal): .*$|.*killed by signal.*", mta.log(), re.M)
            problems += bad
        except AssertionError as err:
            return [str(err), mta.log()[-3000:]], 0
        finally:
            if keep:
                shutil.copytree(mta.folder, keep, dirs_exist_ok=True)
            mta.remove()
    for state in states:
        problems += judge(state, wanted[state.tag], journal.spool)
    return problems, corrupt


def judge(state, wanted, spool):
    got = set(state.got) | state.arrived
    lost = [w for w in wanted if not any(role in got for role in w.split("|"))]
    if state.accepted and lost:
        yield f"state {state.number} ({state.tag} at {state.moment}): LOST {', '.join(lost)}\n" + show(state)
    if state.got and not state.waits(spool):
        yield f"state {state.number} ({state.tag}): {state.got} came back after removal\n" + show(state)


def show(state):
    return "".join(f"    {','.join(names)} {mode:o} {len(data)} bytes\n" for names, mode, data in state.files) + state.log


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--full", action="store_true", help="all states, not a choice of them")
    parser.add_argument("--limit", type=int, default=0, help="at most so many states")
    parser.add_argument("--only", type=int, help="one state; its instance is kept")
    options = parser.parse_args()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="relais-crash-") as folder:
        journal, wanted, mta = record(pathlib.Path(folder))
    states, families = all_states(journal, wanted, mta, options.full)
    print(f"recorded {journal.time} operations of {families} messages on "
          f"{len(journal.inodes)} files: {len(states)} states", flush=True)
    if options.only:
        states = [s for s in states if s.number == options.only]
        print(show(states[0]), states[0].accepted, states[0].arrived)
    elif options.limit and len(states) > options.limit:
        states = seeded(3).sample(states, options.limit)
    problems, corrupt = [], 0
    for at in range(0, len(states), BATCH):
        found, spoiled = run_batch(journal, states[at : at + BATCH], wanted,
                                   "/tmp/crash-state" if options.only else None)
        problems += found
        corrupt += spoiled
    for problem in problems[:40]:
        print(problem)
    accepted = sum(s.accepted for s in states)
    print(f"{len(states)} crash states ({accepted} after acceptance), "
          f"{sum(len(s.got) for s in states)} deliveries, {corrupt} unaccepted files set aside, "
          f"{len(problems)} problems, {time.monotonic() - begin:.0f} s")
    print("1 passed" if not problems else "1 failed")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
