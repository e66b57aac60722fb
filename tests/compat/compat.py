"""compat: plays every scenario to Relais and compares with Debian's Postfix, live or as recorded.

    compat.py [--live] [--record] [--show] [--jobs N] [WORD...]

Without a switch the recordings beside the scenarios (NAME.expected) are the measure. --live starts
Postfix and compares with what it does now; --record also writes that down. WORDs choose scenarios.
"""
import argparse
import difflib
import os
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import time
import traceback

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "lib")]

from dns_server import DnsServer  # noqa: E402
from mta import Postfix, Relais, yardstick_root  # noqa: E402
from player import Player  # noqa: E402
from scenario import read_rules, read_scenarios  # noqa: E402

NAME_SERVER = "127.53.53.{}"  # resolv.conf knows no port: an address of its own on port 53


def play_all(kind, scenarios, results, dns=None):
    """Plays what is in the queue `scenarios`; transcripts go into `results`."""
    player = None
    while True:
        try:
            scenario = scenarios.get_nowait()
        except queue.Empty:
            break
        try:
            player = player or Player(kind, dns)
            results[scenario.name] = player.play(scenario)
        except Exception:  # noqa: what went wrong is the result
            results[scenario.name] = "(harness) " + traceback.format_exc()
            try:
                player and player.close()
            except Exception:
                traceback.print_exc()
            player = None
    if player:
        player.close()


def start(kind, scenarios, results, jobs, dns=None):
    todo = queue.Queue()
    for scenario in scenarios:
        todo.put(scenario)
    threads = [threading.Thread(target=play_all, args=(kind, todo, results, dns)) for _ in range(jobs)]
    for thread in threads:
        thread.start()
    return threads


def judge(scenario, expected, got, rules):
    """Lines of the report for what differs and is not listed."""
    for rule in rules:
        if rule.side in ("postfix", "both"):
            expected = rule.apply(expected)
        if rule.side in ("relais", "both"):
            got = rule.apply(got)
    listed = {}
    for _, sign, line in scenario.differences():
        listed[(sign, line)] = listed.get((sign, line), 0)
    report = []
    for line in difflib.unified_diff(expected.splitlines(), got.splitlines(), "postfix", "relais",
                                     n=2, lineterm=""):
        key = (line[:1], line[1:])
        if line.startswith(("---", "+++")):
            continue
        if key in listed:
            listed[key] += 1
        else:
            report.append(line)
    if not any(line.startswith(("-", "+")) for line in report):
        report = []
    report += [f"listed but not there: {sign}{line}" for (sign, line), n in listed.items() if n == 0]
    return report


def accept(scenario, report, reason):
    lines = [line for line in report if line[:1] in "-+"]
    with open(scenario.path, "a") as file:
        file.write("".join(f"{line}\n" for line in [f"\n--- differs {reason}", *lines]))


def private_resolver():
    """A mount namespace whose resolv.conf names our name server; Postfix takes no other."""
    if os.environ.get("COMPAT_NAMESPACE"):
        return
    os.environ["COMPAT_NAMESPACE"] = "1"
    folder = tempfile.mkdtemp(prefix="relais-compat-")
    address = NAME_SERVER.format(os.getpid() % 250 + 1)
    os.environ["COMPAT_DNS"] = address
    path = pathlib.Path(folder) / "resolv.conf"
    path.write_text(f"nameserver {address}\noptions timeout:2 attempts:1\n")
    path.chmod(0o644)
    script = 'mount --bind "$1" /etc/resolv.conf && shift && "$@"; s=$?; rm -rf "$0"; exit $s'
    os.execvp("unshare", ["unshare", "-m", "sh", "-c", script, folder, str(path), sys.executable, *sys.argv])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--show", action="store_true", help="print the transcripts")
    parser.add_argument("--accept", metavar="REASON", help="list what differs now, with this reason")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("words", nargs="*")
    args = parser.parse_args()
    live = args.live or args.record
    if live and (os.geteuid() != 0 or yardstick_root() is None):
        sys.exit("compat: Debian's Postfix needs root and apt; without a switch the recordings do")
    if live:
        private_resolver()
    scenarios, rules = read_scenarios(args.words), read_rules()
    begin, ours, theirs, threads = time.monotonic(), {}, {}, []
    if live:
        # Both ask the same server; each job clears it, so that one job at a time is right.
        threads += start(Postfix, scenarios, theirs, 1, DnsServer(os.environ["COMPAT_DNS"], 53))
    else:
        for scenario in scenarios:
            if scenario.expected_path.exists():
                theirs[scenario.name] = scenario.expected_path.read_text()
    threads += start(Relais, scenarios, ours, args.jobs)
    for thread in threads:
        thread.join()
    failed = 0
    for scenario in scenarios:
        expected, got = theirs.get(scenario.name), ours[scenario.name]
        if args.show:
            print(f"##### {scenario.name}: postfix\n{expected}\n##### {scenario.name}: relais\n{got}")
        if expected is None:
            report = ["no recording: run `make compat RECORD=1` where Postfix can run"]
        else:
            if args.record and "(harness)" not in expected:
                scenario.expected_path.write_text(expected)
            report = judge(scenario, expected, got, rules)
        if report and args.accept:
            accept(scenario, report, args.accept)
        elif report:
            failed += 1
            print(f"FAIL {scenario.name}: {scenario.title}")
            print("".join(f"    {line}\n" for line in report), end="")
    listed = sum(1 for s in scenarios if s.differences())
    print(f"{listed} scenarios with listed differences, {len(rules)} rules for all; "
          f"{time.monotonic() - begin:.0f} s")
    print(f"{len(scenarios) - failed} passed, {failed} failed")
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
