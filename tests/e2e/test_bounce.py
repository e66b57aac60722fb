"""bounce, defer and trace: who is told what, and in which form."""
import email
import email.policy
import re

import pytest

from mta import Dialogue, wait_for

ROUTES = (
    "inline:{ {bad.example = error:5.1.1 no such user here, as this text says at some length "
    "so that it has to be folded}, {later.example = retry:4.7.0 try later}, "
    "{gone.example = discard:} }"
)
BODY = "From: ann@v.example\nSubject: hello\nMessage-ID: <abc@v.example>\n\nline one\n--dash\nlast\n"
BODY_CRLF = BODY.replace("\n", "\r\n")


@pytest.fixture
def bouncer(virtual_domain):
    def start(**main):
        return virtual_domain({
            "transport_maps": ROUTES,
            "smtpd_reject_unlisted_recipient": "no",
            "virtual_alias_domains": "here.example",
            "virtual_alias_maps": "inline:{x@here.example=u@bad.example}",
            "bounce_notice_recipient": "u1@v.example",
            "2bounce_notice_recipient": "u2@v.example",
            "delay_notice_recipient": "u3@v.example",
            **main,
        })

    return start


def mails(mta, user, count):
    folder = mta.home / "v.example" / user / "new"
    paths = wait_for(
        lambda: len(found := sorted(folder.glob("*"))) >= count and found,
        f"{count} messages for {user}\n" + mta.log()[-3000:],
    )
    return [email.message_from_bytes(p.read_bytes(), policy=email.policy.default) for p in paths]


def fields(part):
    """The groups of fields of a message/delivery-status part: first the message's, then one
    for each recipient."""
    text = part.as_bytes().decode("utf-8", "replace").split("\n\n", 1)[1]
    groups = [g for g in text.split("\n\n") if g.strip()]
    return [dict(re.findall(r"^([\w-]+): ((?:.*)(?:\n[ \t].*)*)", g, re.M)) for g in groups]


def parts(report):
    assert report.get_content_type() == "multipart/report"
    assert report.get_param("report-type") == "delivery-status"
    return list(report.iter_parts())


def test_failure_goes_to_the_sender(bouncer):
    mta = bouncer()
    queue_id = mta.send(BODY_CRLF, "ann@v.example", ["u@bad.example", "x@here.example"])
    (report,) = mails(mta, "ann", 1)
    mta.wait_removed(queue_id)
    assert report["Subject"] == "Undelivered Mail Returned to Sender"
    assert report["From"] == "Mail Delivery System <MAILER-DAEMON@mail.example.test>"
    assert report["Auto-Submitted"] == "auto-replied"
    assert report["Return-Path"] == "<>"
    text, status, original = parts(report)
    assert [p["Content-Description"] for p in (text, status, original)] == [
        "Notification", "Delivery report", "Undelivered Message"]
    assert ("\n<u@bad.example> (expanded from <x@here.example>): no such user here, as this\n"
            "    text says at some length so that it has to be folded\n") in text.get_content()
    message, *rcpts = fields(status)
    assert message["Reporting-MTA"] == "dns; mail.example.test"
    assert message["X-Postfix-Queue-ID"] == queue_id
    assert message["X-Postfix-Sender"] == "rfc822; ann@v.example"
    assert all(r["Action"] == "failed" and r["Status"] == "5.1.1" for r in rcpts)
    assert original.get_content_type() == "message/rfc822"
    assert original.as_string().endswith("line one\n--dash\nlast\n")
    mta.wait_log(rf"\]: {queue_id}: sender non-delivery notification: \w+$")
    assert not list((mta.spool / "bounce").rglob(queue_id))
    assert not (mta.home / "v.example" / "u1").exists()


def test_dsn_options_are_respected(bouncer):
    mta = bouncer()
    quiet = mta.send(BODY_CRLF, "ann@v.example", "u@bad.example", rcpt_options=["NOTIFY=NEVER"])
    mta.wait_removed(quiet)
    asked = mta.send(BODY_CRLF, "ann@v.example", "u@bad.example",
                     mail_options=["RET=HDRS", "ENVID=env+2B1"],
                     rcpt_options=["ORCPT=rfc822;u+2Bx@bad.example", "NOTIFY=FAILURE"])
    mta.wait_removed(asked)
    (report,) = mails(mta, "ann", 1)
    assert f"{quiet}: sender" not in mta.log()
    _, status, original = parts(report)
    message, rcpt = fields(status)
    assert message["Original-Envelope-Id"] == "env+1"
    assert rcpt["Original-Recipient"] == "rfc822;u+x@bad.example"
    assert original["Content-Description"] == "Undelivered Message Headers"
    assert "line one" not in original.as_string()


def test_postmaster_gets_the_classes_asked_for(bouncer):
    mta = bouncer(notify_classes="bounce, 2bounce")
    mta.send(BODY_CRLF, "ann@v.example", "u@bad.example")
    (copy,) = mails(mta, "u1", 1)
    assert copy["Subject"] == "Postmaster Copy: Undelivered Mail"
    assert copy["Auto-Submitted"] == "auto-generated"
    assert copy["Return-Path"] == "<double-bounce@mail.example.test>"
    assert parts(copy)[2]["Content-Description"] == "Undelivered Message Headers"
    # A report that cannot be delivered.
    mta.send(BODY_CRLF, "", "u@bad.example")
    (copy,) = mails(mta, "u2", 1)
    assert fields(parts(copy)[1])[0]["X-Postfix-Sender"] == (
        "rfc822; MAILER-DAEMON@mail.example.test")
    assert parts(copy)[2]["Content-Description"] == "Undelivered Message"
    # A postmaster notice that cannot be delivered goes nowhere.
    lost = mta.send(BODY_CRLF, "double-bounce@mail.example.test", "u@bad.example")
    mta.wait_log(rf"{lost}: undeliverable postmaster notification discarded")
    mta.wait_removed(lost)


def test_large_messages_come_back_as_headers(bouncer):
    mta = bouncer(bounce_size_limit="5000")
    mta.send(BODY_CRLF + ("y" * 70 + "\r\n") * 100, "ann@v.example", "u@bad.example")
    (report,) = mails(mta, "ann", 1)
    assert parts(report)[2]["Content-Description"] == "Undelivered Message Headers"


def test_success_is_reported_when_asked_for(bouncer):
    mta = bouncer()
    queue_id = mta.send(BODY_CRLF, "ann@v.example", ["bob@v.example", "d@gone.example"],
                        rcpt_options=["NOTIFY=SUCCESS"])
    (report,) = mails(mta, "ann", 1)
    mta.wait_removed(queue_id)
    assert report["Subject"] == "Successful Mail Delivery Report"
    text, status, original = parts(report)
    assert "<bob@v.example>: delivery via virtual: delivered to maildir" in text.get_content()
    assert {r["Action"] for r in fields(status)[1:]} == {"delivered"}
    assert original["Content-Description"] == "Message Headers"
    assert not list((mta.spool / "trace").rglob(queue_id))


def test_deferral_is_kept_in_the_defer_log(bouncer):
    mta = bouncer()
    queue_id = mta.send(BODY_CRLF, "ann@v.example", "l@later.example",
                        rcpt_options=["NOTIFY=DELAY,FAILURE"])
    mta.wait_status(queue_id, "deferred")
    wait_for(lambda: list((mta.spool / "deferred").rglob(queue_id)), "the deferred file")
    (log,) = (mta.spool / "defer").rglob(queue_id)
    assert re.fullmatch(
        r"\n<l@later\.example>: try later\nrecipient=l@later\.example\noffset=\d+\n"
        r"dsn_orig_rcpt=rfc822;l@later\.example\nnotify_flags=12\nstatus=4\.7\.0\n"
        r"action=delayed\nreason=try later\n\n", log.read_text())


def test_delay_warning(bouncer):
    mta = bouncer(delay_warning_time="1s", minimal_backoff_time="1s", queue_run_delay="1s",
                  notify_classes="delay")
    mta.send(BODY_CRLF, "ann@v.example", "l@later.example")
    (report,) = mails(mta, "ann", 1)
    assert report["Subject"] == "Delayed Mail (still being retried)"
    _, status, original = parts(report)
    rcpt = fields(status)[1]
    assert rcpt["Action"] == "delayed" and "Will-Retry-Until" in rcpt
    assert original["Content-Description"] == "Undelivered Message Headers"
    (copy,) = mails(mta, "u3", 1)
    assert copy["Subject"] == "Postmaster Warning: Delayed Mail"


def test_expired_mail_returns(bouncer):
    mta = bouncer(maximal_queue_lifetime="1s", minimal_backoff_time="1s", queue_run_delay="1s")
    queue_id = mta.send(BODY_CRLF, "ann@v.example", "l@later.example")
    (report,) = mails(mta, "ann", 1)
    mta.wait_log(rf"{queue_id}: from=<ann@v.example>, status=expired, returned to sender")
    mta.wait_removed(queue_id)
    rcpt = fields(parts(report)[1])[1]
    assert (rcpt["Action"], rcpt["Status"]) == ("failed", "4.7.0")


def test_verify_and_verbose_submission(bouncer):
    mta = bouncer()
    mta.run("sendmail", "-bv", "-f", "ann@v.example", "u@bad.example", "d@gone.example",
            "l@later.example")
    (report,) = mails(mta, "ann", 1)
    assert report["Subject"] == "Mail Delivery Status Report"
    assert sorted((r["Final-Recipient"], r["Action"]) for r in fields(parts(report)[1])[1:]) == [
        ("rfc822; d@gone.example", "deliverable"),
        ("rfc822; l@later.example", "undeliverable"),
        ("rfc822; u@bad.example", "undeliverable"),
    ]
    mta.wait_idle()
    mta.run("sendmail", "-v", "-f", "bob@v.example", "d@gone.example", input=BODY)
    (report,) = mails(mta, "bob", 1)
    assert fields(parts(report)[1])[1]["Action"] == "delivered"
    mta.wait_idle()
    mta.wait_empty()


def test_utf8_reports(bouncer):
    mta = bouncer()
    with Dialogue(mta.port) as client:
        client.cmd("EHLO c.example")
        client.cmd("MAIL FROM:<ann@v.example> SMTPUTF8 BODY=8BITMIME")
        assert client.cmd("RCPT TO:<jörg@bad.example>").startswith(b"250")
        client.cmd("DATA")
        assert client.cmd("Subject: grüße\r\n\r\nü\r\n.").startswith(b"250")
    mails(mta, "ann", 1)
    (path,) = (mta.home / "v.example" / "ann" / "new").glob("*")
    text = path.read_text()
    assert "Content-Type: message/global-delivery-status\n" in text
    assert "Final-Recipient: utf-8; jörg@bad.example\n" in text
    assert "Content-Type: message/global\n" in text


def test_own_wording(bouncer, tmp_path):
    tmp_path.chmod(0o755)
    template = tmp_path / "bounce.cf"
    template.write_text("failure_template = <<END\nSubject: Sorry\n\n"
                        "$myhostname tried for ${maximal_queue_lifetime_hours} hours; $$5.\nEND\n")
    for folder in tmp_path.parents:
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
    mta = bouncer(bounce_template_file=str(template))
    mta.send(BODY_CRLF, "ann@v.example", "u@bad.example")
    (report,) = mails(mta, "ann", 1)
    assert report["Subject"] == "Sorry"
    assert "mail.example.test tried for 120 hours; $5.\n" in parts(report)[0].get_content()


def test_soft_bounce(bouncer):
    mta = bouncer(soft_bounce="yes")
    queue_id = mta.send(BODY_CRLF, "ann@v.example", "u@bad.example")
    assert "dsn=4.1.1, status=SOFTBOUNCE" in mta.wait_status(queue_id, "SOFTBOUNCE")


def test_delivery_status_filter(bouncer, tmp_path):
    mta = bouncer(default_delivery_status_filter="inline:{ {4.7.0 try later = 5.7.0 never} }")
    queue_id = mta.send(BODY_CRLF, "ann@v.example", "l@later.example")
    assert "dsn=5.7.0, status=bounced (never)" in mta.wait_status(queue_id, "bounced")


def test_without_bounce_service_nobody_is_lost(bouncer):
    mta = bouncer(bounce_service_name="absent")
    queue_id = mta.send(BODY_CRLF, "ann@v.example", "u@bad.example")
    line = mta.wait_status(queue_id, "deferred")
    assert "dsn=4.3.0" in line and "(absent or trace service failure)" in line
    wait_for(lambda: list((mta.spool / "deferred").rglob(queue_id)), "the deferred file")
    assert "\nrecipient: u@bad.example\n" in mta.run("postcat", "-q", queue_id).stdout


def test_postconf_shows_the_wording(start_mta, tmp_path):
    mta = start_mta(start=False)
    raw = mta.run("postconf", "-t").stdout
    assert raw.startswith("failure_template = <<EOF\nCharset: us-ascii\n")
    assert "$delay_warning_time_hours hour(s)" in raw
    expanded = mta.run("postconf", "-b").stdout
    assert "over 0 hour(s)" in expanded and "mail.example.test" in expanded
    own = tmp_path / "own"
    own.write_text(raw.replace("Undelivered Mail Returned", "Mail Returned"))
    assert "\nSubject: Mail Returned to Sender\n" in mta.run("postconf", "-t", own).stdout
