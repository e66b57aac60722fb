"""scenario: reads the small files that say what both mailers are to be put through.

A file is a title line `# what it shows` and sections, each begun by a line `--- KIND ARGS`:

    --- main.cf            settings on top of the common ones
    --- master.cf          services on top of the common ones
    --- table NAME TYPE    source of a table, indexed with postmap
    --- aliases            the local alias database
    --- file NAME [mode=0755] [owner=games]
    --- dns                NAME TYPE DATA... | NAME FAIL
    --- hop | hop2 | lmtp  rules for a next hop, see player.add_rule()
    --- client [port=P] [from=ADDR]   an SMTP session, see player.Client
    --- pipe COMMAND       a command that reads the section as its input
    --- run                one command a line
    --- wait REGEX         until the log has such a line
    --- unstable REASON    left out unless named on the command line
    --- differs REASON     -line of Postfix / +line of Relais that may differ

Words in capitals between @ stand for what an instance has for itself: @ETC@ @MAIL@ @HOP@ ...
Sections of configuration hold from the start, the others are played in their order.
"""
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parent / "scenarios"
SETUP = {"main.cf", "master.cf", "table", "aliases", "file", "dns"}
ACTIONS = {"hop", "hop2", "lmtp", "client", "pipe", "run", "wait"}


class Section:
    def __init__(self, kind, args, line):
        self.kind, self.args, self.line, self.lines = kind, args, line, []

    @property
    def text(self):
        return "".join(line + "\n" for line in self.lines)

    @property
    def options(self):
        return dict(arg.split("=", 1) for arg in self.args.split() if "=" in arg)

    @property
    def words(self):
        return [arg for arg in self.args.split() if "=" not in arg]


class Scenario:
    def __init__(self, path):
        self.path = path
        self.name = str(path.relative_to(FOLDER).with_suffix(""))
        self.expected_path = path.with_suffix(".expected")
        self.title, self.sections = "", []
        for number, line in enumerate(path.read_text().split("\n"), 1):
            if line.startswith("--- "):
                kind, _, args = line[4:].partition(" ")
                if kind not in SETUP | ACTIONS | {"differs", "unstable"}:
                    raise ValueError(f"{path}:{number}: unknown section {kind}")
                self.sections.append(Section(kind, args.strip(), number))
            elif self.sections:
                self.sections[-1].lines.append(line)
            elif line.startswith("# ") and not self.title:
                self.title = line[2:]
        for section in self.sections:  # a blank line before the next section is for the eye
            while section.lines and not section.lines[-1].strip():
                section.lines.pop()

    def of_kind(self, *kinds):
        return [section for section in self.sections if section.kind in kinds]

    @property
    def actions(self):
        return self.of_kind(*ACTIONS)

    def differences(self):
        """[(reason, "-" or "+", line)], as listed."""
        return [
            (section.args, line[0], line[1:])
            for section in self.of_kind("differs") for line in section.lines if line
        ]


class Rule:
    """One line of rules.txt: a difference that holds for all scenarios."""

    def __init__(self, reason, side, pattern, replacement):
        self.reason, self.side, self.used = reason, side, 0
        self.pattern, self.replacement = re.compile(pattern, re.M), replacement

    def apply(self, text):
        text, count = self.pattern.subn(self.replacement, text)
        self.used += count
        return text


def read_rules():
    rules, reason = [], ""
    for line in (FOLDER.parent / "rules.txt").read_text().splitlines():
        if line.startswith("# "):
            reason = line[2:]
        elif line.strip():
            side, pattern, replacement = re.match(r"(\w+): (.*?) =>(?: (.*))?$", line).groups()
            rules.append(Rule(reason, side, pattern, (replacement or "").replace("\\n", "\n")))
    return rules


def read_scenarios(words):
    """All scenarios, or those whose names hold one of the words."""
    found = [Scenario(path) for path in sorted(FOLDER.rglob("*.txt"))]
    if words:
        return [s for s in found if any(word in s.name for word in words)]
    return [s for s in found if not s.of_kind("unstable")]
