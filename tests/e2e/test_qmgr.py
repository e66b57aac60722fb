"""The queue manager: what it takes, in which order it gives up, and what it leaves on the disk."""
import os
import re
import signal
import socket
import subprocess

import pytest
from mta import Postfix, Relais, wait_for, yardstick_root
from next_hop import NextHop

MESSAGE = "Subject: test\n\ntext\n"


@pytest.fixture
def hop():
    hop = NextHop()
    yield hop
    hop.close()


@pytest.fixture
def relay(start_mta, hop):
    """start(**main): an instance that relays all foreign mail to the scripted next hop."""

    def start(master="", **main):
        return start_mta(
            main={"relayhost": f"[127.0.0.1]:{hop.port}", "relay_domains": "flush.example", **main},
            master=master,
        )

    return start


def file_of(mta, queue_id, *queues):
    return next((p for p in mta.queue_files(*queues) if p.name == queue_id), None)


def where(mta, queue_id):
    """The queue a message is in."""
    path = file_of(mta, queue_id)
    return path and path.relative_to(mta.spool).parts[0]


def qmgr_pid(mta):
    out = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(mta.master_pid())], capture_output=True, text=True
    ).stdout
    return next((int(line.split()[0]) for line in out.splitlines() if "qmgr" in line), None)


def test_a_dead_queue_manager_is_replaced_without_new_mail(mta, start_mta):
    start_mta.expect_in_log("killed by signal 9")
    wait_for(lambda: qmgr_pid(mta), "the queue manager")
    before = qmgr_pid(mta)
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: qmgr_pid(mta) not in (None, before), "the next queue manager", 10)


def test_a_reload_counts_for_all_that_begins_after_it(relay, hop):
    mta = relay()
    with NextHop() as other:
        for turn in range(6):
            there = (other, hop)[turn % 2]
            mta.configure(relayhost=f"[127.0.0.1]:{there.port}", smtpd_banner=f"turn {turn}")
            mta.reload()
            with mta.raw() as client:
                assert client.greeting == b"220 turn %d" % turn
            queue_id = mta.send(MESSAGE, to="ann@c.example")
            assert f"127.0.0.1]:{there.port}," in mta.wait_status(queue_id, "sent")


def test_a_changed_table_routes_the_next_message(relay, hop):
    with NextHop() as other:
        mta = relay(transport_maps="")
        table = mta.table("transport", f"c.example smtp:[127.0.0.1]:{hop.port}\n")
        mta.configure(transport_maps=table)
        mta.reload()
        for there in (hop, other, hop):
            mta.table("transport", f"c.example smtp:[127.0.0.1]:{there.port}\n")
            queue_id = mta.send(MESSAGE, to="ann@c.example")
            assert f"127.0.0.1]:{there.port}," in mta.wait_status(queue_id, "sent")


@pytest.mark.parametrize("limit, fits", [("20", "reduce smtp connect"), ("2", "limit from 2")])
def test_a_clogged_destination_is_warned_about(start_mta, limit, fits):
    """The same words at the same moment as Postfix, where that is to be had."""
    main = {"qmgr_message_active_limit": "20", "smtp_destination_concurrency_limit": limit}
    kinds = [Relais]
    if os.geteuid() == 0 and yardstick_root() is not None:
        kinds.append(Postfix)
    told = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        for kind in kinds:
            mta = start_mta(kind=kind, main={"relayhost": f"[127.0.0.1]:{port}", **main})
            for _ in range(6):
                queue_id = mta.send(MESSAGE, to="ann@c.example")
                mta.wait_log(rf"{queue_id}: from=.*queue active")
            mta.wait_log("to turn off these warnings")
            told.append(re.findall(r"qmgr\[\d+\]: warning: (.*)", mta.log()))
    assert told[0][0] == f"mail for [127.0.0.1]:{port} is using up 5 of 5 active queue entries"
    assert fits in told[0][1]
    assert all(lines == told[0] for lines in told)


def test_deferred_mail_leaves_once_the_next_hop_recovers(relay, hop):
    mta = relay()
    hop.answer("RCPT", 450, "4.2.1 later")
    queue_id = mta.send(MESSAGE, to="ann@c.example")
    mta.wait_status(queue_id, "deferred")
    wait_for(lambda: where(mta, queue_id) == "deferred", "the file in deferred")
    wait = file_of(mta, queue_id).stat().st_mtime - os.stat(mta.log_file).st_mtime
    assert 250 < wait <= 301
    hop.answer("RCPT", 250, "2.1.5 ok")
    mta.run("postqueue", "-i", queue_id)
    assert hop.take_message().recipients == ["ann@c.example"]
    mta.wait_removed(queue_id)
    assert file_of(mta, queue_id) is None


def test_only_recipients_that_are_left_are_tried_again(relay, hop):
    mta = relay()
    hop.answer("RCPT", 450, "4.2.1 later", to="bob@c.example")
    queue_id = mta.send(MESSAGE, to=["ann@c.example", "bob@c.example"])
    assert hop.take_message().recipients == ["ann@c.example"]
    wait_for(lambda: where(mta, queue_id) == "deferred", "the file in deferred")
    hop.answer("RCPT", 250, "2.1.5 ok", to="bob@c.example")
    mta.flush()
    assert hop.take_message().recipients == ["bob@c.example"]
    mta.wait_removed(queue_id)


def test_dead_destination_is_left_alone_until_a_flush(relay, hop):
    mta = relay(initial_destination_concurrency="1")
    hop.drop("GREETING")
    first = mta.send(MESSAGE, to="a@c.example")
    mta.wait_status(first, "deferred")
    second = mta.send(MESSAGE, to="b@c.example")
    assert "(delivery temporarily suspended: " in mta.wait_status(second, "deferred")
    hop.answer("GREETING", 220, "here again")
    mta.flush()
    mta.wait_removed(first)
    mta.wait_removed(second)


def test_fast_flush_of_one_site(relay, hop, start_mta):
    start_mta.expect_in_log(r"fatal: Flush service is not configured")
    mta = relay()
    hop.answer("RCPT", 450, "4.2.1 later")
    ids = [mta.send(MESSAGE, to=f"a@{site}.example") for site in ("flush", "other")]
    wait_for(lambda: all(where(mta, i) == "deferred" for i in ids), "both deferred")
    log = mta.spool / "flush"
    wait_for(lambda: any(p.is_file() for p in log.rglob("flush_example")), "the site's log")
    hop.answer("RCPT", 250, "2.1.5 ok")
    mta.run("postqueue", "-s", "flush.example")
    mta.wait_removed(ids[0])
    assert where(mta, ids[1]) == "deferred"
    refused = mta.run("postqueue", "-s", "other.example", check=False)
    assert refused.returncode == 69
    assert 'Flush service is not configured for destination "other.example"' in refused.stderr


def test_expired_mail_is_returned(virtual_domain, hop):
    mta = virtual_domain(
        main={"relayhost": f"[127.0.0.1]:{hop.port}", "maximal_queue_lifetime": "0"}
    )
    hop.answer("RCPT", 450, "4.2.1 later")
    queue_id = mta.send(MESSAGE, sender="ann@v.example", to="x@c.example")
    mta.wait_log(rf"{queue_id}: from=<ann@v\.example>, status=expired, returned to sender$")
    mta.wait_removed(queue_id)
    report = wait_for(lambda: list((mta.home / "v.example/ann").glob("new/*")), "the report")[0]
    assert b"4.2.1 later" in report.read_bytes()


def test_forced_expiry_tells_why_the_mail_was_late(virtual_domain, hop):
    mta = virtual_domain(main={"relayhost": f"[127.0.0.1]:{hop.port}"})
    hop.answer("RCPT", 450, "4.2.1 later")
    queue_id = mta.send(MESSAGE, sender="ann@v.example", to="x@c.example")
    wait_for(lambda: where(mta, queue_id) == "deferred", "the file in deferred")
    path = file_of(mta, queue_id)
    path.chmod(path.stat().st_mode | 0o010)
    mta.run("postqueue", "-i", queue_id)
    mta.wait_log(rf"{queue_id}: from=<ann@v\.example>, status=force-expired, returned to sender$")
    mta.wait_removed(queue_id)
    report = wait_for(lambda: list((mta.home / "v.example/ann").glob("new/*")), "the report")[0]
    assert b"4.2.1 later" in report.read_bytes()


def test_defer_transports_waits_for_a_flush(relay, hop):
    mta = relay(defer_transports="smtp")
    queue_id = mta.send(MESSAGE, to="a@c.example")
    assert "dsn=4.3.2, status=deferred (deferred transport)" in mta.wait_status(
        queue_id, "deferred"
    )
    wait_for(lambda: where(mta, queue_id) == "deferred", "the file in deferred")
    mta.flush()
    assert hop.take_message().recipients == ["a@c.example"]


def test_missing_transport_defers_and_warns(start_mta):
    mta = start_mta(main={"default_transport": "nothere"})
    queue_id = mta.send(MESSAGE, to="a@c.example")
    line = mta.wait_status(queue_id, "deferred")
    assert "dsn=4.3.0, status=deferred (mail transport unavailable)" in line
    mta.wait_log(r"warning: connect to transport private/nothere: No such file or directory$")


def test_damaged_file_goes_to_corrupt_and_hurts_nothing_else(relay, hop):
    mta = relay(defer_transports="smtp")
    bad, good = (mta.send(MESSAGE, to=f"{n}@c.example") for n in "bg")
    wait_for(lambda: where(mta, bad) == where(mta, good) == "deferred", "both deferred")
    path = file_of(mta, bad)
    data = path.read_bytes()
    path.write_bytes(data[:98] + b"\xff\xff\xff\xff\xff" + data[103:])
    mta.flush()
    assert hop.take_message().recipients == ["g@c.example"]
    mta.wait_log(rf'warning: saving corrupt file "{bad}" from queue "active" to queue "corrupt"$')
    assert where(mta, bad) == "corrupt"


def test_held_mail_is_left_alone(relay, hop):
    mta = relay(defer_transports="smtp")
    queue_id = mta.send(MESSAGE, to="a@c.example")
    wait_for(lambda: where(mta, queue_id) == "deferred", "the file in deferred")
    path = file_of(mta, queue_id)
    held = mta.spool / "hold" / path.relative_to(mta.spool / "deferred")
    held.parent.mkdir(parents=True, exist_ok=True)
    path.rename(held)
    mta.flush()
    other = mta.send(MESSAGE, to="b@c.example")
    mta.wait_status(other, "deferred")
    assert where(mta, queue_id) == "hold"


def test_many_recipients_are_read_in_portions(start_mta):
    mta = start_mta(
        main={
            "default_transport": "discard",
            "qmgr_message_recipient_limit": "50",
            "qmgr_message_recipient_minimum": "10",
            "default_destination_recipient_limit": "7",
            "smtpd_recipient_limit": "2000",
        }
    )
    queue_id = mta.send(MESSAGE, to=[f"u{n}@d{n % 13}.example" for n in range(1000)])
    mta.wait_removed(queue_id)
    sent = re.findall(rf"{queue_id}: to=<(\w+)@.*status=sent", mta.log())
    assert len(sent) == len(set(sent)) == 1000


def test_small_active_queue_delivers_all(start_mta):
    mta = start_mta(main={"default_transport": "discard", "qmgr_message_active_limit": "3"})
    ids = [mta.send(MESSAGE, to="a@c.example") for _ in range(60)]
    for queue_id in ids:
        mta.wait_removed(queue_id)


def test_rate_delay_spaces_deliveries(start_mta):
    mta = start_mta(
        main={"default_transport": "discard", "discard_destination_rate_delay": "1s"}
    )
    ids = [mta.send(MESSAGE, to=f"u{n}@c.example") for n in range(3)]
    delays = [float(re.search(r" delay=([\d.]+)", mta.wait_status(i, "sent")).group(1)) for i in ids]
    assert delays[0] < 0.9 and delays[1] > 0.8 and delays[2] > 1.6


def test_killed_queue_manager_loses_and_repeats_nothing_in_work(start_mta, hop):
    start_mta.expect_in_log(r"qmgr pid \d+ killed by signal 9")
    mta = start_mta(main={"relayhost": f"[127.0.0.1]:{hop.port}"})
    hop.delay("DOT", 1.5)
    queue_id = mta.send(MESSAGE, to="a@c.example")
    mta.wait_log(rf"{queue_id}: from=.*queue active")
    os.kill(qmgr_pid(mta), signal.SIGKILL)
    mta.wait_log(r"qmgr pid \d+ killed by signal 9")
    other = mta.send(MESSAGE, to="b@c.example")  # wakes the new queue manager
    mta.wait_removed(other)
    mta.wait_removed(queue_id)
    assert len(re.findall(rf"{queue_id}: to=.*status=sent", mta.log())) == 1


def test_unfinished_file_of_a_dead_writer_is_removed(mta):
    orphan = mta.spool / "incoming" / "0" / "0ABCDE12345"
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"C")
    orphan.chmod(0o600)
    if os.geteuid() == 0:
        owner = os.stat(mta.spool / "incoming")
        os.chown(orphan, owner.st_uid, owner.st_gid)
        os.chown(orphan.parent, owner.st_uid, owner.st_gid)
    mta.run("postkick", "public", "qmgr", "I")
    mta.wait_log(r"0ABCDE12345: removed \(canceled\)$")
    assert not orphan.exists()
