"""next_hop: a scripted SMTP or LMTP server: what it answers at each stage is the test's choice.

    hop = NextHop()                                  # listens on a free loopback port
    hop.answer("RCPT", 450, "4.2.1 later")           # from now on
    hop.answer("RCPT", 550, "5.1.1 no", to="bob@c.example")
    hop.answer("DATA", 451, "4.3.0 full", times=1)   # once, then as before
    hop.drop("DOT")                                  # closes instead of answering
    hop.be_silent("EHLO")                            # reads on and says nothing
    hop.delay("MAIL", 0.2)
    message = hop.take_message()                     # waits, bounded
    message.sender, message.recipients, message.data, message.headers, message.body

Stages: GREETING EHLO LHLO HELO XFORWARD MAIL RCPT DATA DOT RSET NOOP QUIT STARTTLS AUTH. A bare
multi-line text ("a\\nb") becomes a multi-line reply.
"""
import email
import queue
import socket
import socketserver
import threading
import time

WAIT = 30.0


class Message:
    """One transaction as it came in: envelope with parameters, and the bytes after dot-unstuffing."""

    def __init__(self, session):
        self.session = session
        self.helo = session.helo
        self.sender, self.mail_params = None, []
        self.recipients, self.rcpt_params = [], {}
        self.xforward = dict(session.xforward)
        self.raw = b""  # as on the wire, without the final dot line
        self.data = b""  # CR LF line ends, dots taken off

    @property
    def text(self):
        return self.data.replace(b"\r\n", b"\n")

    @property
    def parsed(self):
        return email.message_from_bytes(self.text)

    @property
    def headers(self):
        return self.text.split(b"\n\n", 1)[0]

    @property
    def body(self):
        parts = self.text.split(b"\n\n", 1)
        return parts[1] if len(parts) > 1 else b""


class Rule:
    def __init__(self, verb, code=None, text="", times=None, to=None, action=None, seconds=0.0):
        self.verb, self.code, self.text = verb, code, text
        self.times, self.to, self.action, self.seconds = times, to, action, seconds


class Session:
    def __init__(self, hop, sock, number):
        self.hop, self.sock, self.number = hop, sock, number
        self.buffer = b""
        self.helo, self.xforward = "", {}
        self.message = None
        self.verbs = []
        self.lines, self.contents = [], []  # what the client said and sent, in this session
        self.reads = []  # what each recv brought, to look at pipelining

    def line(self):
        while b"\n" not in self.buffer:
            data = self.sock.recv(65536)
            if not data:
                return None
            self.reads.append(data)
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line + b"\n"

    def say(self, code, text):
        lines = str(text).split("\n")
        out = "".join(f"{code}-{part}\r\n" for part in lines[:-1]) + f"{code} {lines[-1]}\r\n"
        self.sock.sendall(out.encode())

    def react(self, verb, code, text, address=None):
        """Answers by the newest rule that fits, else as given. Returns the code; 0: no answer."""
        rule = self.hop.find_rule(verb, address)
        if rule and rule.seconds:
            self.hop.closing.wait(rule.seconds)
        if rule and rule.action == "drop":
            raise ConnectionError(f"dropped at {verb}")
        if rule and rule.action == "silent":
            return 0
        if rule and rule.action == "raw":
            self.sock.sendall(rule.text if isinstance(rule.text, bytes) else rule.text.encode())
            return rule.code or 0
        if rule and rule.code is not None:
            code, text = rule.code, rule.text
        self.say(code, text)
        if rule and rule.action == "answer_and_drop":
            raise ConnectionError(f"answered and dropped at {verb}")
        return code

    def serve(self):
        if self.react("GREETING", 220, f"{self.hop.name} ESMTP") // 100 == 5:
            pass  # a client has to say QUIT even then
        while True:
            line = self.line()
            if line is None:
                return
            text = line.decode("utf-8", "surrogateescape").rstrip("\r\n")
            verb = text.split(" ", 1)[0].upper()
            self.verbs.append(verb)
            self.lines.append(text)
            with self.hop.lock:
                self.hop.commands.append(text)
            if verb == "QUIT":
                self.react("QUIT", 221, "2.0.0 Bye")
                return
            getattr(self, "on_" + verb.lower(), self.on_unknown)(verb, text)

    def on_unknown(self, verb, _text):
        self.react(verb, 502, "5.5.2 Error: command not recognized")

    def on_ehlo(self, verb, text):
        self.helo = text.partition(" ")[2]
        self.react(verb, 250, "\n".join([self.hop.name] + self.hop.keywords))

    def on_lhlo(self, verb, text):
        self.on_ehlo(verb, text)

    def on_helo(self, verb, text):
        self.helo = text.partition(" ")[2]
        self.react(verb, 250, self.hop.name)

    def on_noop(self, verb, _text):
        self.react(verb, 250, "2.0.0 Ok")

    def on_rset(self, verb, _text):
        self.message = None
        self.react(verb, 250, "2.0.0 Ok")

    def on_xforward(self, verb, text):
        self.xforward.update(pair.split("=", 1) for pair in text.split()[1:] if "=" in pair)
        self.react(verb, 250, "2.0.0 Ok")

    @staticmethod
    def path(text):
        inside = text.partition(":")[2].strip()
        address, _, rest = inside.partition(">")
        return address.lstrip("<"), rest.split()

    def on_mail(self, verb, text):
        address, params = self.path(text)
        if self.react(verb, 250, "2.1.0 Ok", address) // 100 == 2:
            self.message = Message(self)
            self.message.sender, self.message.mail_params = address, params

    def on_rcpt(self, verb, text):
        address, params = self.path(text)
        if self.message is None:
            self.react(verb, 503, "5.5.1 Error: need MAIL command", address)
        elif self.react(verb, 250, "2.1.5 Ok", address) // 100 == 2:
            self.message.recipients.append(address)
            self.message.rcpt_params[address] = params

    def on_data(self, verb, _text):
        default = (354, "End data with <CR><LF>.<CR><LF>")
        if self.message is None or not self.message.recipients:
            default = (554, "5.5.1 Error: no valid recipients")
        if self.react(verb, *default) != 354:
            return
        message = self.message or Message(self)
        raw, data = [], []
        while True:
            line = self.line()
            if line is None:
                return
            if line == b".\r\n":
                break
            raw.append(line)
            data.append(line[1:] if line.startswith(b".") else line)
        message.raw, message.data = b"".join(raw), b"".join(data)
        self.contents.append(message)
        self.message = None
        if self.hop.on_content:
            self.hop.on_content(message)
        answered = []
        for address in message.recipients if self.hop.lmtp else [None]:
            number = next(self.hop.counter)
            answered.append(self.react("DOT", 250, f"2.0.0 Ok: queued as {number:05X}", address))
        if any(code // 100 == 2 for code in answered):
            self.hop.messages.put(message)


class NextHop:
    KEYWORDS = ["PIPELINING", "SIZE 10240000", "ENHANCEDSTATUSCODES", "8BITMIME", "DSN", "SMTPUTF8"]

    def __init__(self, address="127.0.0.1", port=0, lmtp=False, name="hop.example.test",
                 keywords=None, unix=None):
        self.lmtp, self.name = lmtp, name
        self.keywords = list(self.KEYWORDS if keywords is None else keywords)
        self.rules, self.commands, self.sessions = [], [], []
        self.on_content = None  # called with the message just before the answer to its end
        self.lock = threading.Lock()
        self.closing = threading.Event()
        self.messages = queue.Queue()
        self.counter = iter(range(1, 1 << 30))
        hop = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                session = Session(hop, self.request, len(hop.sessions) + 1)
                with hop.lock:
                    hop.sessions.append(session)
                try:
                    session.serve()
                except OSError:
                    pass

        base = socketserver.ThreadingUnixStreamServer if unix else socketserver.ThreadingTCPServer

        class Server(base):
            daemon_threads = True
            allow_reuse_address = True
            request_queue_size = 128
            address_family = (socket.AF_UNIX if unix else
                              socket.AF_INET6 if ":" in address else socket.AF_INET)

        self.unix = unix
        self.server = Server(unix if unix else (address, port), Handler)
        self.address = address
        self.port = None if unix else self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    # -- what it is to do ------------------------------------------------------------------
    def add_rule(self, rule):
        with self.lock:
            self.rules.append(rule)

    def answer(self, verb, code, text="", to=None, times=None):
        self.add_rule(Rule(verb, code, text, times, to))

    def answer_and_drop(self, verb, code, text="", to=None, times=None):
        self.add_rule(Rule(verb, code, text, times, to, "answer_and_drop"))

    def answer_raw(self, verb, data, to=None, times=None):
        self.add_rule(Rule(verb, None, data, times, to, "raw"))

    def drop(self, verb, times=None, to=None):
        self.add_rule(Rule(verb, times=times, to=to, action="drop"))

    def be_silent(self, verb, times=None, to=None):
        self.add_rule(Rule(verb, times=times, to=to, action="silent"))

    def delay(self, verb, seconds, times=None):
        self.add_rule(Rule(verb, seconds=seconds, times=times))

    def forget(self):
        with self.lock:
            self.rules.clear()

    def find_rule(self, verb, address):
        with self.lock:
            for rule in reversed(self.rules):
                if rule.verb != verb or (rule.to is not None and rule.to != address):
                    continue
                if rule.times is not None:
                    if rule.times <= 0:
                        continue
                    rule.times -= 1
                return rule
        return None

    # -- what has come ---------------------------------------------------------------------
    @property
    def nexthop(self):
        """As relayhost or a transport map want it."""
        return f"unix:{self.unix}" if self.unix else f"[{self.address}]:{self.port}"

    def take_message(self, wait=WAIT):
        return self.messages.get(timeout=wait)

    def take_messages(self, count, wait=WAIT):
        end = time.monotonic() + wait
        return [self.messages.get(timeout=max(0.01, end - time.monotonic())) for _ in range(count)]

    def has_message(self):
        return not self.messages.empty()

    def close(self):
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
