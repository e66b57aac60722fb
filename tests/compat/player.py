"""player: puts one instance through scenarios and writes down what a user or a tool can see."""
import codecs
import os
import pathlib
import pwd
import re
import select
import shlex
import shutil
import socket
import subprocess
import time

from dns_server import DnsServer
from mask import Mask, visible
from mta import Postfix, Relais, free_port, wait_for
from next_hop import NextHop

QUIET = 0.06  # the log has settled when nothing was added for so long, in seconds
REPLY_WAIT = float(os.environ.get("COMPAT_WAIT", "8"))
COMMON = {
    "in_flow_delay": "0",
    "smtpd_error_sleep_time": "0",
    "append_dot_mydomain": "no",
    "smtputf8_enable": "yes",
    "mail_spool_directory": "@MAIL@/spool",
    "bounce_template_file": "@ETC@/bounce.cf",
    "authorized_submit_users": "static:anyone",
    "alias_maps": "hash:@ETC@/aliases",
    "alias_database": "hash:@ETC@/aliases",
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
    "smtpd_authorized_xclient_hosts": "127.0.0.1",
    "smtpd_authorized_xforward_hosts": "127.0.0.1",
    "smtp_connection_cache_on_demand": "no",
    "lmtp_connection_cache_on_demand": "no",
}
TEMPLATES = "".join(
    f"{name}_template = <<EOF\nCharset: us-ascii\nFrom: MAILER-DAEMON (Mail Delivery System)\n"
    f"Subject: {subject}\n{copy}\nThis is the mail system at host $myhostname.\n\n"
    f"Wording of {name}.\nEOF\n\n"
    for name, subject, copy in [
        ("failure", "Undelivered", "Postmaster-Subject: Copy: Undelivered\n"),
        ("delay", "Delayed", "Postmaster-Subject: Copy: Delayed\n"),
        ("success", "Delivered", ""),
        ("verify", "Status", ""),
    ]
)


def unescape(text):
    return codecs.escape_decode(text.encode())[0] if "\\" in text else text.encode()


def add_rule(hop, line):
    """VERB[@ADDRESS][*TIMES] and CODE TEXT | CODE! TEXT (then closes) | drop | silent | raw TEXT;
    or `keywords A B C`."""
    what, _, rest = line.partition(" ")
    if what == "keywords":
        hop.keywords = rest.split("|") if "|" in rest else rest.split()
        return
    verb, address, times = re.match(r"(\w+)(?:@([^*]+))?(?:\*(\d+))?$", what).groups()
    options = {"to": address, "times": int(times) if times else None}
    code, _, text = rest.partition(" ")
    text = unescape(text).decode()
    if code == "drop":
        hop.drop(verb, **options)
    elif code == "silent":
        hop.be_silent(verb, **options)
    elif code == "raw":
        hop.answer_raw(verb, text, **options)
    elif code.endswith("!"):
        hop.answer_and_drop(verb, int(code[:-1]), text, **options)
    else:
        hop.answer(verb, int(code), text, **options)


class Client:
    """Speaks the lines of a section: each is sent and its reply read. After a 354 the lines up to
    `.` go at once. %raw TEXT sends bytes without CR LF and reads nothing, %read [N] reads replies,
    %eof reads until the server closes, %drop closes, %repeat N LINE, %quiet N LINE (shows the
    last reply only)."""

    def __init__(self, port, source, show, after_message):
        self.sock = wait_for(lambda: self.connect(port, source), f"a listener on port {port}", 10)
        self.file, self.show, self.content = self.sock.makefile("rb"), show, None
        self.after_message = after_message
        self.read()

    @staticmethod
    def connect(port, source):
        """None while the listener is not there yet."""
        try:
            return socket.create_connection(("127.0.0.1", port), REPLY_WAIT, (source, 0))
        except ConnectionRefusedError:
            return None

    def read(self, quiet=False):
        code = b""
        try:
            while True:
                line = self.file.readline()
                if not line:
                    self.show("S: (closed)")
                    return None
                if not quiet:
                    self.show("S: " + visible(line.rstrip(b"\r\n")) +
                              ("" if line.endswith(b"\r\n") else " (no CR)"))
                code = line[:3]
                if line[3:4] != b"-":
                    if b"queued as" in line:
                        self.after_message()
                    return code
        except socket.timeout:
            self.show("S: (no reply)")
        except OSError:
            self.show("S: (closed)")
            return None
        return code

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass  # the next read says so

    def command(self, line, quiet=False):
        self.show("C: " + line)
        self.send(unescape(line) + b"\r\n")
        if self.read(quiet) == b"354":
            self.content = []

    def say(self, line):
        if self.content is not None:
            self.content.append(unescape(line) + b"\r\n")
            if line == ".":
                self.send(b"".join(self.content))
                self.content = None
                self.read()
        elif not line.startswith("%"):
            self.command(line)
        else:
            self.direct(*line[1:].partition(" ")[::2])

    def direct(self, word, rest):
        if word == "raw":
            self.show("C: " + rest)
            self.send(unescape(rest))
        elif word == "read":
            for _ in range(int(rest or 1)):
                self.read()
        elif word == "eof":
            while self.read() is not None:
                pass
        elif word == "drop":
            self.show("C: (closes)")
            self.close()
        elif word in ("repeat", "quiet"):
            count, _, line = rest.partition(" ")
            for i in range(int(count)):
                text = line.replace("#", str(i + 1))
                self.send(unescape(text) + b"\r\n") if word == "quiet" else self.command(text)
                if word == "quiet":
                    self.read(quiet=i + 1 < int(count))
        else:
            raise ValueError(f"%{word}?")

    def close(self):
        self.file.close()
        self.sock.close()


class Player:
    """One instance, and its next hops, for all scenarios."""

    def __init__(self, kind, dns=None):
        self.kind = kind
        self.submission = free_port()
        self.mta = kind()
        self.hops = {"hop": NextHop(), "hop2": NextHop(name="hop2.example.test"), "lmtp": NextHop(lmtp=True)}
        self.dns = dns or DnsServer()
        self.base = dict(self.mta.main_cf)
        self.alias_text = None
        (self.mta.etc / "bounce.cf").write_text(TEMPLATES)
        self.clean()
        self.words = {
            "@ETC@": str(self.mta.etc), "@MAIL@": str(self.mta.home), "@HOP@": str(self.hops["hop"].port),
            "@HOP2@": str(self.hops["hop2"].port), "@LMTP@": str(self.hops["lmtp"].port),
            "@SPOOL@": str(self.mta.spool), "@PORT@": str(self.mta.port),
            "@SUBMISSION@": str(self.submission), "@DEAD@": str(free_port()),
            "@DAEMONS@": str(self.mta.daemon_directory()), "@DATA@": str(self.mta.data),
            "@BIN@": str(self.mta.command_directory()),
        }
        self.ready = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.ready.bind(str(self.mta.folder / "ready"))
        self.ready.settimeout(REPLY_WAIT)
        environment = self.mta.environment
        self.mta.environment = lambda: {**environment(), "RELAIS_DNS": self.dns.addr_port, "TZ": "UTC",
                                        "NOTIFY_SOCKET": str(self.mta.folder / "ready")}

    def fill(self, text):
        for label, value in self.words.items():
            text = text.replace(label, value)
        return text

    # -- configuration ---------------------------------------------------------------------
    def configure(self, scenario):
        mta = self.mta
        self.mark = len(mta.log())
        settings = {**self.base, **{k: self.fill(v) for k, v in COMMON.items()}}
        text, services = "", ""
        for section in scenario.of_kind("main.cf"):
            text += self.fill(section.text)
        for section in scenario.of_kind("master.cf"):
            services += self.fill(section.text)
        own = set(re.findall(r"^(\w+)\s*=", text, re.M))
        mta.main_cf = {k: v for k, v in settings.items() if k not in own}
        mta.master_extra = services
        mta.write_config()
        with open(mta.etc / "main.cf", "a") as file:
            file.write(text)
        self.age(mta.etc / "main.cf")
        if not scenario.of_kind("aliases"):
            self.write_aliases("")
        for section in scenario.of_kind("file", "table", "aliases"):
            self.write(section)
        for section in scenario.of_kind("dns"):
            for line in section.lines:
                self.add_name(*line.split(None, 2))
        if not mta.started:
            mta.run("postfix", "start")
            mta.started = True
            wait_for(mta.is_listening, f"a listener\n{mta.log()[-2000:]}")
            wait_for(lambda: "connect from" in mta.log() and "disconnect from" in mta.log(), "the first session")
            self.mark = len(mta.log())
        else:
            mta.reload()
        if self.kind is Relais:
            self.wait_ready()

    def wait_ready(self):
        """Relais tells its service manager when a configuration is in force."""
        while b"READY=1" not in self.ready.recv(4096):
            pass

    def write_aliases(self, text):
        if text == self.alias_text:
            return
        self.alias_text = text
        path = self.mta.write("aliases", self.fill(text))
        self.age(path)
        self.mta.run("postalias", f"hash:{path}")

    @staticmethod
    def age(path):
        """Postfix waits until what it reads is a second old."""
        past = time.time() - 60
        os.utime(path, (past, past))

    def write(self, section):
        if section.kind == "aliases":
            return self.write_aliases(section.text)
        name = section.words[0]
        path = self.mta.etc / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(self.fill(section.text))
        path.chmod(int(section.options.get("mode", "0644"), 8))
        if self.mta.root and "owner" in section.options:
            owner = pwd.getpwnam(section.options["owner"])
            os.chown(path, owner.pw_uid, owner.pw_gid)
        self.age(path)
        if section.kind == "table":
            kind = section.words[1]
            if kind in ("hash", "btree", "texthash", "cdb", "lmdb") and kind != "texthash":
                self.mta.run("postmap", f"{kind}:{path}")

    def add_name(self, name, kind, data=""):
        if kind == "FAIL":
            self.dns.fail(name)
        elif kind == "MX":
            preference, host = data.split()
            self.dns.add(name, kind, (int(preference), host))
        else:
            self.dns.add(name, kind, data)

    # -- actions ---------------------------------------------------------------------------
    def log(self):
        return self.mta.log()[self.mark:]

    def is_settled(self, in_session=False):
        """Every message has left the active queue, and every session is closed in the log."""
        log = self.log()
        closed = len(re.findall(r"\]: disconnect from", log))
        if not in_session and log.count("]: connect from") > closed:
            return False
        if not self.mta.is_idle():
            return False
        kept = {path.name for path in self.mta.queue_files("deferred", "hold", "corrupt")}
        active = set(re.findall(r"\]: (\w+): from=<.*>, size=\d+, nrcpt=\d+ \(queue active\)", log))
        gone = set(re.findall(r"\]: (\w+): removed$", log, re.M))
        return active <= kept | gone

    def settle(self, in_session=False):
        end = time.monotonic() + 20
        last, since = -1, 0.0
        while time.monotonic() < end:
            size, now = len(self.mta.log()), time.monotonic()
            if size != last or not self.is_settled(in_session):
                last, since = size, now
            elif now - since >= QUIET:
                return
            select.select([], [], [], 0.01)
        self.show("(did not settle)")

    def show(self, line):
        self.out.append(line)

    def act(self, section):
        if section.kind in self.hops:
            for line in section.lines:
                if line.strip():
                    add_rule(self.hops[section.kind], self.fill(line))
            return
        if section.kind == "wait":
            self.mta.wait_log(self.fill(section.args), since=self.mark)
        elif section.kind == "client":
            self.talk(section)
        elif section.kind == "pipe":
            self.command(section.args, unescape_lines(self.fill(section.text)))
        else:
            for line in section.lines:
                if line.strip():
                    self.command(line)
        self.settle()

    def talk(self, section):
        self.show("== client")
        port = int(self.fill(section.options.get("port", str(self.mta.port))))
        client = Client(port, section.options.get("from", "127.0.0.1"), self.show,
                        lambda: self.settle(in_session=True))
        try:
            for line in section.lines:
                client.say(self.fill(line))
        finally:
            client.close()

    def command(self, line, data=b""):
        ids = list(self.new_ids())
        text = self.fill(line)
        for number, queue_id in enumerate(ids, 1):
            text = text.replace(f"@ID{number}@", queue_id)
        argv = shlex.split(text)
        user = None
        if argv[0] == "as":  # `as USER COMMAND`: needs root, else as oneself
            user, argv = (argv[1] if self.mta.root else None), argv[2:]
        self.show(f"== {line}")
        try:
            result = self.mta.run(argv[0], *argv[1:], input=data, check=False, timeout=20, user=user)
        except subprocess.TimeoutExpired:
            self.show("(does not end)")
            return
        if argv[0] in ("postqueue", "mailq") and result.stdout.startswith("-"):
            result.stdout = sorted_listing(result.stdout)
        elif result.stdout.startswith('{"queue_name"'):
            result.stdout = "".join(sorted(result.stdout.splitlines(True), key=lambda t: t[110:]))
        for label, output in (("out", result.stdout), ("err", result.stderr)):
            for text in visible(output.encode("utf-8", "surrogateescape")).rstrip("\n").split("\n"):
                if output:
                    self.show(f"{label}: {text}")
        self.show(f"exit: {result.returncode}")

    def new_ids(self):
        mask = Mask({})
        mask.learn(self.log())
        return mask.ids

    # -- what is there afterwards ----------------------------------------------------------
    def play(self, scenario):
        """The transcript, masked."""
        self.out = []
        for hop in self.hops.values():
            hop.forget()
            hop.keywords, hop.sessions, hop.counter = list(hop.KEYWORDS), [], iter(range(1, 99999))
        self.dns.records.clear(), self.dns.names.clear(), self.dns.codes.clear()
        self.configure(scenario)
        for section in scenario.actions:
            self.act(section)
        self.settle()
        mask = Mask(self.words)
        mask.learn(self.log())
        lines = mask("\n".join(self.out)).split("\n")
        lines += ["== log"] + mask.log(self.log())
        lines += mask("\n".join(self.delivered() + self.relayed() + self.queued())).split("\n")
        self.clean()
        text = "\n".join(line.rstrip() for line in lines if line).rstrip("\n")
        return sorted_report(text) + "\n"

    def delivered(self):
        """Files below mail/: mailboxes, Maildirs, what commands wrote."""
        shown = []
        for path in sorted(self.mta.home.rglob("*")):
            if not path.is_file():
                continue
            name = str(path.relative_to(self.mta.home))
            name = re.sub(r"(new|cur)/\d+\.V\w+\.\S+$", r"\1/NAME", name)
            shown.append((name, visible(path.read_bytes())))
        return [line for name, text in sorted(shown) for line in (f"== file {name}", *rows(text))]

    def relayed(self):
        out = []
        for name, hop in self.hops.items():
            sessions = []
            for session in list(hop.sessions):
                lines = in_order(session.lines)
                for message in session.contents:
                    lines += ["content:", *rows(visible(message.data.replace(b"\r\n", b"\n")))]
                sessions.append(lines)
            for lines in sorted(sessions, key=lambda item: [re.sub(r"[0-9A-F]{8,}", "", t) for t in item]):
                out += [f"== {name}", *lines]
        return out

    def queued(self):
        if not self.mta.queue_files():
            return []
        listing = self.mta.run("postqueue", "-p", check=False)
        return ["== left in the queue", *rows(sorted_listing(listing.stdout) + listing.stderr)]

    def clean(self):
        if self.mta.queue_files():
            self.mta.run("postsuper", "-d", "ALL")
        for path in self.mta.home.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        (self.mta.home / "spool").mkdir()
        (self.mta.home / "spool").chmod(0o1777)

    def restart(self):
        """After something went wrong: a fresh instance in the same place."""
        try:
            self.mta.stop()
        except AssertionError:
            self.mta.started = False
        self.clean()

    def close(self):
        self.mta.remove()
        self.ready.close()
        for hop in self.hops.values():
            hop.close()


def sorted_report(text):
    """The recipients of a delivery report sorted: their order is that of the deliveries."""
    out, group, kind = [], [], None
    for part in text.split("\n|\n"):
        now = next((k for k in ("| <", "| Final-Recipient") if part.startswith(k)), None)
        if now is None or now != kind:
            out, group = out + sorted(group), []
        kind = now
        (group if now else out).append(part)
    return "\n|\n".join(out + sorted(group))


def in_order(commands):
    """Neighbouring RCPT commands sorted: the order of recipients means nothing."""
    out, group = [], []
    for line in [*commands, ""]:
        if line.startswith("RCPT "):
            group.append(line)
        else:
            out += sorted(group) + [line]
            group = []
    return out[:-1]


def sorted_listing(text):
    """The entries of a queue listing sorted: their order is that of a directory."""
    blocks = [block for block in text.split("\n\n")]
    head, _, first = blocks[0].partition("\n") if blocks[0].startswith("-") else ("", "", blocks[0])
    body = sorted([first, *blocks[1:-1]], key=lambda b: b.split(None, 6)[6:] if b else [])
    return "\n\n".join([head + "\n" + body[0] if head else body[0], *body[1:], *blocks[-1:][:len(blocks) - 1]])


def unescape_lines(text):
    return b"\n".join(unescape(line) for line in text.split("\n"))


def rows(text):
    """Lines with a mark, so that empty ones stay visible."""
    return ["| " + line for line in text.rstrip("\n").split("\n")]
