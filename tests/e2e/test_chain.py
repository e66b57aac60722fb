"""A chain of three mailers: Debian's Postfix, Relais, and Debian's Postfix again."""
import collections
import os
import pwd
import re
import subprocess

from mta import wait_for

MESSAGES = 2000


def test_chain_through_postfix_and_back(start_postfix, start_mta):
    nobody = pwd.getpwnam("nobody")

    def mailboxes(mta):
        (mta.home / "end").mkdir()
        os.chown(mta.home / "end", nobody.pw_uid, nobody.pw_gid)
        # smtp-source -N numbers the recipients, so that each message has a mailbox of its own.
        mta.write("boxes", "".join(f"{n}ann@end.example end/{n}/\n" for n in range(1, MESSAGES + 1)))

    last = start_postfix(
        start=False,
        hostname="last.example",
        main={
            "virtual_mailbox_domains": "end.example",
            "virtual_uid_maps": f"static:{nobody.pw_uid}",
            "virtual_gid_maps": f"static:{nobody.pw_gid}",
            "virtual_minimum_uid": "1",
        },
        prepare=mailboxes,
    )
    last.configure(
        virtual_mailbox_base=str(last.home), virtual_mailbox_maps=f"texthash:{last.etc}/boxes"
    )
    last.start()
    relais = start_mta(
        main={"relayhost": f"[127.0.0.1]:{last.port}"}, hostname="middle.example"
    )
    first = start_postfix(
        main={"relayhost": f"[127.0.0.1]:{relais.port}"}, hostname="first.example"
    )
    source = [
        first.command("smtp-source"), "-s", "10", "-m", str(MESSAGES), "-l", "1024", "-N",
        "-f", "source@first.example", "-t", "ann@end.example", f"127.0.0.1:{first.port}",
    ]
    subprocess.run(source, check=True, timeout=120, env=first.environment(), capture_output=True)
    folder = last.home / "end"
    wait_for(
        lambda: sum(1 for _ in folder.glob("*/new/*")) >= MESSAGES, f"{MESSAGES} messages", 180
    )
    for mta in (first, relais, last):
        mta.wait_idle()
    files = list(folder.glob("*/new/*"))
    assert len(files) == MESSAGES
    boxes = collections.Counter(path.parts[-3] for path in files)
    assert len(boxes) == MESSAGES and set(boxes.values()) == {1}
    assert relais.queue_files() == []
    assert len(re.findall(r"status=sent", relais.log())) == MESSAGES
