"""Safety of the SMTP server and client: classes of defect that audits of mail servers found."""
import itertools
import pathlib
import re
import socket

import pytest

from mta import wait_for

HERE = "mail.example.test"
HOLD = {"smtpd_recipient_restrictions": "static:hold", "local_recipient_maps": "",
        "smtpd_peername_lookup": "no"}


def lines(smtp, *commands):
    return [smtp.cmd(c).decode() for c in commands]


def held(mta):
    """Each held message's text by postcat(1)."""
    return [mta.run("postcat", "-q", path.name).stdout for path in mta.queue_files("hold")]


def recipients(text):
    return re.findall(r"^recipient: (.*)$", text, re.M)


# ---- state that a failure must not leave behind ----------------------------------------------


LONG = b"BDAT 99999\r\n" + b"x" * 99999


CHUNKS = [
    [LONG],                             # over the size limit
    [b"BDAT 2\r\nx\n", LONG],           # the second chunk is
    [b"BDAT 3\r\na\nb", b"BDAT 0\r\n"],
    [LONG.replace(b"\r", b" LAST\r")],
]


def test_nothing_stays_after_a_failed_chunk(start_mta):
    mta = start_mta(main={**HOLD, "message_size_limit": "1000"})
    for failure in CHUNKS:
        fail_and_go_on(mta, failure)
        mta.run("postsuper", "-d", "ALL")


def fail_and_go_on(mta, failure):
    with mta.raw() as smtp:
        smtp.cmd("EHLO c")
        lines(smtp, "MAIL FROM:<first@x.example> BODY=8BITMIME RET=HDRS ENVID=first",
              f"RCPT TO:<first@{HERE}> NOTIFY=NEVER")
        for chunk in failure:
            smtp.send(chunk)
            reply = smtp.reply()
        assert reply[:1] == b"5", reply
        if b"LAST" not in failure[-1]:
            assert smtp.cmd("BDAT 0 LAST")[:3] == b"551"
        # Without RCPT there is nothing to send to.
        assert smtp.cmd("BDAT 0 LAST")[:3] == b"503"
        assert smtp.cmd("DATA")[:3] == b"503"
        assert smtp.cmd("MAIL FROM:<second@x.example>")[:3] == b"250"
        assert smtp.cmd(f"RCPT TO:<second@{HERE}>")[:3] == b"250"
        smtp.send(b"BDAT 17 LAST\r\nSubject: two\r\n\r\n.")
        assert smtp.reply()[:3] == b"250"
    (text,) = held(mta)
    assert recipients(text) == [f"second@{HERE}"]
    assert "first" not in text and "Subject: two" in text
    assert not re.search("envelope_id|dsn_ret|notify_flags", text)


def test_nothing_stays_after_a_rejected_end_of_data(start_mta):
    mta = start_mta(main={
        **HOLD,
        "smtpd_sender_restrictions": "check_sender_access inline:{"
        "{first@x.example=PREPEND X-First: yes}}",
        "smtpd_data_restrictions": "check_sender_access inline:{{first@x.example=FILTER smtp:[1.2.3.4]}}",
        "smtpd_end_of_data_restrictions": "check_sender_access inline:{{first@x.example=REJECT no}}",
    })
    with mta.raw() as smtp:
        smtp.cmd("EHLO c")
        for sender in ("first", "second"):
            lines(smtp, f"MAIL FROM:<{sender}@x.example>", f"RCPT TO:<{sender}@{HERE}>", "DATA")
            reply = smtp.cmd(f"Subject: {sender}\r\n\r\nof {sender}\r\n.")
            assert reply[:3] == (b"554" if sender == "first" else b"250"), reply
            assert smtp.cmd("DATA")[:3] == b"503"
    (text,) = held(mta)
    assert recipients(text) == [f"second@{HERE}"]
    assert "first" not in text.lower() and "1.2.3.4" not in text


ACTIONS = ["FILTER smtp:[1.2.3.4]:25", "REDIRECT evil@x.example", "PREPEND X-Evil: yes",
           "BCC evil@x.example", "DISCARD", "HOLD"]


def test_nothing_stays_after_vrfy(start_mta, next_hop):
    table = " ".join(f"{{ evil{n}@{HERE} = {action} }}" for n, action in enumerate(ACTIONS))
    mta = start_mta(main={
        "local_recipient_maps": "", "relayhost": next_hop.nexthop, "mydestination": "",
        "relay_domains": HERE, "relay_transport": "smtp",
        "smtpd_recipient_restrictions":
        f"check_recipient_access inline:{{{table}}}, permit_mynetworks, reject",
    })
    for number in range(len(ACTIONS)):
        with mta.raw() as smtp:
            smtp.cmd("EHLO c")
            smtp.cmd(f"VRFY evil{number}@{HERE}")
            lines(smtp, "MAIL FROM:<s@x.example>", f"RCPT TO:<u@{HERE}>", "DATA")
            assert smtp.cmd("Subject: x\r\n\r\nb\r\n.")[:3] == b"250"
        message = next_hop.take_message()
        assert message.recipients == [f"u@{HERE}"]
        assert b"vil" not in message.data


# ---- work without end ------------------------------------------------------------------------


def resident_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1))


def server_of(mta):
    return int(re.findall(r"postfix/smtpd\[(\d+)\]: connect from", mta.log())[-1])


def test_small_chunks_cost_no_memory(start_mta):
    mta = start_mta(main=HOLD)
    with mta.raw() as smtp:
        lines(smtp, "EHLO c", "MAIL FROM:<>", f"RCPT TO:<u@{HERE}>")
        pid = wait_for(lambda: server_of(mta), "the server")

        def chunks(count):
            for _ in range(count // 50):
                smtp.send(b"BDAT 1\r\nx" * 50)
                for _ in range(50):
                    assert smtp.reply() == b"250 2.0.0 Ok: 1 bytes"

        chunks(500)
        before = resident_kib(pid)
        chunks(2500)
        assert resident_kib(pid) < before + 4096
        assert smtp.cmd("BDAT 0 LAST")[:3] == b"250"


def test_a_line_without_end_is_not_read_for_ever(start_mta):
    mta = start_mta(main=HOLD)
    with socket.create_connection(("127.0.0.1", mta.port), 20) as client:
        client.recv(1000)
        with pytest.raises(OSError):
            for _ in range(2000):
                client.sendall(b"x" * 65536)
    mta.wait_log("request longer than")


def test_null_chunks_without_end_are_errors(start_mta):
    mta = start_mta(main={**HOLD, "smtpd_error_sleep_time": "0"})
    with mta.raw() as smtp:
        lines(smtp, "EHLO c", "MAIL FROM:<>", f"RCPT TO:<u@{HERE}>")
        replies = []
        while replies[-1:] != [b""] and len(replies) < 100:
            try:
                replies.append(smtp.cmd("BDAT 0"))
            except OSError:
                break
    assert len(replies) < 50


# ---- what an encoding hides ------------------------------------------------------------------


HIDDEN = ["a+00b", "a+0Ab", "a+0D+0Ab", "+00", "a+7Fb", "a+2", "a+zz"]


def test_hidden_control_characters_are_refused(start_mta):
    mta = start_mta(main=HOLD)
    for text in HIDDEN:
        with mta.raw() as smtp:
            smtp.cmd("EHLO c")
            assert smtp.cmd(f"MAIL FROM:<s@x.example> ENVID={text}")[:3] == b"501"
            assert smtp.cmd("MAIL FROM:<s@x.example>")[:3] == b"250"
            assert smtp.cmd(f"RCPT TO:<u@{HERE}> ORCPT=rfc822;{text}")[:3] == b"501"


# ---- smuggling -------------------------------------------------------------------------------

ENDS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r", b"\r.\r\n", b"\n.\r", b"\r.\n",
        b"\r\n.\r\r\n", b"\r\r\n.\r\n\x00"[:5] + b" ", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n", b"\n\n.\n\n"]
SECOND = b"MAIL FROM:<evil@x.example>\r\nRCPT TO:<victim@x.example>\r\nDATA\r\nSubject: smuggled\r\n\r\nb"


def is_clean(raw):
    """Whether what went over the wire has no line end but CR LF, and no line of dots alone."""
    return not re.search(rb"(?<!\r)\n|\r(?!\n)", raw) and not re.search(rb"^\.\r\n", raw, re.M)


@pytest.mark.parametrize("policy", ["normalize", "note", "no"])
def test_one_message_stays_one_on_its_way_out(start_mta, next_hop, policy):
    mta = start_mta(main={"smtpd_forbid_bare_newline": policy,
                          "smtpd_forbid_bare_newline_exclusions": "", "relayhost": next_hop.nexthop,
                          "mydestination": ""})
    sent = 0
    for end, way in itertools.product(ENDS, ("DATA", "BDAT")):
        # That LF.LF ends the data is what "no" asks for.
        if way == "DATA" and policy != "normalize" and end.replace(b"\r", b"") in (b"\n.\n", b"\n\n.\n\n"):
            continue
        content = b"Subject: outer\r\n\r\na" + end + SECOND + b"\r\n"
        with mta.raw() as smtp:
            lines(smtp, "EHLO c", "MAIL FROM:<s@x.example>", "RCPT TO:<u@x.example>")
            if way == "DATA":
                smtp.cmd("DATA")
                reply = smtp.cmd(content + b".")
            else:
                smtp.send(b"BDAT %d LAST\r\n" % len(content) + content)
                reply = smtp.reply()
            assert reply[:3] == b"250", (end, reply)
            assert smtp.cmd("NOOP")[:3] == b"250"
        sent += 1
        message = next_hop.take_message()
        assert message.recipients == ["u@x.example"], end
        assert b"Subject: smuggled" in message.data, end
        assert is_clean(message.raw), (end, message.raw)
    assert sent and not next_hop.has_message()


def test_one_submission_stays_one_on_its_way_out(start_mta, next_hop):
    mta = start_mta(main={"relayhost": next_hop.nexthop, "mydestination": ""})
    for end, options in itertools.product(ENDS, ([], ["-i"])):
        mta.run("sendmail", *options, "-f", "s@x.example", "u@x.example",
                input=b"Subject: outer\n\na" + end + SECOND + b"\n")
        message = next_hop.take_message()
        assert message.recipients == ["u@x.example"], end
        assert is_clean(message.raw), (end, message.raw)
    assert not next_hop.has_message()


def test_a_forwarded_message_stays_one(start_mta, next_hop):
    """Through local(8), an alias, and out again."""
    mta = start_mta(main={"relayhost": next_hop.nexthop, "local_recipient_maps": ""}, start=False)
    mta.aliases("out: u@x.example\n")
    mta.start()
    for end in ENDS:
        with mta.raw() as smtp:
            lines(smtp, "EHLO c", "MAIL FROM:<s@x.example>", f"RCPT TO:<out@{HERE}>", "DATA")
            assert smtp.cmd(b"Subject: outer\r\n\r\na" + end + SECOND + b"\r\n.")[:3] == b"250"
        message = next_hop.take_message()
        assert message.recipients == ["u@x.example"], end
        assert is_clean(message.raw), (end, message.raw)
    assert not next_hop.has_message()
