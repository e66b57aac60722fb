"""demo: a private, unprivileged instance at work; with --stay it stays up, log on the terminal."""
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from mta import ROOT, Relais, wait_for  # noqa: E402


def title(text):
    print(f"\n--- {text}", flush=True)


def prepare(folder):
    shutil.rmtree(folder, ignore_errors=True)
    mta = Relais(folder=folder, hostname="relais.example", port=int(os.environ.get("PORT", 2525)))
    uid, gid = (65534, 65534) if os.geteuid() == 0 else (os.geteuid(), os.getegid())
    box = mta.home / "example"
    box.mkdir()
    os.chown(box, uid, gid)
    users = mta.write("mailboxes", "ann@demo.example example/ann/\n")
    mta.configure(
        virtual_mailbox_domains="demo.example",
        virtual_mailbox_maps=f"texthash:{users}",
        virtual_mailbox_base=str(mta.home),
        virtual_minimum_uid="1",
        virtual_uid_maps=f"static:{uid}",
        virtual_gid_maps=f"static:{gid}",
        relayhost="[127.0.0.1]:9",  # nobody listens there: shows what a deferral looks like
    )
    return mta


def show(mta):
    title("sendmail -t, and SMTP to port %d" % mta.port)
    first = mta.submit("From: demo@relais.example\nTo: ann@demo.example\nSubject: by sendmail\n\n"
                       "Hello from sendmail(1).\n", "-t")
    second = mta.send("From: demo@relais.example\r\nTo: ann@demo.example\r\nSubject: by SMTP\r\n\r\n"
                      "Hello from SMTP.\r\n", sender="demo@relais.example", to="ann@demo.example")
    third = mta.send("Subject: nobody home\r\n\r\nThis one has to wait.\r\n",
                     sender="demo@relais.example", to="bob@elsewhere.example")
    for queue_id in (first, second):
        mta.wait_removed(queue_id)
    mta.wait_status(third, "deferred")
    title("the log")
    print(mta.log(), end="")
    title("mailq")
    wait_for(lambda: "bob@" in mta.run("mailq").stdout, "the deferred message in mailq")
    print(mta.run("mailq").stdout, end="")
    title("the delivered messages")
    for path in sorted((mta.home / "example/ann/new").iterdir()):
        print(path.read_text())


def main():
    stay = "--stay" in sys.argv
    # As root the instance drops to the user postfix, who has to reach its folder.
    folder = ROOT / "build/run"
    if os.geteuid() == 0:
        folder = pathlib.Path("/tmp/relais-run")
    mta = prepare(folder)
    try:
        mta.start()
        show(mta)
        if stay:
            title(f"up on 127.0.0.1:{mta.port}, configuration {mta.etc}; Ctrl-C stops it")
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
            subprocess.run(["tail", "-n", "0", "-F", str(mta.log_file)], check=False)
    except KeyboardInterrupt:
        pass
    finally:
        mta.stop()
        title("stopped")


main()
