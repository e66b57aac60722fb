"""Checks the arrows between the layers: a folder includes itself and what stands before it."""
import pathlib
import re
import sys

ORDER = "util config ipc dns tls table mail proto service".split()
ROOT = pathlib.Path(__file__).resolve().parents[2]
INCLUDE = re.compile(r'^#include "([^"]+)"', re.M)
# postconf shows the parameters and built-in report texts of all programs.
MAY_INCLUDE_CONFIGS = {"tools/postconf"}


def allowed(path, folder, target):
    top = target.split("/")[0]
    if "/" not in target:
        return True  # paths.h, all_params.h: written by the Makefile
    if top == folder:
        return True
    if folder in ORDER:
        return top in ORDER and ORDER.index(top) < ORDER.index(folder)
    if top in ORDER:
        return True
    return folder == "tools" and path.stem.startswith("postconf") and target.endswith("_config.h")


def main():
    problems = []
    for path in sorted((ROOT / "src").rglob("*.[ch]")):
        folder = path.relative_to(ROOT / "src").parts[0]
        text = path.read_text()
        first = text.split("\n", 1)[0]
        if not re.match(r"// [a-z0-9_-]+: \S", first):
            problems.append(f"{path.relative_to(ROOT)}: line 1 must be '// name: what it is for'")
        for target in INCLUDE.findall(text):
            if not (ROOT / "src" / target).exists() and "/" in target:
                problems.append(f"{path.relative_to(ROOT)}: no such file: {target}")
            elif not allowed(path, folder, target):
                problems.append(f"{path.relative_to(ROOT)}: {folder}/ must not include {target}")
    print("\n".join(problems) if problems else "layers: every include points upwards")
    return bool(problems)


sys.exit(main())
