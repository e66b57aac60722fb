"""Runs all bounded tests and ends with the totals of all: "N passed, M failed".

As root the end-to-end tests run three times: as root, under the sanitizers, and as a user
without any privilege. As an ordinary user: as that user, and under the sanitizers.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PLAIN_UID = 12345
totals = {"passed": 0, "failed": 0, "skipped": 0}


def count(text):
    """Adds up the closing line of a runner; returns whether there was one."""
    lines = [line for line in text.splitlines() if re.search(r"\b\d+ (passed|failed|error)", line)]
    if not lines:
        return False
    for number, what in re.findall(r"(\d+) (passed|failed|errors?|skipped)", lines[-1]):
        what = "failed" if what.startswith("error") else what
        totals[what] += int(number)
    return True


def step(title, argv, env=None, cwd=ROOT):
    print(f"== {title}", flush=True)
    begin = time.monotonic()
    process = subprocess.Popen(
        argv, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )
    output = []
    for line in process.stdout:
        output.append(line)
        print(line, end="", flush=True)
    status = process.wait()
    counted = count("".join(output))
    if not counted:
        totals["passed" if status == 0 else "failed"] += 1
    elif status != 0 and totals["failed"] == 0:
        totals["failed"] += 1
    print(f"-- {title}: {time.monotonic() - begin:.0f} s", flush=True)


def pytest(title, build, *args, env=None, prefix=(), cwd=ROOT):
    step(
        title,
        [*prefix, "/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider",
         "--tb=short", "--durations=6", "--durations-min=3", "tests/e2e", *args],
        env={"BUILD": str(build), **(env or {})},
        cwd=cwd,
    )


def as_plain_user():
    """The suite as a uid without name, home or privilege, from a copy it may read."""
    with tempfile.TemporaryDirectory(prefix="relais-plain-") as folder:
        tree = pathlib.Path(folder)
        tree.chmod(0o755)
        shutil.copytree(ROOT / "tests", tree / "tests", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(ROOT / "conf", tree / "conf")
        for part in ("bin", "libexec"):
            shutil.copytree(ROOT / "build/release" / part, tree / "build/release" / part, symlinks=True)
        (tree / "build/release/test").mkdir()
        shutil.copy(ROOT / "build/release/test/probe", tree / "build/release/test")
        (tree / "tmp").mkdir(mode=0o777)
        (tree / "tmp").chmod(0o1777)
        prefix = ["setpriv", f"--reuid={PLAIN_UID}", f"--regid={PLAIN_UID}", "--clear-groups",
                  "--no-new-privs"]
        pytest(
            "end to end, without privilege", tree / "build/release", prefix=prefix, cwd=tree,
            env={"HOME": str(tree / "tmp"), "TMPDIR": str(tree / "tmp"), "PYTHONDONTWRITEBYTECODE": "1"},
        )


def main():
    quick = "--quick" in sys.argv
    make = ["make", "--no-print-directory", "-s", "-j2"]
    step("lint", [*make, "lint"])
    step("unit tests", [*make, "check"])
    step("unit tests, sanitized", [*make, "SANITIZE=address,undefined", "check"],
         env={"ASAN_OPTIONS": "detect_leaks=0"})
    step("fuzzing, a short run", [*make, "fuzz"])
    step("power cuts and kills", [*make, "crash", "QUICK=1"])
    if os.geteuid() == 0:
        step("sameness with Postfix, by its recordings", ["/usr/bin/python3", "tests/compat/compat.py"])
    else:
        print("== sameness with Postfix: left out, its recordings are of instances that root started")
    pytest("end to end", ROOT / "build/release")
    if not quick:
        step("build, sanitized", [*make, "SANITIZE=address,undefined", "all", "probe"])
        pytest("end to end, sanitized", ROOT / "build/sanitize", env={"TEST_WAIT": "90"})
        if os.geteuid() == 0:
            as_plain_user()
    print(f"{totals['passed']} passed, {totals['failed']} failed, {totals['skipped']} skipped"
          if totals["skipped"] else f"{totals['passed']} passed, {totals['failed']} failed")
    return totals["failed"] > 0


sys.exit(main())
