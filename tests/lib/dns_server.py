"""dns_server: a scripted name server on a loopback port (UDP), for RELAIS_DNS.

    dns = DnsServer()
    dns.add("c.example", "MX", (10, "mx1.c.example"))
    dns.add("mx1.c.example", "A", "127.0.0.2")
    dns.add("alias.example", "CNAME", "c.example")
    dns.fail("down.example")            # SERVFAIL
    environment["RELAIS_DNS"] = dns.addr_port

A name that was never added does not exist (NXDOMAIN); an added one without the type has no data.
"""
import socket
import struct
import threading

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28}
NAMES = {number: name for name, number in TYPES.items()}


def pack_name(name):
    labels = [label for label in name.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label.encode() for label in labels) + b"\0"


def pack_data(kind, value):
    if kind == "A":
        return socket.inet_pton(socket.AF_INET, value)
    if kind == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if kind == "MX":
        return struct.pack("!H", value[0]) + pack_name(value[1])
    if kind == "TXT":
        raw = value.encode()
        return b"".join(bytes([len(raw[i:i + 255])]) + raw[i:i + 255]
                        for i in range(0, max(len(raw), 1), 255))
    return pack_name(value)


class DnsServer:
    def __init__(self, address="127.0.0.1", port=0):
        self.records, self.names, self.codes = {}, set(), {}
        self.silent, self.questions = set(), []
        self.authenticated = False
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind((address, port))
        self.sock.settimeout(0.1)
        self.addr_port = "%s:%d" % self.sock.getsockname()
        self.running = True
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def add(self, name, kind, *values):
        self.names.add(name.lower())
        self.records.setdefault((name.lower(), kind), []).extend(values)

    def fail(self, name, code=2):
        self.codes[name.lower()] = code

    def be_silent(self, name):
        self.silent.add(name.lower())

    def serve(self):
        while self.running:
            try:
                packet, peer = self.sock.recvfrom(4096)
            except socket.timeout:
                continue
            except OSError:
                return
            reply = self.reply(packet)
            if reply:
                self.sock.sendto(reply, peer)

    def answers(self, name, kind):
        """Records for the question, led by the aliases on the way."""
        found, hops = [], 0
        while (name, kind) not in self.records and (name, "CNAME") in self.records and hops < 20:
            target = self.records[(name, "CNAME")][0]
            found.append((name, "CNAME", target))
            name, hops = target.lower(), hops + 1
        return name, found + [(name, kind, v) for v in self.records.get((name, kind), [])]

    def reply(self, packet):
        pos, labels = 12, []
        while packet[pos]:
            labels.append(packet[pos + 1:pos + 1 + packet[pos]].decode("latin-1"))
            pos += packet[pos] + 1
        end = pos + 5
        kind = NAMES.get(struct.unpack("!H", packet[pos + 1:pos + 3])[0], "?")
        name = ".".join(labels).lower()
        self.questions.append((name, kind))
        if name in self.silent:
            return None
        last, answers = self.answers(name, kind)
        code = self.codes.get(name, 0 if last in self.names else 3)
        if code == 2:
            answers = []
        flags = 0x8180 | code | (0x20 if self.authenticated else 0)
        out = packet[:2] + struct.pack("!HHHHH", flags, 1, len(answers), 0, 0) + packet[12:end]
        for owner, rtype, value in answers:
            data = pack_data(rtype, value)
            out += pack_name(owner) + struct.pack("!HHIH", TYPES[rtype], 1, 60, len(data)) + data
        return out

    def close(self):
        self.running = False
        self.thread.join(2)
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
