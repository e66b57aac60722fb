"""measure: what all benchmarks share: CPU of a mailer, rounds in turn, the table of ratios.

A benchmark is a function of one private instance that returns its figures for one round, with
the settings and targets in its @benchmark line. The mailers take turns, so that a busy machine
slows both; the ratio of the medians is what counts. The CPU of load generator and next hop is
never part of a figure.
"""
import contextlib
import os
import pathlib
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from mta import Postfix, Relais, free_port, wait_for  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def processes():
    """{pid: (parent, CPU seconds of the children that it has waited for)}."""
    found = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = path.read_text()
            fields = text[text.rindex(")") + 2 :].split()
            found[int(path.parent.name)] = (int(fields[1]), sum(map(int, fields[13:15])) / TICK)
    return found


def tree(pid, found):
    """The process and its living descendants."""
    members, todo = [], [pid]
    while todo:
        parent = todo.pop()
        if parent in found:
            members.append(parent)
        todo.extend(child for child, (of, _) in found.items() if of == parent)
    return members


def cpu_of_tree(pid):
    """CPU seconds of a process, its living descendants, and those that they have waited for."""
    found, total = processes(), 0.0
    for member in tree(pid, found):
        total += found[member][1]
        with contextlib.suppress(OSError):
            # In nanoseconds: the ticks of stat would lose most of many short-lived workers.
            total += int(pathlib.Path(f"/proc/{member}/schedstat").read_text().split()[0]) / 1e9
    return total


class Meter:
    """Time and CPU of an instance, from making this to stop()."""

    def __init__(self, mta):
        self.master = mta.master_pid()
        self.cpu, self.time = cpu_of_tree(self.master), time.monotonic()

    def stop(self, count):
        """What `count` units cost: messages/s and CPU ms a unit."""
        seconds = time.monotonic() - self.time
        return count / seconds, 1000 * (cpu_of_tree(self.master) - self.cpu) / count


def cpu_of_command(argv, env, **kwargs):
    """Runs a command; returns elapsed and CPU seconds, of it and what it waited for."""
    before, begin = os.times(), time.monotonic()
    done = subprocess.run(argv, env=env, stderr=subprocess.PIPE, timeout=600, **kwargs)
    assert done.returncode == 0, done.stderr[-3000:]
    after, end = os.times(), time.monotonic()
    cpu = (after.children_user + after.children_system) - (
        before.children_user + before.children_system
    )
    return end - begin, cpu


@contextlib.contextmanager
def journaled_folder():
    """Makes the instances live on a fresh ext4 with a journal, as servers have it, where a loop
    device can be had. (Without a journal ext4 searches ever longer for an inode after many
    deletions, which would be measured instead of the mailers.) Yields what was found."""
    top = pathlib.Path(tempfile.mkdtemp(prefix="relais-bench-", dir="/var/tmp"))
    image, place = top / "image", top / "fs"
    place.mkdir()
    with open(image, "wb") as file:
        file.truncate(4 << 30)
    made = all(
        subprocess.run(argv, capture_output=True).returncode == 0
        for argv in (["mkfs.ext4", "-q", "-F", "-i", "4096", image], ["mount", "-o", "loop", image, place])
    )
    top.chmod(0o755)
    tempfile.tempdir = str(place)
    try:
        yield "a fresh ext4 with a journal" if made else f"the file system of {top.parent}"
    finally:
        if made:
            subprocess.run(["umount", place], check=False)
        shutil.rmtree(top, ignore_errors=True)


class Tools:
    """Debian's smtp-source and smtp-sink: load that costs little."""

    def __init__(self):
        self.postfix = Postfix()
        self.postfix.write_config()
        self.port = free_port()
        # Every loopback address is a next hop of its own.
        self.sink = subprocess.Popen(
            [self.postfix.command("smtp-sink"), "-u", "nobody", f"0.0.0.0:{self.port}", "1000"],
            env=self.postfix.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        wait_for(lambda: answers(self.port), "the next hop")

    def load(self, mta, messages, recipients, sessions=20, size=4096, fresh=False):
        """Each recipient gets its share of the messages, over its share of the sessions."""
        options = [] if fresh else ["-d"]
        share = len(recipients)
        sources = [
            subprocess.Popen(
                [self.postfix.command("smtp-source"), *options, "-s", str(max(1, sessions // share)),
                 "-m", str(messages // share), "-l", str(size), "-f", "bench@example.org",
                 "-t", recipient, f"127.0.0.1:{mta.port}"],
                env=self.postfix.environment(), stdout=subprocess.DEVNULL,
            )
            for recipient in recipients
        ]
        for source in sources:
            assert source.wait(600) == 0

    def close(self):
        self.sink.terminate()
        self.sink.wait()
        self.postfix.remove()


def answers(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def drained(mta, seconds=300):
    wait_for(mta.is_idle, "all mail to leave", seconds)


def check_status(mta, mark, status, count):
    """What was measured has to have happened."""
    wanted = f" status={status} "
    wait_for(lambda: mta.log()[mark:].count(wanted) >= count,
             f"{count} times{wanted}in the log, which ends in\n{mta.log()[mark:][-2000:]}", 10)


# -- the list of benchmarks ------------------------------------------------------------------

BENCHMARKS = []


class Benchmark:
    def __init__(self, run, title, targets, settings, warm_up, stopped):
        self.run, self.name, self.title = run, run.__name__, title
        self.targets, self.settings = targets, settings
        self.warm_up, self.stopped = warm_up, stopped


def benchmark(title, targets, settings=None, warm_up=True, stopped=False):
    """`targets`: {figure: (">=" or "<=", ratio)}; `settings`: main.cf, as a function of the
    tools and the instance's home; `stopped`: the benchmark starts the instance itself."""

    def add(run):
        BENCHMARKS.append(
            Benchmark(run, title, targets, settings or (lambda t, h: {}), warm_up, stopped)
        )
        return run

    return add


class Round:
    """What a benchmark is given beside the instance."""

    def __init__(self, tools, scale, full):
        self.tools, self.scale, self.full = tools, scale, full

    def count(self, normal):
        return max(1, int(normal * self.scale))


BASE = {"smtpd_client_connection_count_limit": "0"}


def run_benchmark(bench, args, tools):
    """Returns {figure: {mailer: median}}."""
    results = {}
    instances = []
    with contextlib.ExitStack() as stack:
        for kind in (Postfix, Relais):
            mta = kind()
            stack.callback(mta.remove)
            mta.configure(**BASE, **bench.settings(tools, mta))
            instances.append(mta)
            if not bench.stopped:
                mta.start()
            if bench.warm_up:
                bench.run(Round(tools, args.scale / 20, False), mta)
        for _ in range(args.rounds):
            for mta in instances:
                figures = bench.run(Round(tools, args.scale, args.full), mta)
                for figure, value in figures.items():
                    results.setdefault(figure, {}).setdefault(mta.name, []).append(value)
    return {
        figure: {name: statistics.median(values) for name, values in by_name.items()}
        for figure, by_name in results.items()
    }


def print_table_row(title, figure, values, target):
    ratio = values["relais"] / values["postfix"] if values["postfix"] else float("nan")
    wanted, verdict, good = "", "", True
    if target is not None:
        sign, limit = target
        good = ratio >= limit if sign == ">=" else ratio <= limit
        wanted, verdict = f"{sign} {limit:.2f}", "" if good else "  missed"
    print(f"{title:34} {figure:24} {values['postfix']:10.4g} {values['relais']:10.4g} "
          f"{ratio:7.2f}  {wanted:7}{verdict}", flush=True)
    return good
