"""Runs Relais and Debian's Postfix in turn and prints medians, ratios and targets.

  run.py [NAME...] [--rounds 3] [--scale 1.0] [--full] [--check] [--list]

NAMEs are those of --list; none means all. --scale 0.2 sends a fifth of the mail; --full takes
100,000 queue files instead of 20,000; --check fails when a target is missed.
"""
import argparse
import datetime
import os
import signal
import sys

import flow  # noqa: F401, I001 (in the order of the table)
import commands  # noqa: F401
import resting  # noqa: F401
from measure import BENCHMARKS, Tools, journaled_folder, print_table_row, run_benchmark
from mta import yardstick_root


def run_all(args):
    tools, good = Tools(), True
    try:
        for bench in BENCHMARKS:
            if args.names and bench.name not in args.names:
                continue
            for figure, values in run_benchmark(bench, args, tools).items():
                good &= print_table_row(bench.title, figure, values, bench.targets.get(figure))
    finally:
        tools.close()
    return good


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--full", action="store_true", default=os.environ.get("FULL") == "1")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--list", action="store_true")
    args = parser.parse_args()
    if args.list:
        for bench in BENCHMARKS:
            print(f"{bench.name:10} {bench.title}")
        return
    unknown = set(args.names) - {bench.name for bench in BENCHMARKS}
    if unknown:
        sys.exit(f"no such benchmark: {' '.join(sorted(unknown))}")
    if os.geteuid() != 0 or yardstick_root() is None:
        sys.exit("the benchmarks need root and Debian's postfix package")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # what was mounted goes
    with journaled_folder() as place:
        print(f"{datetime.date.today()}, {os.cpu_count()} cores, {args.rounds} rounds, medians, "
              f"on {place}")
        print(f"{'':34} {'':24} {'Postfix':>10} {'Relais':>10} {'ratio':>7}  target")
        good = run_all(args)
    if args.check and not good:
        sys.exit("a target is missed")


main()
