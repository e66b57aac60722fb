"""What people type at the queue: pipelines over mailq, postcat and postsuper on mixed mail."""
import os
import subprocess

import pytest
from mta import wait_for

MESSAGES = {
    "plain": ("sender@example.com", ["someone@some.where"], "text"),
    "user": ("user@example.com", ["a@b.example", "c@d.example"], "KEYWORD inside"),
    "from": ("from@example.com", ["x@y.example"], "text"),
    "bounce": ("", ["mail@example.com"], "text"),
    "other": ("other@c.example", ["a@b.example"], "text"),
    "held": ("other@c.example", ["a@b.example"], "KEYWORD held"),
}
IDS = "mailq | sed -E -n 's/^([[:alnum:]]+)[[:blank:]].*/\\1/gp'"

# Each recipe, with the messages that it names, deletes ("-") or holds ("+").
READING = {
    IDS: "plain user from bounce other",
    f"for id in $({IDS}); do postcat -q $id | grep -q KEYWORD && echo $id; done": "user",
    "mailq | awk '/^[0-9A-F]+[*!]? /{sub(\"[*!]\", \"\", $1); print $1}'": "plain user from bounce other held",
}
CHANGING = [
    ("mailq | tail -n +2 | awk 'BEGIN { RS = \"\" } /user@example\\.com/ { print $1 }' | tr -d '*!' | postsuper -h -", "+", "user"),
    ("mailq | tail -n +2 | awk 'BEGIN { RS = \"\" } /example\\.com/ { print $1 }' | tr -d '*!' | postsuper -d -", "-", "plain user from bounce"),
    ("mailq | awk '/^[0-9A-Z]+/&&/sender@example\\.com$/{print $1}' | tr -d '*!' | postsuper -h -", "+", "plain"),
    ("mailq > $T/mailq.log; for var in $(grep '<from@example.com>' $T/mailq.log | cut -b '1-12'); do postsuper -d $var; done", "-", ""),
    ("mailq > $T/mailq.log; for var in $(grep ' from@example.com' $T/mailq.log | cut -b '1-12'); do postsuper -d $var; done", "-", "from"),
    ("mailq | awk '/^[0-9A-F]+[!*]? /&&/other@c\\.example$/{gsub(\"[!*]\", \"\", $1); print $1 | \"postsuper -d -\"}'", "-", "other held"),
    ("mailq | tail -n +2 | awk 'BEGIN { RS = \"\" } /@some\\.where$/ { r = $1; gsub(/[!*]/, \"\", r); print r }' | postsuper -d -", "-", "plain"),
    ("mailq | awk '/^[0-9A-F]+/&&/MAILER-DAEMON$/{id=$1} /mail@example.com$/{print id}' | postsuper -d -", "-", "bounce"),
    ("postsuper -d ALL deferred", "-", "plain user from bounce other"),
    ("postsuper -d ALL", "-", "plain user from bounce other held"),
    ("postsuper -h ALL deferred", "+", "plain user from bounce other"),
    ("postsuper -h ALL", "+", "plain user from bounce other"),
    ("postsuper -p; postsuper -s", "-", ""),
]  # fmt: skip


def in_queue(mta, *queues):
    return {path.name for path in mta.queue_files(*queues)}


@pytest.fixture
def filled(start_mta):
    mta = start_mta(main={"defer_transports": "smtp"})
    ids = {}
    for name, (sender, to, text) in MESSAGES.items():
        ids[name] = mta.send(f"Subject: {name}\n\n{text}\n", sender=sender, to=to)
        wait_for(lambda: ids[name] in in_queue(mta, "deferred"), "a deferred message")
    wait_for(lambda: mta.log().count("status=deferred") == 7 and mta.is_idle(), "all outcomes")
    subprocess.run([mta.command("postsuper"), "-h", ids["held"]], env=mta.environment(), capture_output=True, check=True)
    mta.ids = ids
    return mta


def shell(mta, text):
    env = {**mta.environment(), "T": str(mta.folder)}
    return subprocess.run(["bash", "-c", text], env=env, capture_output=True, text=True, timeout=120)


def named(mta, names):
    return {mta.ids[name] for name in names.split()}


def test_reading(filled):
    mta = filled
    for recipe, names in READING.items():
        found = shell(mta, recipe).stdout.split()
        assert sorted(found) == sorted(named(mta, names)), recipe
    counts = "mailq | awk '/^[0-9A-F]+[*!]? /{a[$NF]++}END{for(i in a)print a[i],i | \"sort -n\"}'"
    assert shell(mta, counts).stdout.splitlines()[-1] == "2 other@c.example"
    counts = "mailq | awk '$1 ~ /^[0-9A-F]+$/ { a[$NF]++ } END { for (i in a) printf \"%d %s\\n\", a[i], i }' | sort -n"
    assert len(shell(mta, counts).stdout.splitlines()) == 5
    assert shell(mta, "postconf -d | grep ^mail_version").stdout.startswith("mail_version = 3.")
    assert "Subject: user" in shell(mta, f"postcat -vq {mta.ids['user']}").stdout
    assert " example.com " in shell(mta, "qshape -s deferred; qshape deferred; qshape active").stdout
    assert shell(mta, "mailq -q").returncode == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="postsuper is for root")
@pytest.mark.parametrize("recipe", range(len(CHANGING)))
def test_changing(filled, recipe):
    mta = filled
    text, what, names = CHANGING[recipe]
    result = shell(mta, text)
    assert result.returncode == 0, result.stderr
    changed, held = named(mta, names), {mta.ids["held"]}
    if what == "-":
        assert in_queue(mta, "deferred", "hold") == set(mta.ids.values()) - changed
    else:
        assert in_queue(mta, "hold") == changed | held
        assert in_queue(mta, "deferred") == set(mta.ids.values()) - changed - held


@pytest.mark.skipif(os.geteuid() != 0, reason="postsuper is for root")
def test_release_and_requeue(filled):
    mta = filled
    shell(mta, "postsuper -H ALL")
    wait_for(lambda: not in_queue(mta, "hold"), "an empty hold queue")
    mark = mta.mark()
    shell(mta, "postsuper -r ALL; postkick public pickup W")
    wait_for(lambda: mta.log()[mark:].count("status=deferred") >= 7, "all requeued")
    assert len(in_queue(mta, "deferred", "active", "incoming")) == 6
