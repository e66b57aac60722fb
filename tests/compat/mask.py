"""mask: makes what two instances showed comparable: times, ids, ports and order of processes."""
import hashlib
import re

LINE = re.compile(r"^\w{3} [ \d]\d \d\d:\d\d:\d\d (\S+) (\S+?)\[\d+\]: (.*)$")
QUEUE_ID = re.compile(r"^((?:[0-9A-F]{7,20})|(?:[0-9B-DF-HJ-NP-TV-Zb-df-hj-np-tv-z]{10,}z[\w]{3,})): ")
DATE = r"\w{3}, [ \d]?\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4} \(\w+\)"
PATTERNS = [(re.compile(p, re.M), r) for p, r in [
    (DATE, "DATE"),
    (r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d( \d{4})?", "TIME"),
    (r"delay=[\d.]+, delays=[\d./]+", "delay=D, delays=D"),
    (r"<\d{14}\.", "<TIME."),
    (r"tmp/\d+\.P\d+", "tmp/TIME.P"),
    (r"queued as 0000\w", "queued as HOPID"),
    (r"(localhost\[127\.0\.0\.1\]):\d+", r"\1:PORT"),
    (r"\b(ID\d+)\.\d{9,10}(/)", r"\1.SECONDS\2"),
    (r"(userid|uid=|uid )\d+", r"\1UID"),
    (r"3\.\d+\.\d+(-relais-[\d.]+)?", "VERSION"),
    (r"message_size: .*", "message_size: SIZE"),
    (r"(create_time=|arrival_time\": )\d+", r"\1SECONDS"),
    (r"(client_port=|PORT=)\d+", r"\1PORT"),
    (r"^(\s*ID\d+[*!#]?)\s+\d+ TIME", r"\1 SIZE TIME"),
    (r"(message_size\": )\d+", r"\1SIZE"),
    (r"conn_use=\d+, ", ""),
    (r"(process id|pid) \d+", r"\1 PID"),
]]
PROGRAMS = ["pickup", "submit", "cleanup", "qmgr", "smtp", "lmtp", "local", "virtual", "pipe", "error",
            "retry", "discard", "bounce", "postsuper"]


class Mask:
    """What an instance has of its own, and the queue IDs that it gave out."""

    def __init__(self, words):
        self.words = sorted(words.items(), key=lambda pair: -len(pair[1]))
        self.ids = {}

    def learn(self, log):
        """Numbers the queue IDs in the order in which the log shows them."""
        for line in log.splitlines():
            parts = LINE.match(line)
            for queue_id in re.findall(r"(?:^|notification: |forwarded as |queued as )(\w+)",
                                       parts.group(3)) if parts else ():
                if QUEUE_ID.match(queue_id + ": ") and queue_id not in self.ids:
                    self.ids[queue_id] = f"ID{len(self.ids) + 1}"

    def __call__(self, text):
        for label, value in self.words:
            if value.isdigit():
                text = re.sub(rf"\b{value}\b", label, text)
            else:
                text = text.replace(value, label)
        for queue_id, label in self.ids.items():
            text = re.sub(rf"\b{queue_id}\b", label, text)
        for pattern, replacement in PATTERNS:
            text = pattern.sub(replacement, text)
        return text

    def sizes(self, log):
        """Sizes without the share of the queue ID, in Received and perhaps Message-Id; unknown
        for reports."""
        known = set(re.findall(r"\]: (\w+): (?:client=|uid=)", log))
        added = set(re.findall(r"\]: (\w+): message-id=<\d{14}\.\1@", log))

        def plain(match):
            queue_id, middle, size = match.groups()
            if queue_id not in known:
                return f"{queue_id}{middle}SIZE"
            return f"{queue_id}{middle}{int(size) - len(queue_id) * (2 if queue_id in added else 1)}"

        return re.sub(r"(\w+)(: from=<.*>, size=)(\d+)", plain, log)

    def log(self, log):
        """The log in an order that does not depend on who was quicker."""
        session, others, by_id = [], set(), {}
        for line in self.sizes(log).splitlines():
            parts = LINE.match(line)
            if not parts:
                others.add(self(line))
                continue
            tag, text = parts.group(2), parts.group(3)
            program = tag.rsplit("/", 1)[-1]
            queue_id = QUEUE_ID.match(text)
            shown = self(f"{tag}: {text}")
            if program == "postsuper" and "essage" in text:
                continue
            if program == "smtpd":
                session.append(shown)
            elif queue_id:
                group = by_id.setdefault(self.ids.get(queue_id.group(1), "?"), {})
                group.setdefault(program, []).append(shown)
            elif program not in ("master", "postfix-script", "anvil", "scache", "postlogd"):
                others.add(shown)
        out = session + sorted(others)
        for label in sorted(by_id, key=lambda name: (len(name), name)):
            for program in sorted(by_id[label], key=lambda p: (PROGRAMS.index(p) if p in PROGRAMS else 99)):
                lines = by_id[label][program]
                out += sorted(lines) if any(" to=<" in line for line in lines) else lines
        return out


def visible(data):
    """Bytes as lines of printable text."""
    text = data.decode("utf-8", "backslashreplace").replace("\\x0d", "\r")
    text = re.sub(r"[\x00-\x08\x0b-\x1f\x7f]", lambda m: f"\\x{ord(m.group()):02x}", text)
    lines = []
    for line in text.split("\n"):
        if len(line) > 400:
            digest = hashlib.sha256(line.encode()).hexdigest()[:12]
            line = f"{line[:60]}... ({len(line)} characters, {digest})"
        lines.append(line)
    if len(lines) > 400:
        digest = hashlib.sha256("\n".join(lines[40:]).encode()).hexdigest()[:12]
        lines = lines[:40] + [f"... ({len(lines) - 40} more lines, {digest})"]
    return "\n".join(lines)
