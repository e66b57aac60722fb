"""The SMTP and LMTP client against a scripted next hop: who is sent, deferred, bounced, and why."""
import pytest

from next_hop import NextHop

MESSAGE = "Subject: x\r\n\r\nhello\r\n.dot\r\n"
ANN, BOB = "ann@c.example", "bob@c.example"


@pytest.fixture
def relay(start_mta, next_hop):
    """An instance that sends everything to the scripted next hop."""

    def start(main=None, hop=next_hop, **kwargs):
        settings = {"relayhost": hop.nexthop, "smtp_tls_security_level": "none"}
        return start_mta(main={**settings, **(main or {})}, **kwargs)

    return start


def status_of(mta, queue_id, rcpt, status):
    return mta.wait_log(rf"postfix/smtp\[\d+\]: {queue_id}: to=<{rcpt}>.*status={status}.*$").group(0)


def test_message_and_log_line(relay, next_hop):
    mta = relay()
    queue_id = mta.send(MESSAGE, to=ANN)
    message = next_hop.take_message()
    assert (message.sender, message.recipients) == ("sender@example.org", [ANN])
    assert message.body == b"hello\n.dot\n"
    assert b"\n" not in message.raw.replace(b"\r\n", b"")
    line = status_of(mta, queue_id, ANN, "sent")
    assert f"relay=127.0.0.1[127.0.0.1]:{next_hop.port}, delay=" in line
    assert "dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 00001)" in line
    mta.wait_removed(queue_id)


@pytest.mark.parametrize("verb,name", [("MAIL", "MAIL FROM"), ("RCPT", "RCPT TO"), ("DATA", "DATA"),
                                       ("DOT", "end of DATA")])
@pytest.mark.parametrize("keywords", [None, ["SIZE 1000000"]], ids=["pipelining", "plain"])
def test_refusals(relay, verb, name, keywords):
    with NextHop(keywords=keywords) as hop:
        hop.answer(verb, 451, "4.7.1 later\n4.7.2 really")
        mta = relay(hop=hop)
        queue_id = mta.send(MESSAGE, to=[ANN, BOB])
        for rcpt in (ANN, BOB):
            line = status_of(mta, queue_id, rcpt, "deferred")
            assert (f"dsn=4.7.2, status=deferred (host 127.0.0.1[127.0.0.1] said: 451-4.7.1 later "
                    f"451 4.7.2 really (in reply to {name} command))") in line
        hop.forget()
        hop.answer(verb, 550, "5.7.1 never", times=2 if verb == "RCPT" else 1)
        queue_id = mta.send(MESSAGE, to=[ANN, BOB])
        for rcpt in (ANN, BOB):
            line = status_of(mta, queue_id, rcpt, "bounced")
            assert "dsn=5.7.1, status=bounced (host 127.0.0.1[127.0.0.1] said: 550 5.7.1 never" in line
        report = hop.take_message()
        assert report.sender == "" and report.recipients == ["sender@example.org"]
        assert b"Diagnostic-Code: smtp; 550 5.7.1 never" in report.text


def test_one_recipient_of_three(relay, next_hop):
    next_hop.answer("RCPT", 550, "5.1.1 who", to=ANN)
    next_hop.answer("RCPT", 450, "4.2.1 busy", to="eve@c.example")
    mta = relay()
    queue_id = mta.send(MESSAGE, to=[ANN, BOB, "eve@c.example"])
    assert next_hop.take_message().recipients == [BOB]
    status_of(mta, queue_id, ANN, "bounced")
    status_of(mta, queue_id, BOB, "sent")
    status_of(mta, queue_id, "eve@c.example", "deferred")
    next_hop.take_message()  # the report
    next_hop.forget()
    mta.flush()
    assert next_hop.take_message().recipients == ["eve@c.example"]


@pytest.mark.parametrize("verb,doing", [
    ("GREETING", "receiving the initial server greeting"),
    ("EHLO", "performing the EHLO handshake"),
    ("MAIL", "sending MAIL FROM"),
    ("RCPT", "sending RCPT TO"),
    ("DATA", "sending DATA command"),
    ("DOT", "sending end of data -- message may be sent more than once"),
])
def test_lost_connection(relay, next_hop, verb, doing):
    next_hop.drop(verb)
    mta = relay()
    queue_id = mta.send(MESSAGE, to=ANN)
    line = status_of(mta, queue_id, ANN, "deferred")
    assert f"dsn=4.4.2, status=deferred (lost connection with 127.0.0.1[127.0.0.1] while {doing})" in line


def test_silent_peer(relay, next_hop):
    next_hop.be_silent("DATA")
    mta = relay(main={"smtp_data_init_timeout": "1"})
    queue_id = mta.send(MESSAGE, to=ANN)
    line = status_of(mta, queue_id, ANN, "deferred")
    assert "(conversation with 127.0.0.1[127.0.0.1] timed out while sending DATA command)" in line


def test_greeting_and_helo(relay, next_hop):
    next_hop.answer("GREETING", 554, "5.7.1 go away", times=1)
    mta = relay()
    queue_id = mta.send(MESSAGE, to=ANN)
    line = status_of(mta, queue_id, ANN, "deferred")
    assert "(host 127.0.0.1[127.0.0.1] refused to talk to me: 554 5.7.1 go away)" in line
    next_hop.answer("EHLO", 502, "5.5.2 what")
    mta.flush()
    assert next_hop.take_message().recipients == [ANN]
    assert "HELO mail.example.test" in next_hop.commands


def test_fallback_relay(relay, next_hop):
    with NextHop() as other:
        next_hop.answer("RCPT", 450, "4.2.1 busy", to=ANN)
        mta = relay(main={"smtp_fallback_relay": other.nexthop})
        queue_id = mta.send(MESSAGE, to=[ANN, BOB])
        assert next_hop.take_message().recipients == [BOB]
        assert other.take_message().recipients == [ANN]
        mta.wait_log(rf"{queue_id}: host 127\.0\.0\.1\[127\.0\.0\.1\] said: 450 4\.2\.1 busy "
                     r"\(in reply to RCPT TO command\)$")
        mta.wait_removed(queue_id)


def test_refused_connection(relay, next_hop):
    mta = relay()
    next_hop.close()
    queue_id = mta.send(MESSAGE, to=ANN)
    line = status_of(mta, queue_id, ANN, "deferred")
    where = rf"connect to 127.0.0.1[127.0.0.1]:{next_hop.port}: Connection refused"
    assert f"relay=none, " in line and f"dsn=4.4.1, status=deferred ({where})" in line
    assert f"]: {where}\n" in mta.log()


def test_encryption_is_never_given_up(relay, next_hop):
    mta = relay(main={"smtp_tls_security_level": "encrypt"})
    queue_id = mta.send(MESSAGE, to=ANN)
    line = status_of(mta, queue_id, ANN, "deferred")
    assert "TLS is required" in line and not next_hop.has_message()


def test_dsn_parameters(relay, next_hop):
    mta = relay()
    mta.send(MESSAGE, sender="a@example.org", to=ANN, mail_options=["RET=HDRS", "ENVID=x+2By"],
             rcpt_options=["NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;o+2Bn@c.example"])
    message = next_hop.take_message()
    assert "RET=HDRS" in message.mail_params and "ENVID=x+2By" in message.mail_params
    assert message.rcpt_params[ANN] == ["ORCPT=rfc822;o+2Bn@c.example", "NOTIFY=FAILURE,DELAY"]


def test_eight_bits_for_a_seven_bit_peer(relay):
    with NextHop(keywords=[]) as hop:
        mta = relay(hop=hop)
        data = ("Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
                "Content-Transfer-Encoding: 8bit\r\n\r\ngr\u00fc\u00dfe =\r\n").encode()
        mta.send(data, to=ANN, mail_options=["BODY=8BITMIME"])
        message = hop.take_message()
        assert message.parsed["Content-Transfer-Encoding"] == "quoted-printable"
        assert message.body == b"gr=C3=BC=C3=9Fe =3D\n"


def test_mx_order_and_null_mx(start_mta, dns, monkeypatch):
    monkeypatch.setenv("RELAIS_DNS", dns.addr_port)
    dns.add("null.example", "MX", (0, "."))
    dns.fail("down.example")
    with NextHop(address="127.0.0.2") as hop:
        dns.add("c.example", "MX", (20, "mx2.c.example"), (10, "mx1.c.example"))
        dns.add("mx1.c.example", "A", "127.0.0.3")  # nobody listens
        dns.add("mx2.c.example", "A", "127.0.0.2")
        mta = start_mta(main={"smtp_tcp_port": str(hop.port), "smtp_tls_security_level": "none"})
        queue_id = mta.send(MESSAGE, to=[ANN, "x@null.example", "x@down.example", "x@nx.example"])
        assert hop.take_message().recipients == [ANN]
        assert "relay=mx2.c.example[127.0.0.2]" in status_of(mta, queue_id, ANN, "sent")
        mta.wait_log(rf"connect to mx1\.c\.example\[127\.0\.0\.3\]:{hop.port}: Connection refused$")
        assert "(Domain null.example does not accept mail (nullMX))" in status_of(
            mta, queue_id, "x@null.example", "bounced")
        assert "Host not found, try again)" in status_of(mta, queue_id, "x@down.example", "deferred")
        assert "type=A: Host not found)" in status_of(mta, queue_id, "x@nx.example", "bounced")


def test_lmtp_answers_for_each(start_mta):
    with NextHop(lmtp=True) as hop:
        hop.answer("DOT", 552, "5.2.2 full", to=BOB)
        mta = start_mta(main={"transport_maps": "inline:{c.example=lmtp:inet:127.0.0.1:%d}" % hop.port})
        queue_id = mta.send(MESSAGE, to=[ANN, BOB])
        assert hop.take_message().recipients == [ANN, BOB]
        assert mta.wait_log(rf"postfix/lmtp\[\d+\]: {queue_id}: to=<{ANN}>.*status=sent")
        line = mta.wait_log(rf"postfix/lmtp\[\d+\]: {queue_id}: to=<{BOB}>.*status=bounced.*$").group(0)
        assert "said: 552 5.2.2 full (in reply to end of DATA command)" in line


def test_many_messages_over_few_sessions(relay, next_hop):
    mta = relay(main={"default_destination_concurrency_limit": "1", "initial_destination_concurrency": "1",
                      "smtp_connection_cache_destinations": next_hop.nexthop})
    for number in range(20):
        mta.send(f"Subject: {number}\r\n\r\nx\r\n", to=ANN)
    assert len(next_hop.take_messages(20)) == 20
    mta.wait_log(r"relay=\S+, conn_use=\d+, delay=")
    assert len(next_hop.sessions) < 15


@pytest.mark.parametrize("keywords", [None, ["SIZE 1000000"]], ids=["pipelining", "plain"])
@pytest.mark.parametrize("verb,code", [("MAIL", 550), ("RCPT", 550), ("RCPT", 421), ("DATA", 554), ("DOT", 550),
                                       ("DOT", 421)])
def test_a_refused_transaction_is_left_with_rset_and_quit(relay, verb, code, keywords):
    with NextHop(keywords=keywords) as hop:
        hop.answer(verb, code, "5.7.1 no" if code >= 500 else "4.7.1 no")
        mta = relay(hop=hop)
        queue_id = mta.send(MESSAGE, sender="", to=ANN)
        status_of(mta, queue_id, ANN, "bounced" if code >= 500 else "deferred")
        mta.wait_idle()
        ends = ["DATA", "QUIT"] if verb == "DOT" else ["RSET", "QUIT"]
        assert hop.sessions[0].verbs[-2:] == ends


@pytest.mark.parametrize("keywords", [None, ["SIZE 1000000"]], ids=["pipelining", "plain"])
def test_221_for_the_final_dot(relay, keywords):
    with NextHop(keywords=keywords) as hop:
        hop.answer("DOT", 221, "2.0.0 thanks and bye")
        mta = relay(hop=hop)
        queue_id = mta.send(MESSAGE, to=[ANN, BOB])
        for rcpt in (ANN, BOB):
            assert "status=sent (221 2.0.0 thanks and bye)" in status_of(mta, queue_id, rcpt, "sent")


def test_221_that_may_be_for_quit(relay, next_hop):
    next_hop.answer_and_drop("DOT", 221, "2.0.0 bye")
    mta = relay()
    queue_id = mta.send(MESSAGE, to=ANN)
    assert "while sending end of data" in status_of(mta, queue_id, ANN, "deferred")


def test_ehlo_refused_for_now_is_answered_with_helo(relay, next_hop):
    next_hop.answer("EHLO", 450, "4.3.0 what")
    mta = relay()
    mta.send(MESSAGE, to=ANN)
    assert next_hop.take_message().helo == "mail.example.test"
    assert next_hop.sessions[0].verbs[:2] == ["EHLO", "HELO"]


def test_unexpected_replies_are_told_to_the_postmaster(relay, next_hop):
    next_hop.answer("RCPT", 503, "5.5.1 not now")
    with NextHop() as office:
        mta = relay(main={"notify_classes": "protocol", "error_notice_recipient": "pm@office.example",
                          "transport_maps": "inline:{office.example=smtp:%s}" % office.nexthop})
        mta.send(MESSAGE, sender="", to=ANN)
        notice = office.take_message()
        if b"SMTP server" in notice.headers:  # about the look whether the server listens
            notice = office.take_message()
        assert notice.sender == "double-bounce@mail.example.test"
        assert notice.recipients == ["pm@office.example"]
        where = f"127.0.0.1[127.0.0.1]:{next_hop.port}"
        assert f"\nSubject: Postfix SMTP client: errors from {where}\n".encode() in notice.text
        body = notice.body.decode()
        assert body.startswith(f"Unexpected response from {where}.\n\nTranscript of session follows.\n\n"
                               " In:  220 hop.example.test ESMTP\n Out: EHLO mail.example.test\n")
        assert "\n Out: DATA\n In:  250 2.1.0 Ok\n In:  503 5.5.1 not now\n" in body
        assert body.endswith("\n Out: RSET\n Out: QUIT\n In:  250 2.0.0 Ok\n\n"
                             "For other details, see the local mail logfile\n")


def test_ordinary_refusals_are_no_protocol_errors(relay, next_hop):
    next_hop.answer("RCPT", 450, "4.2.1 busy")
    with NextHop() as office:
        mta = relay(main={"notify_classes": "protocol", "error_notice_recipient": "pm@office.example",
                          "transport_maps": "inline:{office.example=smtp:%s}" % office.nexthop})
        queue_id = mta.send(MESSAGE, to=ANN)
        status_of(mta, queue_id, ANN, "deferred")
        mta.wait_idle()
        while office.has_message():
            assert b"SMTP client" not in office.take_message().headers
