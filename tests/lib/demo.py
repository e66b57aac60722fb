"""demo: a private, unprivileged instance at work; with --stay it stays up, log on the terminal."""
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from mta import ROOT, Relais, free_port, wait_for  # noqa: E402


def title(text):
    print(f"\n--- {text}", flush=True)


def choose_port():
    """PORT, else 2525 while nobody has it."""
    if "PORT" in os.environ:
        return int(os.environ["PORT"])
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", 2525))
            return 2525
        except OSError:
            return free_port()


def choose_folder():
    """build/run; as root a folder that the user postfix can reach, wherever the clone is."""
    if os.geteuid() == 0:
        return pathlib.Path(tempfile.mkdtemp(prefix="relais-run-"))
    folder = ROOT / "build/run"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def prepare(folder):
    mta = Relais(folder=folder, hostname="relais.example", port=choose_port())
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
    mta = prepare(choose_folder())
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
        if os.geteuid() == 0:
            mta.remove()


main()
