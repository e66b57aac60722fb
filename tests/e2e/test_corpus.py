"""Real mail: Python's e-mail test corpus in by SMTP and by sendmail, out of Maildir, mbox and a
next hop, with bodies byte for byte and headers as Postfix leaves them."""
import pathlib
import re

import pytest
from mta import wait_for
from next_hop import NextHop

# Debian's libpython3.11-testsuite; any 3.x will do.
FOLDERS = sorted(pathlib.Path("/usr/lib").glob("python3.*/test/test_email/data"))
MESSAGES = sorted(FOLDERS[-1].glob("*.txt")) if FOLDERS else []
DROPPED = (b"bcc", b"content-length", b"return-path", b"resent-bcc")  # message_drop_headers


def lines_of(data):
    """The message as a mailer sees it: CR LF or LF ends a line, other CRs are blanks."""
    data = data.replace(b"\r\n", b"\n")
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    if lines[0].startswith((b"From ", b">From ")):  # a mailbox separator that came along
        lines[0] = b"X-Mailbox-Line: " + lines[0]
    return [line.replace(b"\r", b" ").replace(b"\0", b"\0") for line in lines]


def split(lines):
    """Header lines and body lines. A line that cannot be a header begins the body."""
    for i, line in enumerate(lines):
        if line == b"":
            return lines[:i], lines[i + 1 :]
        if not re.match(rb"[!-9;-~]+[ \t]*:", line) and not (i > 0 and line[:1] in b" \t"):
            return lines[:i], lines[i:]
    return lines, []


def fields(lines):
    joined = []
    for line in lines:
        if line[:1] in b" \t" and joined:
            joined[-1] += b"\n" + line
        else:
            joined.append(line)
    return joined


def name(field):
    return field.split(b":", 1)[0].strip().lower()


def expected_fields(header_lines):
    return [f for f in fields(header_lines) if name(f) not in DROPPED]


def check(sent, got, what):
    want_head, want_body = split(lines_of(sent))
    got_head, got_body = split(lines_of(got))
    kept = expected_fields(want_head)
    have = fields(got_head)
    # Ours come in front (trace) and behind (what was missing); the sender's stay in their order.
    want = [without_rewriting(f) for f in kept]
    trace = (b"return-path", b"x-original-to", b"delivered-to", b"received")
    begin = 0
    while (begin < len(have) and name(have[begin]) in trace and not want) or (
        [without_rewriting(f) for f in have[begin : begin + len(kept)]] != want
    ):
        assert begin < len(have) and name(have[begin]) in trace, (what, kept, have)
        begin += 1
    behind = have[begin + len(kept) :]
    assert all(name(f) in (b"message-id", b"date", b"from") for f in behind), (what, behind)
    assert got_body == want_body, what


def without_rewriting(field):
    """Addresses without domain get one from local clients, which is no change to complain of."""
    if name(field) in (b"from", b"to", b"cc", b"sender", b"reply-to", b"errors-to", b"return-receipt-to",
                       b"resent-from", b"resent-to", b"resent-cc", b"resent-sender", b"apparently-to"):
        return name(field)
    return field


def mbox_messages(text):
    return [m for m in re.split(rb"(?:\A|(?<=\n\n))From [^\n]*\n", text) if m]


@pytest.fixture
def mta(virtual_domain):
    return virtual_domain(main={"hopcount_limit": "1000", "transport_maps": "inline:{hop.example=smtp:[127.0.0.1]:%d}" % HOP.port})


HOP = None


@pytest.fixture(autouse=True, scope="module")
def hop():
    global HOP
    with NextHop() as HOP:
        yield HOP


def submit(mta, how, data, to):
    if how == "smtp":
        with mta.smtp() as client:
            client.ehlo()
            code, _ = client.mail("corpus@example.org", ["BODY=8BITMIME"])
            assert code == 250
            assert client.rcpt(to)[0] == 250
            stuffed = b"".join(
                (b"." if line.startswith(b".") else b"") + line + b"\r\n"
                for line in data.replace(b"\r\n", b"\n").rstrip(b"\n").split(b"\n")
            )
            client.docmd("DATA")
            client.send(stuffed + b".\r\n")
            code, text = client.getreply()
            assert code == 250, text
            return re.search(rb"queued as (\w+)", text).group(1).decode()
    return mta.submit(data, "-i", "-f", "corpus@example.org", to)


@pytest.mark.parametrize("how", ["smtp", "sendmail"])
def test_every_message_arrives_whole(mta, hop, how):
    assert len(MESSAGES) >= 40, "libpython3-testsuite is missing"
    for number, path in enumerate(MESSAGES):
        data = path.read_bytes().rstrip(b"\r\n") + b"\n"
        user = f"m{number}"
        what = f"{path.name} by {how}"
        ids = [submit(mta, how, data, f"{user}@{d}") for d in ("v.example", "mbox.example", "hop.example")]
        for queue_id in ids:
            mta.wait_removed(queue_id)
        if how == "sendmail":  # leaves a mailbox separator out, as Postfix's does
            data = re.sub(rb"\A>?From [^\n]*\n", b"", data)
        (box,) = (mta.home / "v.example" / user / "new").iterdir()
        check(data, box.read_bytes(), what + ", Maildir")
        text = (mta.home / "mbox.example" / user).read_bytes()
        text = re.sub(rb"\AFrom [^\n]*\n", b"", text)
        assert text.endswith(b"\n"), what
        text = re.sub(rb"^>From ", b"From ", text[:-1], flags=re.M)
        check(re.sub(rb"^>From ", b"From ", data, flags=re.M), text, what + ", mbox")
        check(data, hop.take_message().data.replace(b"\r\n", b"\n"), what + ", next hop")
    wait_for(lambda: mta.queue_files() == [], "an empty queue")
