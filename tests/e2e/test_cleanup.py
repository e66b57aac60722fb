"""What cleanup does to mail on its way into the queue, read from the queue files."""
import pytest
from mta import wait_for

HELD = "/^Subject:/ HOLD\n"


def records(path):
    """(type, payload) of each record of a queue file."""
    data, at, found = path.read_bytes(), 0, []
    while at < len(data):
        kind, length, shift = chr(data[at]), 0, 0
        while True:
            at += 1
            length |= (data[at] & 127) << shift
            shift += 7
            if not data[at] & 128:
                break
        at += 1
        found.append((kind, data[at : at + length].decode("utf-8", "replace")))
        at += length
    return found


@pytest.fixture
def held(start_mta):
    """An instance that holds all mail, so that its queue files can be read."""
    mta = start_mta(start=False)
    checks = mta.write("hold", HELD + "/^X-Reject:/ REJECT not here\n/^X-Later:/ REJECT 4.7.9 later\n"
                       "/^X-Prepend:/ PREPEND X-New: yes\n/^X-Strip:/ STRIP\n/^X-Bcc:/ BCC bcc@x.test\n")
    mta.configure(
        header_checks=f"regexp:{checks}",
        virtual_alias_maps="inline:{ {list@x.test = a@x.test, b, sub@x.test} {sub@x.test = c@x.test a@x.test} "
        "{self@x.test = self@x.test, other@x.test} {loop@x.test = pool@x.test} {pool@x.test = loop@x.test, x@x.test}"
        " {@dom.test = @other.test} }",
        canonical_maps="inline:{ {old@x.test = new@x.test} }",
        masquerade_domains="masq.test",
    )
    mta.start()

    def queue(data, *args):
        queue_id = mta.submit(data, *args)
        path = wait_for(lambda: [p for p in mta.queue_files("hold") if p.name == queue_id], "a held file")[0]
        return records(path)

    mta.queue = queue
    return mta


def texts(found, kind):
    return [text for k, text in found if k == kind]


def headers(found):
    lines = texts(found, "N")
    return lines[: lines.index("")]


def test_missing_headers_are_added_in_order(held):
    found = held.queue("Subject: x\n\nbody\n", "-f", "ann@x.test", "-F", "Ann, B", "bob@x.test")
    names = [line.split(":")[0] for line in headers(found) if not line.startswith("\t")]
    assert names == ["Received", "Subject", "Message-Id", "Date", "From"]
    assert 'From: "Ann, B" <ann@x.test>' in headers(found)
    assert texts(found, "N")[-1] == "body"


def test_aliases_expand_without_duplicates(held):
    found = held.queue("Subject: x\n\n", "-f", "s@x.test", "list@x.test", "self@x.test", "u@dom.test")
    assert texts(found, "R") == [
        "a@x.test", "b@mail.example.test", "c@x.test", "self@x.test", "other@x.test", "u@other.test",
    ]
    assert texts(found, "O")[:3] == ["list@x.test"] * 3


def test_endless_expansion_is_put_off(held):
    held.run("sendmail", "-f", "s@x.test", "loop@x.test", input="Subject: x\n\n")
    held.wait_log(r"unreasonable virtual_alias_maps map (?:nesting|expansion size) for loop@x.test")


def test_addresses_in_headers_and_envelope_are_rewritten(held):
    found = held.queue(
        "Subject: x\nFrom: Old <old@x.test>\nTo: joe, u@h.masq.test\n\n", "-f", "u@h.masq.test", "old@x.test"
    )
    assert texts(found, "S") == ["u@masq.test"]
    assert texts(found, "R") == ["new@x.test"]
    assert "From: Old <new@x.test>" in headers(found)
    assert "To: joe@mail.example.test, u@masq.test" in headers(found)


def test_recipients_from_headers(held):
    found = held.queue("Subject: x\nTo: a@x.test\nCc: b@x.test (c),\n d@x.test\nBcc: e@x.test\n\n", "-t")
    assert texts(found, "R") == ["a@x.test", "b@x.test", "d@x.test", "e@x.test"]
    assert not [line for line in headers(found) if line.startswith("Bcc")]


def test_header_actions(held):
    found = held.queue("Subject: x\nX-Prepend: 1\nX-Strip: 1\nX-Bcc: 1\n\n", "-f", "s@x.test", "r@x.test")
    assert "X-New: yes" in headers(found)
    assert "X-Strip: 1" not in headers(found)
    assert texts(found, "R") == ["r@x.test", "bcc@x.test"]


def test_refused_local_mail_is_returned(held):
    held.run("sendmail", "-f", "s@x.test", "r@x.test", input="X-Reject: 1\n\n")
    held.wait_log(r"reject: header X-Reject: 1 from local; from=<s@x.test> to=<r@x.test>: 5.7.1 not here")
    held.wait_log(r"to=<r@x.test>, relay=none, .*dsn=5.7.1, status=bounced \(not here\)")
    held.wait_log(r"sender non-delivery notification: ")
    assert not held.queue_files("incoming", "maildrop")


def test_mail_refused_for_now_stays_in_maildrop(held):
    held.run("sendmail", "-f", "s@x.test", "r@x.test", input="X-Later: 1\n\n")
    held.wait_log(r"maildrop/\w+: message not accepted")
    assert len(held.queue_files("maildrop")) == 1


def test_a_client_that_leaves_queues_nothing(held):
    with held.smtp() as client:
        client.ehlo()
        client.mail("s@x.test")
        client.rcpt("nobody@mail.example.test")
        assert client.docmd("DATA")[0] == 354
        client.sock.sendall(b"Subject: half\r\n")
        client.sock.close()
        client.sock = None
    held.wait_log(r"removed \(canceled\)")
    assert not held.queue_files()


def test_mail_is_taken_while_the_system_is_down(start_mta):
    mta = start_mta()
    mta.stop()
    mta.run("sendmail", "-f", "s@x.test", "user@mail.example.test", input="Subject: x\n\n")
    assert len(mta.queue_files("maildrop")) == 1
    mta.start()
    mta.wait_log(r"postfix/pickup\[\d+\]: \w+: uid=\d+ from=<s@x.test>")
    wait_for(lambda: not mta.queue_files("maildrop"), "an empty maildrop")
