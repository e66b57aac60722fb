"""The main job: what goes in by SMTP and by sendmail comes out of the mailbox."""
import email


def maildir(mta, user, domain="v.example"):
    return sorted((mta.home / domain / user / "new").glob("*"))


def test_smtp_to_maildir(virtual_domain):
    mta = virtual_domain()
    queue_id = mta.send("Subject: hello\r\n\r\nfirst\r\n..dot\r\n", to="ann@v.example")
    line = mta.wait_status(queue_id, "sent")
    assert "relay=virtual" in line and "(delivered to maildir)" in line
    mta.wait_removed(queue_id)
    (path,) = maildir(mta, "ann")
    message = email.message_from_bytes(path.read_bytes())
    assert message["Subject"] == "hello"
    assert message["Return-Path"] == "<sender@example.org>"
    assert message["Delivered-To"] == "ann@v.example"
    assert message.get_payload() == "first\n..dot\n"
    mta.wait_empty()


def test_sendmail_to_mailbox(virtual_domain):
    mta = virtual_domain()
    queue_id = mta.submit("To: bob@mbox.example\nSubject: hi\n\nFrom here\n", "-t")
    mta.wait_removed(queue_id)
    text = (mta.home / "mbox.example" / "bob").read_text()
    assert text.startswith("From ")
    assert "\n>From here\n\n" in text
    assert "(Postfix, from userid " in text


def test_relaying_is_refused_to_strangers(start_mta):
    mta = start_mta(main={"mynetworks": "192.0.2.0/24"})
    with mta.raw() as client:
        client.cmd("EHLO client.example")
        client.cmd("MAIL FROM:<a@example.org>")
        assert client.cmd("RCPT TO:<b@example.net>") == (
            b"454 4.7.1 <b@example.net>: Relay access denied"
        )
    mta.wait_log(r"NOQUEUE: reject: RCPT from (?:localhost|unknown)\[127\.0\.0\.1\]: 454 4\.7\.1 <b@example\.net>: "
                 r"Relay access denied; from=<a@example\.org> to=<b@example\.net> proto=ESMTP "
                 r"helo=<client\.example>")
