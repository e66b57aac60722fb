"""The SMTP server: relay control, framing of content, limits, and the same dialogues through
Debian's Postfix."""
import os
import re
import socket

import pytest

HERE = "mail.example.test"


def talk(port, steps, timeout=20):
    """Sends each step after the reply to the one before; returns the replies, text only."""
    replies = []
    with socket.create_connection(("127.0.0.1", port), timeout) as sock:
        file = sock.makefile("rb")

        def reply():
            lines = []
            while True:
                line = file.readline()
                if not line:
                    return "\n".join(lines + ["<closed>"])
                lines.append(line.decode("utf-8", "replace").rstrip("\r\n"))
                if line[3:4] != b"-":
                    return "\n".join(lines)

        try:
            replies.append(reply())
            for step in steps:
                sock.sendall(step if isinstance(step, bytes) else step.encode() + b"\r\n")
                replies.append(reply())
                if replies[-1].endswith("<closed>"):
                    break
        except OSError:
            replies.append("<closed>")
    return replies


def message_to(*recipients, sender="s@src.example", content="Subject: x\r\n\r\nx\r\n."):
    return [
        "EHLO client.example",
        f"MAIL FROM:<{sender}>",
        *[f"RCPT TO:<{r}>" for r in recipients],
        "DATA",
        content,
        "QUIT",
    ]


STRANGERS = {"mynetworks": "10.0.0.0/8", "smtpd_peername_lookup": "no", "local_recipient_maps": ""}


def test_sendmail_bs_for_an_ordinary_user(start_mta, next_hop):
    mta = start_mta(main={"relayhost": f"[127.0.0.1]:{next_hop.port}"})
    user = "nobody" if os.geteuid() == 0 else None
    dialogue = (
        "EHLO there\r\nMAIL FROM:<ann@example.org> ENVID=e1\r\n"
        "RCPT TO:<bob@c.example> NOTIFY=NEVER ORCPT=rfc822;bo@c.example\r\n"
        "DATA\r\nSubject: by -bs\r\n\r\n..dot\r\n.\r\nMAIL FROM:<>\r\nRSET\r\nQUIT\r\n"
    )
    result = mta.run("sendmail", "-bs", input=dialogue, user=user)
    queue_id = re.search(r"250 2.0.0 Ok: queued as (\w+)\r\n250 ", result.stdout).group(1)
    mta.wait_status(queue_id, "sent")
    message = next_hop.take_message()
    assert message.recipients == ["bob@c.example"]
    assert b"with ESMTP id" in message.data and b"\r\n.dot\r\n" in message.data


def test_a_default_installation_relays_for_nobody(start_mta):
    mta = start_mta(main={"mynetworks": "10.0.0.0/8"})
    for address in (
        "x@else.example",
        "x%else.example@" + HERE,
        "@" + HERE + ":x@else.example",
        '"x@else.example"@' + HERE,
        "else.example!x@" + HERE,
        "else.example!x",
        "x@[192.0.2.1]",
    ):
        replies = talk(mta.port, ["HELO c", "MAIL FROM:<>", f"RCPT TO:<{address}>", "QUIT"])
        assert re.match(r"[45]5[0-9] ", replies[3]), (address, replies)


def test_only_the_standard_end_of_data_ends_a_message(start_mta):
    mta = start_mta(main={**STRANGERS, "smtpd_recipient_restrictions": "static:hold"})
    for smuggled in (b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r\n.\r\r\n"):
        content = b"a" + smuggled + b"MAIL FROM:<evil@x>\r\nRCPT TO:<v@" + HERE.encode()
        replies = talk(mta.port, message_to("u@" + HERE, content=None)[:4] + [
            content + b">\r\nDATA\r\nb\r\n.\r\n", "QUIT"])
        assert "queued as" in replies[5], (smuggled, replies)
        assert replies[6] == "221 2.0.0 Bye", (smuggled, replies)
    assert len(mta.queue_files("hold")) == 5


def test_chunks_become_one_message(start_mta):
    mta = start_mta(main={**STRANGERS, "smtpd_recipient_restrictions": "static:hold"})
    replies = talk(
        mta.port,
        [
            "EHLO c",
            "MAIL FROM:<>",
            f"RCPT TO:<u@{HERE}>",
            b"BDAT 10\r\nSubject: x",
            b"BDAT 5\r\n\r\n\r\n.",
            b"BDAT 4 LAST\r\n\r\nb\n",
            "QUIT",
        ],
    )
    assert replies[4] == "250 2.0.0 Ok: 10 bytes"
    assert re.match(r"250 2\.0\.0 Ok: \d+ bytes queued as \w+$", replies[6])
    (path,) = mta.queue_files("hold")
    assert b"N\x0aSubject: x" in path.read_bytes()


def test_what_follows_a_long_line_is_not_lost(start_mta):
    mta = start_mta(main=STRANGERS)
    with socket.create_connection(("127.0.0.1", mta.port), 20) as client:
        file = client.makefile("rb")
        file.readline()
        client.sendall(b"NOOP " + b"x" * 200000 + b"\r\n")
        assert file.readline() == f"500 5.5.2 {HERE} Error: command too long\r\n".encode()
        client.sendall(b"NOOP\r\n")
        assert file.readline() == b"250 2.0.0 Ok\r\n"


def test_one_client_cannot_take_all_servers(start_mta):
    mta = start_mta(
        main={
            **STRANGERS,
            "smtpd_client_connection_count_limit": "2",
            "smtpd_client_message_rate_limit": "2",
        }
    )
    mta.wait_log(r"disconnect from")  # of the probe that found the port open
    mark = mta.mark()
    held = [socket.create_connection(("127.0.0.1", mta.port), 20) for _ in range(2)]
    for sock in held:
        assert sock.recv(3) == b"220"
    assert talk(mta.port, [])[0] == f"421 4.7.0 {HERE} Error: too many connections from 127.0.0.1"
    held.pop().close()
    mta.wait_log(r"lost connection after CONNECT(.|\n)*?disconnect from", since=mark)
    replies = talk(mta.port, ["HELO c"] + ["MAIL FROM:<>", "RSET"] * 3)
    assert replies[4] == "250 2.1.0 Ok"
    assert replies[6] == "450 4.7.1 Error: too much mail from 127.0.0.1"
    held.pop().close()


def test_the_postmaster_gets_the_transcript(start_mta):
    mta = start_mta(main={**STRANGERS, "notify_classes": "policy"})
    talk(mta.port, message_to("u@else.example")[:3] + ["QUIT"])
    mta.wait_log(r"from=<double-bounce@mail\.example\.test>")


def test_a_policy_server_decides(start_mta):
    seen = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        endpoint = f"inet:127.0.0.1:{server.getsockname()[1]}"
        mta = start_mta(
            main={
                **STRANGERS,
                "smtpd_recipient_restrictions": f"check_policy_service {{ {endpoint}, timeout=10s }}",
            }
        )
        with socket.create_connection(("127.0.0.1", mta.port), 20) as client:
            file = client.makefile("rb")
            file.readline()
            client.sendall(b"HELO c\r\n")
            file.readline()
            client.sendall(b"MAIL FROM:<s@x.example>\r\n")
            file.readline()
            client.sendall(f"RCPT TO:<u@{HERE}>\r\n".encode())
            policy, _ = server.accept()
            with policy:
                lines = policy.makefile("rb")
                for line in iter(lines.readline, b"\n"):
                    seen.append(line.decode().rstrip("\n"))
                policy.sendall(b"action=450 4.2.0 come back later\n\n")
                answer = file.readline()
    assert answer == f"450 4.2.0 <u@{HERE}>: Recipient address rejected: come back later\r\n".encode()
    attributes = dict(line.split("=", 1) for line in seen)
    assert attributes["request"] == "smtpd_access_policy"
    assert attributes["protocol_state"] == "RCPT"
    assert (attributes["sender"], attributes["recipient"]) == ("s@x.example", f"u@{HERE}")
    assert attributes["client_address"] == "127.0.0.1"


# One scenario: settings and dialogues; replies and log lines have to be the same through both.
COMMON = {
    "mynetworks": "10.0.0.0/8",
    "smtpd_peername_lookup": "no",
    "smtpd_error_sleep_time": "0",
    "local_recipient_maps": "inline:{ann=x,u=x}",
    "relay_domains": "relay.example",
    "relay_recipient_maps": "inline:{r@relay.example=x}",
    "virtual_alias_domains": "va.example",
    "virtual_mailbox_domains": "vm.example",
    "virtual_mailbox_maps": "inline:{u@vm.example=x}",
    # What newer versions than Debian's have by default.
    "smtpd_forbid_unauth_pipelining": "yes",
    "smtpd_forbid_bare_newline": "normalize",
}
ACTIONS = " ".join(
    "{%s@%s = %s}" % (name, HERE, action)
    for name, action in {
        "rej": "REJECT",
        "text": "REJECT 5.7.9 go away",
        "four": "450 4.2.1 later",
        "dip": "DEFER_IF_PERMIT wait",
        "defer": "DEFER",
        "class": "reject_non_fqdn_sender, reject",
        "bad": "frobnicate",
        "number": "554",
    }.items()
)
TO_ALL = ["EHLO h.x", "MAIL FROM:<s@src.example>"] + [
    f"RCPT TO:<{r}>"
    for r in (f"no@{HERE}", "no@va.example", "no@vm.example", "no@relay.example", "x@else.example")
]
SCENARIOS = {
    "verbs": ({}, ["EHLO x.y", "NOOP", "RSET", "RSET x", "VRFY ann", "VRFY no", "VRFY", "FOO", "",
                   "AUTH", "STARTTLS", "DATA", "MAIL", "MAIL FROM", "RCPT TO:<a@b>", "QUIT"]),
    "helo": ({}, ["HELO", "EHLO", "HELO a b", "EHLO x", "MAIL FROM:<>", "EHLO y", "BDAT"]),
    "mail": ({}, ["EHLO x", "MAIL FROM:<a b@c>", "MAIL FROM:<a@b.example> SIZE=x",
                  "MAIL FROM:<a@b.example> BODY=9BIT", "MAIL FROM:<a@b.example> FOO=bar",
                  "MAIL FROM:<a@b.example> RET=x", "MAIL FROM:<a@b.example> ENVID=",
                  "MAIL FROM:<a@b.example> RET=HDRS ENVID=a+2Bb SIZE=10 AUTH=<>", "QUIT"]),
    "rcpt": ({}, TO_ALL + ["RCPT TO:<>", "RCPT", "RCPT TO:<a@b> ORCPT=x", "DATA", "QUIT"]),
    "soft": ({"soft_bounce": "yes", "show_user_unknown_table_name": "no"}, TO_ALL + ["QUIT"]),
    "synchronization": ({}, [b"EHLO x\r\nMAIL FROM:<a>\r\n"]),
    "forbidden": ({"smtpd_forbidden_commands": "GET"}, ["GET / HTTP/1.0"]),
    "access": (
        {"smtpd_recipient_restrictions": "check_recipient_access inline:{" + ACTIONS + "}",
         "local_recipient_maps": ""},
        ["EHLO x", "MAIL FROM:<s@src.example>"]
        + [f"RCPT TO:<{n}@{HERE}>" for n in "rej text four dip defer class bad".split()]
        + ["QUIT"],
    ),
    "client at connect": (
        {"smtpd_delay_reject": "no", "smtpd_client_restrictions": "defer"},
        ["EHLO x", "NOOP", "QUIT"],
    ),
    "helo rules": (
        {"smtpd_delay_reject": "no",
         "smtpd_helo_restrictions": "reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname"},
        ["EHLO x", "EHLO a..b", "EHLO a_b.c", "HELO [1.2.3]", "HELO 1.2.3.4", "HELO a.b.", "QUIT"],
    ),
    "deferral": (
        {"smtpd_recipient_restrictions": "defer_if_reject, reject_unauth_destination, reject"},
        TO_ALL + ["QUIT"],
    ),
    "content": ({}, message_to(f"u@{HERE}", content="From me\r\n Subject\r\n..\r\n.")),
    "recipients": (
        {"smtpd_recipient_limit": "2"},
        ["EHLO x", "MAIL FROM:<>"] + [f"RCPT TO:<u@{HERE}>"] * 4 + ["RSET", "QUIT"],
    ),
    "chunks": (
        {"message_size_limit": "100"},
        ["EHLO x", "MAIL FROM:<>", b"BDAT 1\r\na", f"RCPT TO:<u@{HERE}>", "RSET",
         "MAIL FROM:<>", f"RCPT TO:<u@{HERE}>", b"BDAT 200\r\n" + b"x" * 200, b"BDAT 1 LAST\r\na",
         "NOOP", "QUIT"],
    ),
}


def comparable(text):
    text = re.sub(r"^.*?/smtpd\[\d+\]: ", "", text)
    text = re.sub(r"^NOQUEUE: (lost connection|timeout|too many)", r"\1", text)  # since 3.10
    return re.sub(r"\b[0-9A-F]{9,12}\b", "ID", text)


def run(mta, steps):
    mark = mta.mark()
    replies = talk(mta.port, steps)
    mta.wait_log(r"/smtpd\[\d+\]: disconnect from", since=mark)
    log = [comparable(line) for line in mta.log()[mark:].splitlines() if "/smtpd[" in line]
    # The probe that found the port open may still be saying good-bye.
    start = max(i for i, line in enumerate(log) if line.startswith("connect from"))
    return [comparable(r) for r in replies], log[start:]


def settings_of(name):
    return tuple(sorted(SCENARIOS[name][0].items()))


# Starting a mail system takes longer than a dialogue: those with the same settings share one.
@pytest.mark.parametrize("settings", dict.fromkeys(map(settings_of, SCENARIOS)))
def test_same_dialogue_as_postfix(settings, start_mta, start_postfix):
    ours = start_mta(main={**COMMON, **dict(settings)})
    theirs = start_postfix(main={**COMMON, **dict(settings)})
    for mta in (ours, theirs):
        mta.wait_log(r"disconnect from")  # of the probe that found the port open
    for name in SCENARIOS:
        if settings_of(name) == settings:
            steps = SCENARIOS[name][1]
            assert run(ours, steps) == run(theirs, steps), name
