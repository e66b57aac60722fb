"""Safety of the queue: what a power cut or a full disk leaves of it loses no message."""
import os
import re

from mta import wait_for

DEFERRING = {"relayhost": "[127.0.0.1]:1", "mydestination": "", "minimal_backoff_time": "1s",
             "maximal_backoff_time": "1s"}


def stuck(mta, to=("ann@c.example",)):
    """A deferred message and the path of its defer log."""
    queue_id = mta.send("Subject: x\r\n\r\nbody\r\n", sender="sender@v.example", to=to)
    mta.wait_status(queue_id, "deferred")
    mta.wait_idle()
    return queue_id, next(path for path in mta.queue_files("defer") if path.name == queue_id)


def test_expiry_with_an_empty_defer_log_reports_all_the_same(virtual_domain):
    mta = virtual_domain({**DEFERRING, "virtual_mailbox_maps": None})
    mta.configure(virtual_mailbox_maps=f"inline:{{ sender@v.example=sender/ }}")
    mta.reload()
    queue_id, log = stuck(mta)
    log.write_bytes(b"")
    mta.run("postsuper", "-f", queue_id)
    mta.run("postqueue", "-f")
    mta.wait_log(rf"{queue_id}: recipients without a reason in the defer log")
    mta.run("postqueue", "-f")
    mta.wait_log(rf"{queue_id}: sender non-delivery notification")
    mta.wait_removed(queue_id)


def test_expiry_reports_recipients_that_the_defer_log_lost(virtual_domain):
    mta = virtual_domain({**DEFERRING, "virtual_mailbox_maps": None})
    mta.configure(virtual_mailbox_maps=f"inline:{{ sender@v.example=sender/ }}")
    mta.reload()
    queue_id, log = stuck(mta, ["ann@c.example", "bob@d.example"])
    entries = log.read_bytes()
    second = entries.rindex(b"\n<")
    log.write_bytes(entries[:second])
    mta.run("postsuper", "-f", queue_id)
    mta.run("postqueue", "-f")
    mta.wait_log(rf"{queue_id}: sender non-delivery notification")
    wait_for(lambda: (mta.run("postqueue", "-f"),
                      re.search(rf"{queue_id}: removed$", mta.log(), re.M))[1], "the end")
    notes = mta.log().count(f"{queue_id}: sender non-delivery notification")
    reports = b"".join(p.read_bytes() for p in wait_for(
        lambda: len(list((mta.home / "sender/new").glob("*"))) == notes
        and list((mta.home / "sender/new").glob("*")), "all reports"))
    assert b"rfc822; ann@c.example" in reports and b"rfc822; bob@d.example" in reports


def test_a_file_with_holes_from_before_the_start_is_set_aside(mta):
    mta.configure(defer_transports="smtp", relayhost="[127.0.0.1]:1")
    mta.reload()
    queue_id = mta.send("Subject: x\r\n\r\n" + "line\r\n" * 40000, to="ann@c.example")
    mta.wait_idle()
    path = next(p for p in mta.queue_files("deferred") if p.name == queue_id)
    mta.stop()
    with open(path, "r+b") as file:
        file.seek(65536)
        file.write(bytes(65536))
    target = mta.spool / "incoming" / path.parent.name / path.name
    target.parent.mkdir(exist_ok=True)
    path.rename(target)
    os.utime(target, (1, 1))
    mta.start()
    mta.wait_log(rf'saving corrupt file "{queue_id}" from queue "active" to queue "corrupt"')
    wait_for(lambda: mta.queue_files("corrupt"), "the file in corrupt/")
