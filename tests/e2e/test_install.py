"""`make install`: into a staging tree, and as a tree of its own that runs."""
import os
import pathlib
import pwd
import shutil
import stat
import subprocess
import tempfile

import pytest

from mta import BUILD, ROOT, Relais, wait_for

pytestmark = [
    pytest.mark.skipif(not (ROOT / "Makefile").exists(), reason="needs the source tree"),
    pytest.mark.skipif(BUILD.name != "release", reason="once, with the programs as installed"),
]

MAIL = "Subject: installed\n\nHello.\n"
SET_GID = ("postdrop", "postqueue", "postlog")


def make_install(*settings):
    done = subprocess.run(
        ["make", "--no-print-directory", "-s", "-j2", "install", *settings],
        cwd=ROOT, capture_output=True, text=True, timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def privileges_can_be_gained():
    status = pathlib.Path("/proc/self/status").read_text()
    return os.geteuid() == 0 and "NoNewPrivs:\t0" in status


class Installed(Relais):
    """An instance of the tree in `prefix`, with the configuration that was installed."""

    def __init__(self, prefix):
        super().__init__(folder=prefix)
        self.etc = prefix / "etc/postfix"
        self.spool, self.data = prefix / "var/spool/postfix", prefix / "var/lib/postfix"

    def make_folders(self):
        self.log_file.parent.mkdir()
        self.home.mkdir()
        self.home.chmod(0o1777)
        if self.root:
            owner = pwd.getpwnam("postfix")
            os.chown(self.log_file.parent, owner.pw_uid, owner.pw_gid)

    def daemon_directory(self):
        return self.folder / "lib/postfix/sbin"

    def command_directory(self):
        return self.folder / "sbin"

    def environment(self):
        env = super().environment()
        del env["MAIL_CONFIG"]  # the built-in places are what this is about
        return env

    def write_config(self):
        """Once, as an administrator would: by postconf."""

    def edit(self, *settings):
        self.run("postconf", "-e", *settings)


@pytest.fixture(scope="module")
def prefix():
    folder = pathlib.Path(tempfile.mkdtemp(prefix="relais-prefix-"))
    folder.chmod(0o755)
    # A variant of its own: the built-in places differ. Unoptimised, for the time it takes.
    make_install(f"prefix={folder}", "VARIANT=prefix", "OPT_FLAGS=-O0")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def installed(prefix):
    mta = Installed(prefix)
    owner = pwd.getpwnam("nobody") if mta.root else None
    uid, gid = (owner.pw_uid, owner.pw_gid) if mta.root else (os.geteuid(), os.getegid())
    boxes = mta.write("boxes", "ann@v.example ann/\n")
    mta.edit(
        f"maillog_file={mta.log_file}", f"maillog_file_prefixes={prefix}", "inet_protocols=ipv4",
        "inet_interfaces=127.0.0.1", "myhostname=mail.example.test",
        "virtual_mailbox_domains=v.example", f"virtual_mailbox_maps=texthash:{boxes}",
        f"virtual_mailbox_base={mta.home}", "virtual_minimum_uid=1",
        f"virtual_uid_maps=static:{uid}", f"virtual_gid_maps=static:{gid}",
    )
    if not mta.root:
        mta.edit(f"mail_owner={mta.me}", f"setgid_group={mta.main_cf['setgid_group']}")
    master_cf = (mta.etc / "master.cf").read_text()
    (mta.etc / "master.cf").write_text(
        master_cf.replace("smtp      inet ", f"127.0.0.1:{mta.port} inet ", 1)
    )
    subprocess.run([prefix / "bin/newaliases"], check=True)
    yield mta.start()
    mta.stop()


def test_staging_keeps_debians_places(tmp_path):
    make_install(f"DESTDIR={tmp_path}")
    for path in ("usr/sbin/postfix", "usr/sbin/sendmail", "usr/bin/mailq", "usr/bin/newaliases",
                 "usr/lib/sendmail", "usr/lib/postfix/sbin/master", "usr/lib/postfix/sbin/lmtp",
                 "etc/postfix/main.cf", "etc/postfix/master.cf", "etc/aliases",
                 "lib/systemd/system/postfix.service", "usr/share/man/man8/smtpd.8",
                 "var/spool/postfix", "var/lib/postfix"):
        assert os.path.lexists(tmp_path / path), path
    assert os.readlink(tmp_path / "usr/bin/mailq") == "/usr/sbin/sendmail"
    unit = (tmp_path / "lib/systemd/system/postfix.service").read_text()
    assert "ExecStart=/usr/sbin/postfix start-fg" in unit and "_DIR@" not in unit
    assert "hash:/etc/aliases\n" in (tmp_path / "etc/postfix/main.cf").read_text()


def test_staging_again_keeps_the_administrators_files(tmp_path):
    make_install(f"DESTDIR={tmp_path}")
    for name in ("etc/postfix/main.cf", "etc/postfix/master.cf", "etc/aliases"):
        (tmp_path / name).write_text("# mine\n")
    make_install(f"DESTDIR={tmp_path}")
    for name in ("etc/postfix/main.cf", "etc/postfix/master.cf", "etc/aliases"):
        assert (tmp_path / name).read_text() == "# mine\n"


def test_the_tree_knows_its_own_places(installed, prefix):
    for name, place in (("config_directory", "etc/postfix"), ("queue_directory", "var/spool/postfix"),
                        ("data_directory", "var/lib/postfix"), ("command_directory", "sbin"),
                        ("daemon_directory", "lib/postfix/sbin"), ("sendmail_path", "sbin/sendmail"),
                        ("mailq_path", "bin/mailq"), ("newaliases_path", "bin/newaliases")):
        assert installed.run("postconf", "-h", name).stdout == f"{prefix / place}\n", name
    assert f"{prefix}/etc/aliases" in installed.run("postconf", "-h", "alias_maps").stdout
    assert installed.run("postfix", "check").stderr == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="ownership is root's matter")
def test_ownership_and_modes(installed, prefix):
    def facts(path):
        st = (prefix / path).stat()
        return pwd.getpwuid(st.st_uid).pw_name, stat.S_IMODE(st.st_mode)

    for name in SET_GID:
        assert facts(f"sbin/{name}") == ("root", 0o2755)
        assert (prefix / "sbin" / name).group() == "postdrop"
    assert facts("sbin/sendmail") == ("root", 0o755)
    assert facts("var/lib/postfix") == ("postfix", 0o700)
    assert facts("var/spool/postfix") == ("root", 0o755)
    assert facts("var/spool/postfix/maildrop") == ("postfix", 0o1730)
    assert facts("var/spool/postfix/public") == ("postfix", 0o2710)
    assert facts("var/spool/postfix/active") == ("postfix", 0o700)


def test_smtp_and_sendmail(installed):
    for queue_id in (installed.send(MAIL.replace("\n", "\r\n"), to="ann@v.example"),
                     installed.submit(MAIL, "ann@v.example")):
        assert "status=sent" in installed.wait_status(queue_id, "sent")
    assert "Mail queue is empty" in installed.run("postqueue", "-p").stdout
    mailq = subprocess.run([installed.folder / "bin/mailq"], capture_output=True, text=True)
    assert mailq.stdout == "Mail queue is empty\n"


@pytest.mark.skipif(not privileges_can_be_gained(), reason="set-gid programs do not gain here")
def test_an_ordinary_user_without_the_submit_socket(installed):
    """postdrop and postqueue are set-gid for exactly this."""
    master_cf = installed.etc / "master.cf"
    text = master_cf.read_text()
    master_cf.write_text("".join(line for line in text.splitlines(True)
                                 if not line.startswith("submit ")))
    installed.reload()
    wait_for(lambda: not (installed.spool / "submit/submit").exists(), "the submit socket's end")
    queue_id = installed.submit(MAIL, "ann@v.example", user="nobody")
    assert "postfix/pickup[" in next(
        line for line in installed.log().splitlines() if f"{queue_id}: uid=" in line)
    installed.wait_status(queue_id, "sent")
    installed.edit("defer_transports=virtual")
    installed.reload()
    queue_id = installed.submit(MAIL, "ann@v.example", user="nobody")
    installed.wait_status(queue_id, "deferred")
    wait_for(lambda: queue_id in installed.run("postqueue", "-p", user="nobody").stdout,
             "the deferred message in an ordinary user's mailq")
    # Down, it lands in maildrop/ all the same, and goes out after the next start.
    installed.stop()
    installed.run("sendmail", "ann@v.example", input=MAIL, user="nobody")
    assert len(installed.queue_files("maildrop")) == 1
    installed.edit("defer_transports=")
    master_cf.write_text(text)
    mark = installed.mark()
    installed.start()
    installed.wait_log(r"status=sent", since=mark)
    installed.flush()
    installed.wait_removed(queue_id)
