"""flow: messages through a mailer: relay, intake, local delivery, many recipients."""
import socket

from measure import Meter, benchmark, check_status, drained

THROUGHPUT, CPU = "messages/s", "CPU ms/message"

USERS = ["games", "man", "news", "uucp", "backup"]  # of every Debian


def relay_settings(tools, mta):
    return {"relayhost": f"[127.0.0.1]:{tools.port}"}


def flow(run, mta, messages, *recipients, status="sent", **options):
    messages -= messages % len(recipients)
    meter, mark = Meter(mta), mta.mark()
    run.tools.load(mta, messages, recipients, **options)
    drained(mta)
    rate, cpu = meter.stop(messages)
    check_status(mta, mark, status, messages)
    return {THROUGHPUT: rate, CPU: cpu}


@benchmark("relay, sessions kept", {THROUGHPUT: (">=", 2.0), CPU: ("<=", 0.40)}, relay_settings)
def relay(run, mta):
    return flow(run, mta, run.count(5000), "sink@out.example")


@benchmark("relay, a session a message", {CPU: ("<=", 0.40)}, relay_settings)
def fresh(run, mta):
    return flow(run, mta, run.count(5000), "sink@out.example", fresh=True)


@benchmark("accept only, then deferred", {CPU: ("<=", 0.40)},
           lambda tools, mta: {"defer_transports": "smtp"})
def accept(run, mta):
    figures = flow(run, mta, run.count(3000), "sink@out.example", status="deferred")
    mta.run("postsuper", "-d", "ALL")
    return figures


@benchmark("local(8) to Maildir", {CPU: ("<=", 0.40)},
           lambda tools, mta: {"mail_spool_directory": f"{mta.home}/"})
def local(run, mta):
    return flow(run, mta, run.count(3000), *(f"{user}@{mta.hostname}" for user in USERS))


def virtual_settings(tools, mta):
    return {
        "virtual_mailbox_domains": "hosted.example",
        "virtual_mailbox_base": str(mta.home),
        "virtual_mailbox_maps": "static:box/",
        "virtual_uid_maps": "static:5000",
        "virtual_gid_maps": "static:5000",
    }


@benchmark("virtual(8) to Maildir", {CPU: ("<=", 0.40)}, virtual_settings)
def virtual(run, mta):
    return flow(run, mta, run.count(3000), *(f"user{i}@hosted.example" for i in range(5)))


def bulk_settings(tools, mta):
    places = [f"[127.0.1.{i}]:{tools.port}" for i in range(1, 51)]
    pairs = ", ".join(f"d{i}.example=smtp:{place}" for i, place in enumerate(places))
    return {"transport_maps": f"inline:{{{pairs}}}", "smtpd_recipient_limit": "100000"}


def send_bulk(mta, recipients):
    """One message, its RCPT commands pipelined."""
    with socket.create_connection(("127.0.0.1", mta.port), 60) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        replies = sock.makefile("rb")

        def take(count):
            for _ in range(count):
                line = replies.readline()
                while line[3:4] == b"-":
                    line = replies.readline()
                assert line[:1] in b"23", line

        take(1)
        sock.sendall(b"EHLO client.example\r\n")
        take(1)
        sock.sendall(b"MAIL FROM:<bench@example.org>\r\n")
        take(1)
        for start in range(0, len(recipients), 100):
            some = recipients[start : start + 100]
            sock.sendall(b"".join(b"RCPT TO:<%s>\r\n" % r.encode() for r in some))
            take(len(some))
        sock.sendall(b"DATA\r\n")
        take(1)
        sock.sendall(b"Subject: bulk\r\n\r\n" + b"x" * 60 + b"\r\n.\r\n")
        take(1)
        sock.sendall(b"QUIT\r\n")
        take(1)


@benchmark("one message, 50 domains", {"CPU us/recipient": ("<=", 0.20)}, bulk_settings)
def bulk(run, mta):
    count = run.count(5000)
    meter, mark = Meter(mta), mta.mark()
    send_bulk(mta, [f"user{i}@d{i % 50}.example" for i in range(count)])
    drained(mta)
    rate, cpu = meter.stop(count)
    check_status(mta, mark, "sent", count)
    return {"recipients/s": rate, "CPU us/recipient": 1000 * cpu}
