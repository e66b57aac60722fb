"""Random SIGKILLs of daemons, and of master at last, under load: nothing accepted is lost."""
import collections
import os
import pathlib
import random
import re
import signal
import smtplib
import threading

from mta import WAIT, process_runs, wait_for

MESSAGES = 2400
SENDERS = 8
KILLS = 48


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
        parents[int(stat.parent.name)] = (int(fields[1]), name)
    found, todo = [], [pid]
    while todo:
        parent = todo.pop()
        for child, (of, name) in parents.items():
            if of == parent:
                found.append((child, name))
                todo.append(child)
    return found


class Sender(threading.Thread):
    """Sends its numbers one by one until each got its 250, over whatever happens in between."""

    def __init__(self, mta, numbers, accepted, stop):
        super().__init__(daemon=True)
        self.mta, self.numbers, self.accepted, self.stop = mta, list(numbers), accepted, stop

    def run(self):
        client = None
        while self.numbers and not self.stop.is_set():
            number = self.numbers[-1]
            try:
                if client is None:
                    client = self.mta.smtp(timeout=20)
                client.sendmail(
                    "load@example.org",
                    [f"u{number % 7}@v.example"],
                    f"Subject: number {number}\r\nX-Number: {number}\r\n\r\n{'x' * 2000}\r\n",
                )
                self.accepted.append(number)
                self.numbers.pop()
            except (OSError, smtplib.SMTPException):
                client = None
                self.stop.wait(0.02)


def complete(mta):
    """Queue files that are whole messages: cleanup(8) makes them executable at the very end."""
    files = mta.queue_files("incoming", "active", "deferred", "hold", "corrupt")
    return [path for path in files if mode(path) & 0o100]


def mode(path):
    try:
        return path.stat().st_mode
    except FileNotFoundError:
        return 0


def test_nothing_accepted_is_lost_by_kills(virtual_domain, start_mta):
    start_mta.expect_in_log(r"killed by signal 9|bad command startup")
    mta = virtual_domain(
        main={
            "minimal_backoff_time": "1s",
            "maximal_backoff_time": "2s",
            "queue_run_delay": "1s",
            "transport_retry_time": "1s",
            "smtpd_client_connection_count_limit": "0",
        }
    )
    chance = random.Random(20260101)
    accepted, stop = [], threading.Event()
    senders = [Sender(mta, range(n, MESSAGES, SENDERS), accepted, stop) for n in range(SENDERS)]
    master = mta.master_pid()
    for sender in senders:
        sender.start()
    victims = collections.Counter()
    killed = 0
    while killed < KILLS:
        step = MESSAGES * killed // (KILLS + 8)
        wait_for(lambda: len(accepted) >= step, f"{step} accepted messages", 4 * WAIT)
        candidates = children(master)
        if not candidates:
            continue
        pid, name = chance.choice(candidates)
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
        victims[name] += 1
        killed += 1
    os.kill(master, signal.SIGKILL)  # and at last master itself, in the middle of the load
    wait_for(lambda: not process_runs(master), "master's end")
    wait_for(lambda: not mta.is_listening(), "the workers' end", WAIT)
    mta.start()
    for sender in senders:
        sender.join(4 * WAIT)
    stop.set()
    assert len(accepted) == MESSAGES

    delivered = collections.Counter()

    def all_there():
        delivered.clear()
        for path in (mta.home / "v.example").glob("*/new/*"):
            match = re.search(rb"^X-Number: (\d+)$", path.read_bytes(), re.M)
            delivered[int(match.group(1))] += 1
        return set(accepted) <= set(delivered)

    wait_for(all_there, "every accepted message", 4 * WAIT)
    mta.run("postqueue", "-f")
    wait_for(lambda: complete(mta) == [], "a queue without complete messages", 2 * WAIT)
    # What a killed cleanup(8) left half-written was never accepted; it goes away by age.
    assert len(mta.queue_files("incoming", "active", "deferred", "corrupt")) <= killed + SENDERS
    doubles = sum(n - 1 for n in delivered.values())
    print(f"{killed + 1} kills ({dict(victims)}), {len(accepted)} accepted, "
          f"{len(delivered)} delivered, {doubles} repeated")
