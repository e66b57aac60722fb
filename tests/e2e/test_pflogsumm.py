"""pflogsumm counts the same for the same traffic through Relais and through Debian's Postfix."""
import re
import subprocess

from next_hop import NextHop


# The sizes of reports count as well, so that both sides have to use the same words.
TEMPLATE = """\
failure_template = <<EOF
Charset: us-ascii
From: MAILER-DAEMON (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
Postmaster-Subject: Postmaster Copy: Undelivered Mail

Your message could not be delivered.

EOF
"""


def traffic(mta, hop):
    """Some of everything that the summary counts."""
    text = "Subject: count me\r\n\r\n%s\r\n"
    ids = [mta.send(text % ("x" * n), to=f"u{n}@out.example") for n in (10, 200, 3000)]
    ids.append(mta.send(text % "two", to=["a@out.example", "b@other.example"]))
    for queue_id in ids:
        mta.wait_removed(queue_id)
    bounced = mta.send(text % "bounce", to="refused@out.example")
    mta.wait_removed(bounced)
    later = mta.send(text % "later", to="later@out.example")
    mta.wait_status(later, "deferred")
    with mta.raw() as client:
        client.cmd("EHLO client.example")
        client.cmd("MAIL FROM:<s@example.org>")
        client.cmd("RCPT TO:<nobody-here@mail.example.test>")
        client.cmd("QUIT")
    mta.wait_log(r"disconnect from .* rcpt=0/1")
    mta.wait_idle()


def report_template(mta):
    mta.configure(bounce_template_file=str(mta.write("bounce.cf", TEMPLATE)))


def summary(mta):
    out = subprocess.run(
        ["pflogsumm", "--no-no-msg-size", str(mta.log_file)], capture_output=True, text=True
    ).stdout
    totals = out.split("Per-Day")[0].split("Per-Hour")[0]
    return re.findall(r"^\s+(\d+[km]?)\s+(.*?)(?:\s+\(.*\))?$", totals, re.M)


def test_same_totals(start_mta, start_postfix):
    results = []
    for start in (start_postfix, start_mta):
        with NextHop() as hop:
            hop.answer("RCPT", 550, "5.1.1 no such user", to="refused@out.example")
            hop.answer("RCPT", 450, "4.2.1 later", to="later@out.example")
            mta = start(main={"relayhost": f"[127.0.0.1]:{hop.port}", "local_recipient_maps": "static:x",
                              "alias_maps": "", "mydestination": "localhost",
                              "virtual_mailbox_domains": "mail.example.test",
                              "virtual_mailbox_maps": "inline:{ann@mail.example.test=ann}"},
                        prepare=report_template)
            traffic(mta, hop)
            mta.stop()
            results.append(summary(mta))
    theirs, ours = results
    assert theirs and ours == theirs
