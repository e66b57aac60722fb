"""The queue both ways: Debian's programs on a queue that Relais left, and the other way round."""
import os
import pwd
import re
import shutil

import pytest
from mta import wait_for

DEAD = "[127.0.0.1]:9"  # nobody listens there
NOBODY = pwd.getpwnam("nobody")


def leave_mail(mta):
    """Deferred mail with its log, a message on hold, and one in maildrop; then stops."""
    body = "Subject: kept\r\nX-Mark: %s\r\n\r\nbody of %s\r\nsecond line\r\n"
    ids = {}
    ids["deferred"] = mta.send(body % ("deferred", "deferred"), to=["a@far.example", "b@far.example"])
    wait_for(lambda: len(mta.queue_files("deferred")) == 1, "the deferred file")
    ids["hold"] = mta.send(body % ("hold", "hold"), to="c@far.example")
    wait_for(lambda: len(mta.queue_files("deferred")) == 2, "the second deferred file")
    mta.run("postsuper", "-h", ids["hold"])
    mta.stop()
    # With the daemons down sendmail leaves the message in maildrop by way of postdrop.
    mta.run("sendmail", "-f", "local@mail.example.test", "d@far.example",
            input=(body % ("maildrop", "maildrop")).replace("\r\n", "\n"))
    assert len(mta.queue_files("maildrop")) == 1
    return ids


def deliver_rest(mta, queue_from):
    """Takes over another instance's queue and delivers all of it into a Maildir."""
    for queue in ("incoming", "active", "deferred", "hold", "maildrop", "defer", "bounce"):
        source = queue_from.spool / queue
        if source.is_dir():
            shutil.rmtree(mta.spool / queue, ignore_errors=True)
            shutil.copytree(source, mta.spool / queue)
    owner = pwd.getpwnam("postfix")
    for top, folders, files in os.walk(mta.spool):
        for name in folders + files:
            path = os.path.join(top, name)
            if any(f"/{q}" in path for q in ("incoming", "active", "deferred", "hold", "maildrop", "defer", "bounce")):
                os.chown(path, owner.pw_uid, owner.pw_gid)


def boxes(mta):
    (mta.home / "far").mkdir()
    os.chown(mta.home / "far", NOBODY.pw_uid, NOBODY.pw_gid)
    mta.write("boxes", "".join(f"{u}@far.example far/{u}/\n" for u in "abcdx"))


def taker_settings():
    return {
        "virtual_mailbox_domains": "far.example",
        "virtual_uid_maps": f"static:{NOBODY.pw_uid}",
        "virtual_gid_maps": f"static:{NOBODY.pw_gid}",
        "virtual_minimum_uid": "1",
    }


def check_takeover(giver, taker):
    ids = leave_mail(giver)
    taker.configure(virtual_mailbox_base=str(taker.home), virtual_mailbox_maps=f"texthash:{taker.etc}/boxes")
    taker.start()
    taker.stop()
    deliver_rest(taker, giver)
    # postsuper works as the mail owner, who may not open root's log while postlogd is down.
    owner = pwd.getpwnam("postfix")
    os.chown(taker.log_file, owner.pw_uid, owner.pw_gid)
    # The other side's commands read what lies there: structure, listing, contents.
    # Without postlogd Postfix's writes the log by itself, by then as mail_owner.
    taker.log_file.chmod(0o666)
    taker.run("postsuper")
    taker.start()
    listing = taker.run("postqueue", "-p").stdout
    for address in ("a@far.example", "b@far.example", "c@far.example"):
        assert address in listing, listing
    assert "Connection refused" in listing
    hold = re.search(r"^(\w+)!", listing, re.M).group(1)
    printed = taker.run("postcat", "-q", hold).stdout
    assert "X-Mark: hold" in printed and "c@far.example" in printed
    taker.run("postsuper", "-H", hold)
    taker.run("postqueue", "-f")
    expected = {"a": "deferred", "b": "deferred", "c": "hold", "d": "maildrop"}

    def arrived():
        return {p.parts[-3] for p in (taker.home / "far").glob("*/new/*")} == set(expected)

    wait_for(arrived, "all four messages\n" + taker.log()[-3000:], 60)
    taker.wait_idle()
    for user, mark in expected.items():
        (path,) = (taker.home / "far" / user / "new").iterdir()
        text = path.read_bytes()
        assert f"X-Mark: {mark}\n".encode() in text
        assert text.endswith(f"\n\nbody of {mark}\nsecond line\n".encode())
    taker.wait_empty()
    assert ids


def test_postfix_takes_over_a_queue_of_relais(start_mta, start_postfix):
    giver = start_mta(main={"relayhost": DEAD})
    taker = start_postfix(start=False, main=taker_settings(), prepare=boxes)
    check_takeover(giver, taker)


def test_relais_takes_over_a_queue_of_postfix(start_mta, start_postfix):
    giver = start_postfix(main={"relayhost": DEAD})
    taker = start_mta(start=False, main=taker_settings(), prepare=boxes)
    check_takeover(giver, taker)


@pytest.mark.parametrize("long_ids", ["no", "yes"])
def test_debians_postcat_reads_our_files(start_mta, start_postfix, long_ids):
    mta = start_mta(main={"relayhost": DEAD, "enable_long_queue_ids": long_ids})
    queue_id = mta.send("Subject: read me\r\n\r\nthe body\r\n", to="x@far.example")
    (path,) = wait_for(lambda: mta.queue_files("deferred"), "the deferred file")
    other = start_postfix(start=False)
    theirs = other.run("postcat", path).stdout
    ours = mta.run("postcat", path).stdout
    assert theirs == ours
    assert "the body" in theirs and "recipient: x@far.example" in theirs
