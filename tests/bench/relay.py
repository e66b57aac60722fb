"""Relays through Relais and through Debian's Postfix, in turn, and prints medians and ratios:
messages a second, and CPU milliseconds a message over all processes of the mailer.

  relay.py [--messages 5000] [--size 4096] [--sessions 20] [--rounds 3] [--fresh]
"""
import argparse
import os
import pathlib
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))

from mta import Postfix, Relais, free_port, wait_for, yardstick_root  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


def cpu_of_tree(pid):
    """CPU seconds of a process, its living descendants, and those that it has waited for."""
    stats = {}
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text()
        except OSError:
            continue
        fields = text[text.rindex(")") + 2 :].split()
        # utime, stime, and those of waited-for children
        stats[int(path.parent.name)] = (int(fields[1]), sum(map(int, fields[11:15])))
    total, todo = 0, [pid]
    while todo:
        parent = todo.pop()
        if parent in stats:
            total += stats[parent][1]
        todo.extend(child for child, (of, _) in stats.items() if of == parent)
    return total / TICK


class Sink:
    def __init__(self, tools):
        self.port = free_port()
        self.process = subprocess.Popen(
            [tools.command("smtp-sink"), "-u", "nobody", f"127.0.0.1:{self.port}", "1000"],
            env=tools.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )

    def close(self):
        self.process.terminate()
        self.process.wait()


def one_round(mta, tools, args):
    master = mta.master_pid()
    begin_cpu, begin = cpu_of_tree(master), time.monotonic()
    options = [] if args.fresh else ["-d"]
    subprocess.run(
        [tools.command("smtp-source"), *options, "-s", str(args.sessions), "-m", str(args.messages),
         "-l", str(args.size), "-f", "bench@example.org", "-t", "sink@out.example",
         f"127.0.0.1:{mta.port}"],
        check=True, timeout=600, env=tools.environment(), capture_output=True,
    )
    wait_for(mta.is_idle, "all mail to be relayed", 300)
    elapsed = time.monotonic() - begin
    cpu = cpu_of_tree(master) - begin_cpu
    return args.messages / elapsed, 1000 * cpu / args.messages


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--fresh", action="store_true", help="one connection a message")
    parser.add_argument("--check", action="store_true", help="fail unless Relais is ahead")
    args = parser.parse_args()
    if yardstick_root() is None or os.geteuid() != 0:
        sys.exit("relay.py needs root and Debian's postfix package")
    tools = Postfix()
    sink = Sink(tools)
    results = {"relais": [], "postfix": []}
    settings = {
        "relayhost": f"[127.0.0.1]:{sink.port}",
        "smtpd_client_connection_count_limit": "0",
        "maillog_file": None,
        "syslog_facility": "local6",
    }
    settings.pop("maillog_file")
    instances = [Relais(main=settings), Postfix(main=settings)]
    try:
        for mta in instances:
            mta.start()
            one_round(mta, tools, argparse.Namespace(**{**vars(args), "messages": 200}))
        for _ in range(args.rounds):
            for mta in instances:
                results[mta.name].append(one_round(mta, tools, args))
    finally:
        sink.close()
        for mta in (*instances, tools):
            mta.remove()
    rate = {name: statistics.median(r[0] for r in rounds) for name, rounds in results.items()}
    cpu = {name: statistics.median(r[1] for r in rounds) for name, rounds in results.items()}
    print(f"{args.messages} messages of {args.size} bytes, {args.sessions} sessions, "
          f"{args.rounds} rounds")
    for name in ("postfix", "relais"):
        print(f"{name:8} {rate[name]:8.0f} messages/s {cpu[name]:8.2f} CPU ms/message")
    print(f"ratio    {rate['relais'] / rate['postfix']:8.2f}            {cpu['relais'] / cpu['postfix']:8.2f}")
    if args.check and (rate["relais"] < rate["postfix"] or cpu["relais"] > cpu["postfix"]):
        sys.exit("Relais is behind")


main()
