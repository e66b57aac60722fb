"""Variable envelope return paths, and what virtual(8) says, as with Debian's Postfix beside it."""
import os
import re

from mta import Postfix, Relais, yardstick_root

BODY = "Subject: b\n\n"
SENDER = ("-f", "list@a.example", "u@c.example")
PLAIN, PLUS, MINUS = "list@a.example", "list+u=c.example@a.example", "list-u=c.example@a.example"


def kinds():
    """Both, so that what we believe of Postfix stays true."""
    both = os.geteuid() == 0 and yardstick_root() is not None
    return [Relais, Postfix] if both else [Relais]


OPTIONS = [
    ((), PLAIN, ""),
    (("-XV",), PLUS, ""),
    (("-XV-=",), MINUS, ""),
    (("-V-=",), MINUS, "warning: option -V-= is deprecated with Postfix 2.3; specify -XV-= instead"),
    (("-V",), PLUS, "warning: option -V is deprecated with Postfix 2.3; specify -XV instead"),
    (("-Vid",), None, "fatal: -V requires two characters from -=+"),
    (("-V", "some"), PLAIN, ""),
    (("-Vsome",), PLAIN, ""),
    (("-XV", "-f", "<>"), None, f"fatal: ({os.getuid()}): -V option requires non-null sender address"),
]


def test_sendmail_options(start_mta, next_hop):
    start_mta.expect_in_log("-V (requires two|option requires)")
    for kind in kinds():
        mta = start_mta(kind=kind, main={"relayhost": f"[127.0.0.1]:{next_hop.port}"})
        for option, sender, says in OPTIONS:
            case = (kind.name, option)
            args = (*option, "u@c.example") if "-f" in option else (*option, *SENDER)
            result = mta.run("sendmail", *args, input=BODY, check=False)
            assert says in result.stderr, case
            assert result.returncode == (0 if sender else 75), (case, result.stderr)
            if sender:
                message = next_hop.take_message()
                assert (message.sender, message.recipients) == (sender, ["u@c.example"]), case


def test_xverp_over_smtp(start_mta, next_hop):
    told = []
    for kind in kinds():
        mta = start_mta(kind=kind, main={"relayhost": f"[127.0.0.1]:{next_hop.port}",
                                         "smtpd_authorized_verp_clients": "127.0.0.1"})
        with mta.raw() as client:
            assert b"250-XVERP" in client.cmd("EHLO there")
            told.append([client.cmd(f"MAIL FROM:{rest}") for rest in (
                "<> XVERP", "<list@a.example> XVERP==", "<list@a.example> XVERP=ab",
                "<list@a.example> XVERP=-=")])
            client.cmd("RCPT TO:<u@c.example>")
            client.cmd("RCPT TO:<w+x@c.example>")
            client.cmd("DATA")
            client.cmd(BODY.replace("\n", "\r\n") + ".")
        senders = sorted(next_hop.take_message().sender for _ in range(2))
        assert senders == [MINUS, "list-w+x=c.example@a.example"], kind.name
    assert told[0][0] == b"503 5.5.4 Error: XVERP requires non-null sender"
    assert told[0][1] == b"501 5.5.4 Error: XVERP needs two characters from -=+"
    assert all(lines == told[0] for lines in told)


def test_virtual_does_not_look_for_loops(start_mta, mailbox_owner):
    """It forwards nothing; a message that has been in the mailbox before may come again."""
    uid, gid = mailbox_owner
    for kind in kinds():
        mta = start_mta(kind=kind, start=False, main={
            "virtual_mailbox_domains": "v.example", "virtual_minimum_uid": "1",
            "virtual_uid_maps": f"static:{uid}", "virtual_gid_maps": f"static:{gid}"})
        boxes = mta.write("boxes", "ann@v.example v/ann/\n")
        (mta.home / "v").mkdir()
        os.chown(mta.home / "v", uid, gid)
        mta.configure(virtual_mailbox_base=str(mta.home), virtual_mailbox_maps=f"texthash:{boxes}")
        mta.start()
        queue_id = mta.send("Delivered-To: ann@v.example\n" + BODY, to="ann@v.example")
        assert re.search(r"dsn=2.0.0, status=sent \(delivered to maildir\)$",
                         mta.wait_status(queue_id, r"\w+"))
