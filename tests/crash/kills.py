"""kills: SIGKILL for random processes of every kind while mail flows in and out by all ways.

Messages come by SMTP, by sendmail(1) through the socket and through postdrop(1); they go to
Maildirs, a mailbox file, aliases, a next hop, and back to the sender. Queue runs and postsuper(1)
go on all the time. At the end each accepted message is counted where it had to arrive.
"""
import argparse
import collections
import os
import pathlib
import random
import re
import signal
import smtplib
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from mta import process_runs, wait_for  # noqa: E402
from next_hop import NextHop  # noqa: E402
from power_cut import Bench  # noqa: E402

HOST = "mail.example.test"
# Recipient, where it arrives, share of the load.
WAYS = [
    ("ann@v.example", "ann", 8),
    ("bob@v.example", "bob", 4),
    ("relay@hop.example", "relay", 8),
    ("later@hop.example", "later", 2),
    ("gone@hop.example", "sender", 2),
    (f"fwd@{HOST}", "ann", 1),
    (f"out@{HOST}", "relay", 1),
    (f"box@{HOST}", "box", 1),
]
SMTP_SENDERS, LOCAL_SENDERS = 6, 2


def children(pid):
    """All processes below `pid`, as (pid, command)."""
    parents = {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = stat.read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        name = text[text.index("(") + 1 : text.rindex(")")]
        fields = text[text.rindex(")") + 2 :].split()
        parents.setdefault(int(fields[1]), []).append((int(stat.parent.name), name))
    found, todo = [], [pid]
    while todo:
        for child, name in parents.get(todo.pop(), ()):
            found.append((child, name))
            todo.append(child)
    return found


class Load:
    """What is to be sent, what was accepted."""

    def __init__(self, messages, seed):
        self.lock = threading.Lock()
        self.chance = random.Random(seed)
        self.todo = iter(range(1, messages + 1))
        self.accepted = {}  # number -> where it has to arrive
        self.stop = threading.Event()
        self.resume = threading.Event()  # cleared while master is being started anew
        self.resume.set()

    def next(self):
        with self.lock:
            number = next(self.todo, None)
            if number is None:
                return None
            to, where, _ = self.chance.choices(WAYS, [share for *_, share in WAYS])[0]
            return number, to, where


def text_of(number, eol):
    tag = f"T{number:07d}"
    return eol.join([f"Subject: {number}", f"X-Tag: {tag}", "", "x" * 70, "x" * 70, f"end of {tag}", ""])


class SmtpSender(threading.Thread):
    def __init__(self, mta, load):
        super().__init__(daemon=True)
        self.mta, self.load, self.client = mta, load, None

    def send(self, number, to):
        if self.client is None:
            self.client = self.mta.smtp(timeout=20)
        self.client.sendmail("sender@v.example", [to], text_of(number, "\r\n"))

    def run(self):
        while not self.load.stop.is_set():
            job = self.load.next()
            if job is None:
                return
            number, to, where = job
            while not self.load.stop.is_set():
                try:
                    self.send(number, to)
                    self.load.accepted[number] = where
                    break
                except (OSError, smtplib.SMTPException, subprocess.SubprocessError):
                    self.client = None
                    self.load.stop.wait(0.02)


class LocalSender(SmtpSender):
    """By sendmail(1), which takes the socket, or by postdrop(1) when there is none."""

    commands = []  # running now: victims as well

    def send(self, number, to):
        argv = [self.mta.command("sendmail"), "-f", "sender@v.example", to]
        env = self.mta.environment()
        if number % 2:
            env["MAIL_CONFIG"] = str(self.mta.drop)
        process = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.commands.append(process)
        try:
            process.communicate(text_of(number, "\n").encode(), timeout=60)
        finally:
            self.commands.remove(process)
        if process.returncode != 0:
            raise OSError(process.returncode)


class Operator(threading.Thread):
    """Queue runs and postsuper(1), over and over; its commands are killed now and then."""

    ACTIONS = [
        ["postqueue", "-f"], ["postqueue", "-p"], ["postsuper", "-r", "ALL", "deferred"],
        ["postsuper", "-h", "ALL", "deferred"], ["postsuper", "-H", "ALL"], ["postsuper", "-s"],
        ["postsuper", "-p"], ["postkick", "public", "pickup", "W"],
    ]

    def __init__(self, mta, load):
        super().__init__(daemon=True)
        self.mta, self.load, self.rounds, self.killed = mta, load, 0, 0

    def run(self):
        chance = random.Random(5)
        while not self.load.stop.wait(0.15):
            action = chance.choice(self.ACTIONS)
            process = subprocess.Popen(
                [self.mta.command(action[0]), *action[1:]], env=self.mta.environment(),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            self.rounds += 1
            if chance.random() < 0.1:
                self.load.stop.wait(chance.random() * 0.01)
                process.kill()
                self.killed += 1
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()


def kill(pid):
    try:
        os.kill(pid, signal.SIGKILL)
        return True
    except ProcessLookupError:
        return False


def kill_master(mta):
    master = mta.master_pid()
    kill(master)
    wait_for(lambda: not process_runs(master), "master's end")
    wait_for(lambda: not mta.is_listening(), "the workers' end", 60)
    mta.start()


def kill_randomly(mta, load, messages, kills):
    """Spreads `kills` over the load; every kind of process has the same chance."""
    chance = random.Random(20260102)
    victims = collections.Counter()
    end = time.monotonic() + 900
    while sum(victims.values()) < kills and time.monotonic() < end:
        step = messages * sum(victims.values()) // (kills + kills // 10 + 1)
        wait_for(lambda: len(load.accepted) >= step, f"{step} accepted messages", 120)
        if sum(victims.values()) % 20 == 19:
            kill_master(mta)
            victims["master"] += 1
            continue
        kinds = collections.defaultdict(list)
        for pid, name in children(mta.master_pid()):
            kinds[name].append(pid)
        for process in list(LocalSender.commands):
            kinds["sendmail"].append(process.pid)
            for pid, name in children(process.pid):
                kinds[name].append(pid)
        if not kinds:
            continue
        name = min(kinds, key=lambda kind: (victims[kind], chance.random()))
        if kill(chance.choice(kinds[name])):
            victims[name] += 1
    return victims


def complete(mta):
    waiting = []
    for path in mta.queue_files("maildrop", "incoming", "active", "deferred", "hold", "corrupt"):
        try:
            if path.stat().st_mode & 0o100:
                waiting.append(path)
        except FileNotFoundError:
            pass
    return waiting


class Arrivals:
    """(number, where) -> how often, found anew each time; files that were read stay counted."""

    def __init__(self, mta):
        self.mta, self.count, self.seen, self.box = mta, collections.Counter(), set(), 0
        self.lock = threading.Lock()

    def by_hop(self, message):
        number = int(re.search(rb"^X-Tag: T(\d+)", message.data, re.M).group(1))
        with self.lock:
            for address in message.recipients:
                self.count[number, address.partition("@")[0]] += 1

    def look(self):
        for where in ("ann", "bob", "sender"):
            folder = self.mta.home / "v.example" / where / "new"
            for entry in os.scandir(folder) if folder.exists() else ():
                if entry.path in self.seen:
                    continue
                self.seen.add(entry.path)
                data = pathlib.Path(entry.path).read_bytes()
                pattern = rb"X-Tag: T(\d+)" if where == "sender" else rb"^end of T(\d+)$"
                found = re.search(pattern, data, re.M)
                if found:
                    self.count[int(found.group(1)), where] += 1
        box = self.mta.home / "box"
        if box.exists():
            data = box.read_bytes()
            last = data.rfind(b"\n") + 1
            for found in re.finditer(rb"^end of T(\d+)$", data[self.box : last], re.M):
                self.count[int(found.group(1)), "box"] += 1
            self.box = last

    def missing(self, accepted):
        self.look()
        with self.lock:
            return [(n, where) for n, where in accepted.items() if not self.count[n, where]]


def start(hop):
    mta = Bench(hop)
    mta.main_cf.update({
        "stale_lock_time": "2s",  # a killed local(8) leaves its lock behind
        "smtpd_client_connection_count_limit": "0",
    })
    mta.start()
    mta.make_drop_config()
    return mta


def run(messages, kills):
    begin = time.monotonic()
    load = Load(messages, 20260103)
    with NextHop() as hop:
        hop.answer("RCPT", 550, "5.1.1 gone", to="gone@hop.example")
        mta = start(hop)
        arrivals = Arrivals(mta)
        hop.on_content = arrivals.by_hop
        try:
            threads = [SmtpSender(mta, load) for _ in range(SMTP_SENDERS)]
            threads += [LocalSender(mta, load) for _ in range(LOCAL_SENDERS)]
            operator = Operator(mta, load)
            for thread in (*threads, operator):
                thread.start()
            hop.answer("RCPT", 450, "4.2.1 later", to="later@hop.example", times=messages // 20)
            victims = kill_randomly(mta, load, messages, kills)
            for thread in threads:
                thread.join(300)
            load.stop.set()
            operator.join(90)
            sent = time.monotonic() - begin
            mta.run("postsuper", "-H", "ALL")
            mta.run("postkick", "public", "pickup", "W")
            mta.run("postqueue", "-f")
            try:
                wait_for(lambda: not complete(mta), "a queue without messages", 240)
            except AssertionError as err:
                print(err)
            lost = arrivals.missing(load.accepted)
            left = complete(mta)
            log = mta.log()
            for path in left[:5]:
                print("stuck:", path, "\n".join(re.findall(rf".*{path.name}.*", log)[-5:]))
            for number, where in lost[:10]:
                print(f"lost: {number} to {where}")
            trouble = re.findall(r"^.*(?:panic|fatal): .*$", log, re.M)
            for line in trouble[:10]:
                print(line)
            if lost and os.environ.get("CRASH_KEEP"):
                pathlib.Path(os.environ["CRASH_KEEP"]).write_text(log)
        finally:
            load.stop.set()
            mta.remove()
    doubles = sum(count - 1 for count in arrivals.count.values())
    print(f"{sum(victims.values())} kills ({', '.join(f'{k} {v}' for k, v in victims.most_common())}; "
          f"{operator.killed} of {operator.rounds} queue commands)")
    print(f"{len(load.accepted)} of {messages} accepted in {sent:.0f} s, {len(lost)} lost, "
          f"{len(left)} stuck, {doubles} repeated, {time.monotonic() - begin:.0f} s")
    good = not lost and not left and len(load.accepted) == messages
    print("1 passed" if good else "1 failed")
    return 0 if good else 1


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=20000)
    parser.add_argument("--kills", type=int, default=100)
    options = parser.parse_args()
    return run(options.messages, options.kills)


if __name__ == "__main__":
    sys.exit(main())
