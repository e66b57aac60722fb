"""postsuper and postcat on a live queue."""
import os
import re

import pytest

from mta import wait_for

BODY = "Subject: hello\r\n\r\nbody\r\n"


@pytest.fixture
def holder(start_mta):
    return start_mta(main={"smtpd_reject_unlisted_recipient": "no",
                           "transport_maps": "inline:{ {later.example = retry:4.7.0 try later} }"})


def deferred(mta, sender="ann@a.example"):
    queue_id = mta.send(BODY, sender, "l@later.example")
    wait_for(lambda: list((mta.spool / "deferred").rglob(queue_id)), "the deferred file")
    return queue_id


def queue_of(mta, queue_id):
    found = [p.relative_to(mta.spool).parts[0] for p in mta.queue_files() if p.name == queue_id]
    assert len(found) <= 1
    return found[0] if found else None


def test_hold_release_expire_delete(holder):
    queue_id = deferred(holder)
    run = holder.run("postsuper", "-h", queue_id)
    assert run.stderr == (f"postsuper: {queue_id}: placed on hold\n"
                          "postsuper: Placed on hold: 1 message\n")
    assert queue_of(holder, queue_id) == "hold"
    holder.wait_log(rf"postfix/postsuper\[\d+\]: {queue_id}: placed on hold$")
    other = deferred(holder)
    mark = holder.mark()
    holder.run("postqueue", "-f")
    holder.wait_log(rf"{other}: to=.*status=deferred", since=mark)  # has been through deferred/
    assert queue_of(holder, queue_id) == "hold"
    run = holder.run("postsuper", "-H", queue_id)
    assert run.stderr.endswith("postsuper: Released from hold: 1 message\n")
    assert queue_of(holder, queue_id) == "deferred"
    run = holder.run("postsuper", "-e", queue_id)
    assert run.stderr == f"postsuper: {queue_id}: expired\npostsuper: Force-expired: 1 message\n"
    (path,) = (holder.spool / "deferred").rglob(queue_id)
    assert path.stat().st_mode & 0o777 == 0o710
    run = holder.run("postsuper", "-d", queue_id)
    assert run.stderr == f"postsuper: {queue_id}: removed\npostsuper: Deleted: 1 message\n"
    assert not list(holder.spool.rglob(queue_id))  # the defer log went as well


def test_ids_from_standard_input_and_all(holder):
    ids = [deferred(holder) for _ in range(3)]
    run = holder.run("postsuper", "-d", "-", input=f"{ids[0]}\n\nno/id\nAAAAAA\n")
    assert run.stderr == (f"postsuper: {ids[0]}: removed\n"
                          "postsuper: warning: invalid mail queue id: no/id\n"
                          "postsuper: Deleted: 1 message\n")
    run = holder.run("postsuper", "-h", "ALL")
    assert run.stderr == "postsuper: Placed on hold: 2 messages\n"
    assert holder.run("postsuper", "-d", "ALL", "deferred").stderr == (
        "postsuper: Deleted: 0 messages\n")
    assert holder.run("postsuper", "-d", "ALL").stderr == "postsuper: Deleted: 2 messages\n"
    holder.wait_empty()


def test_requeue_gives_a_new_id(holder):
    queue_id = deferred(holder)
    mark = holder.mark()
    run = holder.run("postsuper", "-r", queue_id)
    assert run.stderr == f"postsuper: {queue_id}: requeued\npostsuper: Requeued: 1 message\n"
    holder.run("postkick", "public", "pickup", "W")
    new_id = holder.wait_log(rf"pickup\[\d+\]: (\w+): uid=\d+ from=<ann@a.example> orig_id={queue_id}",
                             since=mark).group(1)
    assert new_id != queue_id
    holder.wait_status(new_id, "deferred")
    assert not list(holder.spool.rglob(queue_id))


def test_restored_files_get_their_names_back(holder):
    ids = [deferred(holder), deferred(holder)]
    holder.run("postsuper", "-h", "ALL")
    holder.stop()
    paths = [next((holder.spool / "hold").rglob(i)) for i in ids]
    # As after a restore: each has the other's name; and one lies in the wrong folder.
    swap = paths[0].with_name("swap")
    paths[0].rename(swap), paths[1].rename(paths[0]), swap.rename(paths[1])
    text = {i: next((holder.spool / "defer").rglob(i)).read_text() for i in ids}
    run = holder.run("postsuper", "-s")
    assert "postsuper: Renamed to match inode number: " in run.stderr
    assert "postsuper: warning: QUEUE FILE NAMES WERE CHANGED TO MATCH INODE NUMBERS" in run.stderr
    names = [p.name for p in holder.queue_files("hold")]
    assert len(names) == 2
    for path in holder.queue_files("hold"):
        assert int(path.name[5:], 16) == path.stat().st_ino
        assert list((holder.spool / "defer").rglob(path.name))
    assert len(text) == 2


def test_ordinary_users_are_refused(holder):
    if os.geteuid() != 0:
        pytest.skip("only root can become somebody else")
    run = holder.run("postsuper", "-d", "ALL", user="nobody", check=False)
    assert run.returncode == 1
    assert "use of this command is reserved for the superuser" in run.stderr


def test_postcat(holder):
    queue_id = deferred(holder)
    path = f"deferred/{queue_id[0]}/{queue_id}"
    out = holder.run("postcat", "-q", queue_id).stdout
    assert out.startswith(f"*** ENVELOPE RECORDS {path} ***\nmessage_size: ")
    assert "\nsender: ann@a.example\n" in out
    assert "\nrecipient: l@later.example\n" in out
    assert re.search(r"\nmessage_arrival_time: \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n", out)
    assert out.endswith(f"\n*** MESSAGE FILE END {path} ***\n")
    assert holder.run("postcat", "-bq", queue_id).stdout == "\nbody\n"
    headers = holder.run("postcat", "-hq", queue_id).stdout
    assert headers.startswith("Received: from ") and "\nSubject: hello\n" in headers
    run = holder.run("postcat", "-q", "AAAAAAAA", check=False)
    assert run.returncode == 1
    assert run.stderr == "postcat: fatal: open queue file AAAAAAAA: No such file or directory\n"
