"""Compares the declared parameters and their defaults with man/man5/postconf.5, both ways."""
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
POSTCONF = ROOT / os.environ.get("BUILD", "build/release") / "bin" / "postconf"
PAGE = "man/man5/postconf.5"
ITEM = re.compile(r'^\.It Va (\S+) Pq "default: (.*)"$', re.M)
# Found out when a program starts, so that no page can know them.
OF_THE_HOST = {"mydomain", "myhostname", "mynetworks"}


def postconf(*flags):
    got = subprocess.run([POSTCONF, "-c", "/nonexistent", *flags], capture_output=True, text=True)
    return dict(re.findall(r"^(\S+)(?: = ?(.*))?$", got.stdout, re.M))


def unescape(roff):
    return roff.replace('""', '"').replace("\\&", "").replace("\\e", "\\")


def main():
    problems = []
    unbuilt = postconf("--unbuilt", "-d")
    declared = {n: v or "empty" for n, v in postconf("-d").items() if n not in unbuilt}
    page = (ROOT / PAGE).read_text()
    written = {name: unescape(default) for name, default in ITEM.findall(page)}
    names = re.findall(r"^\.It Va (\S+)", page, re.M)
    if not declared:
        problems.append(f"{POSTCONF} shows no parameters")
    for name in sorted(declared.keys() - set(names)):
        problems.append(f"{name} is declared but not described")
    for name in sorted(set(names) - declared.keys()):
        problems.append(f"{name} is described but no program declares it as built")
    for name in sorted(set(names) - written.keys()):
        problems.append(f"{name} is described without its default")
    for name, default in sorted(written.items()):
        wanted = "of the host" if name in OF_THE_HOST else declared.get(name, default)
        if default != wanted:
            problems.append(f"{name}: default is {wanted!r}, not {default!r}")
    for name in sorted(set(re.findall(r"^\.Va \(? ?(\w+_\w+)", page, re.M)) - declared.keys()):
        problems.append(f"{name} is referred to but not declared as built")
    if names != sorted(set(names)):
        problems.append("entries are not in alphabetical order, each once")
    for problem in problems:
        print(f"{PAGE}: {problem}")
    if not problems:
        print(f"parameters: {len(declared)} declared as built, all described with their defaults")
    return bool(problems)


sys.exit(main())
