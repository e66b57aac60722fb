"""Compares the declared parameters with man/man5/postconf.5, both ways."""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
POSTCONF = ROOT / os.environ.get("BUILD", "build/release") / "bin" / "postconf"


def names(*flags):
    got = subprocess.run([POSTCONF, "-c", "/nonexistent", *flags], capture_output=True, text=True)
    return {line.split(" =")[0].strip() for line in got.stdout.splitlines() if line}


def main():
    declared = names("-d") - names("--unbuilt", "-d")
    page = (ROOT / "man/man5/postconf.5").read_text()
    written = set(re.findall(r"^\.It Va (\S+)", page, re.M))
    missing, unknown = sorted(declared - written), sorted(written - declared)
    for name in missing:
        print(f"man/man5/postconf.5: {name} is declared but not described")
    for name in unknown:
        print(f"man/man5/postconf.5: {name} is described but no program declares it as built")
    if not missing and not unknown:
        print(f"parameters: {len(declared)} declared as built, all described")
    return bool(missing or unknown)


sys.exit(main())
