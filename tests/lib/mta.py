"""mta: private instances of Relais, and of Debian's Postfix beside it, for all tests.

An instance has its own folder with etc/, spool/, data/ and log/, its own loopback ports, and
is stopped by the process id of its master. As root the instance runs as an installed system
would (mail_owner postfix); as an ordinary user it runs without any privilege.
"""
import atexit
import grp
import os
import pathlib
import pwd
import re
import select
import shutil
import signal
import smtplib
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build" / "release"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD


def reachable(build):
    """The programs where users may run them, as installed ones: a clone in a closed home such as
    /root is copied to a folder that goes with us."""
    places = [build, *build.parents]
    if os.geteuid() != 0 or all(p.stat().st_mode & 0o001 for p in places if p.exists()):
        return build
    folder = pathlib.Path(tempfile.mkdtemp(prefix="relais-programs-"))
    folder.chmod(0o755)
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    for part in ("bin", "libexec", "test"):
        if (build / part).is_dir():
            shutil.copytree(build / part, folder / build.name / part, symlinks=True)
    return folder / build.name


BUILD = reachable(BUILD)
WAIT = float(os.environ.get("TEST_WAIT", "30"))  # the longest wait for anything, in seconds


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def user_exists(name):
    try:
        pwd.getpwnam(name)
        return True
    except KeyError:
        return False


def process_runs(pid):
    """False also for one that has ended and that some container's slow init did not bury yet."""
    try:
        state = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][:1]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in ("Z", "X")


def wait_for(condition, what, seconds=WAIT):
    """Polls until condition() is true and returns its value; fails with `what` otherwise."""
    end = time.monotonic() + seconds
    pause = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds:.0f} s in vain for {what}")
        select.select([], [], [], pause)
        pause = min(pause * 1.5, 0.1)


MASTER_CF = """\
{smtp_service} inet n - n - - smtpd
pickup    unix  n - n 60  1 pickup
submit    unix  n - n -   - submit
cleanup   unix  n - n -   0 cleanup
qmgr      unix  n - n 300 1 qmgr
rewrite   unix  - - n -   - trivial-rewrite
bounce    unix  - - n -   0 bounce
defer     unix  - - n -   0 bounce
trace     unix  - - n -   0 bounce
flush     unix  n - n 1000? 0 flush
smtp      unix  - - n -   - smtp
relay     unix  - - n -   - smtp -o syslog_name=postfix/$service_name
showq     unix  n - n -   - showq
error     unix  - - n -   - error
retry     unix  - - n -   - error
discard   unix  - - n -   - discard
local     unix  - n n -   - local
virtual   unix  - n n -   - virtual
lmtp      unix  - - n -   - lmtp
anvil     unix  - - n -   1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


class Mta:
    """One private instance. Settings in `main` (a dict) override the defaults below."""

    name = "relais"
    services = MASTER_CF

    def __init__(self, folder=None, main=None, master="", hostname="mail.example.test", port=None):
        self.root = os.geteuid() == 0
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="relais-test-"))
        os.chmod(self.folder, 0o755)
        self.etc, self.spool = self.folder / "etc", self.folder / "spool"
        self.data, self.log_file = self.folder / "data", self.folder / "log" / "mail.log"
        self.home = self.folder / "mail"
        self.port = port or free_port()
        self.hostname = hostname
        self.me = "postfix" if self.root else own_name()
        self.started = False
        self.main_cf = self.default_main()
        self.main_cf.update(main or {})
        self.master_extra = master
        self.make_folders()

    # -- places of the programs ------------------------------------------------------------
    def daemon_directory(self):
        return BUILD / "libexec"

    def command_directory(self):
        return BUILD / "bin"

    def environment(self):
        env = {k: v for k, v in os.environ.items() if k not in ("MAIL_CONFIG", "MAIL_LOGTAG")}
        env["MAIL_CONFIG"] = str(self.etc)
        # The daemons' standard error goes nowhere; the sanitizers report into the log's folder.
        report = self.log_file.parent / "sanitizer"
        env["ASAN_OPTIONS"] = f"detect_leaks=0:quarantine_size_mb=4:log_path={report}"
        env["UBSAN_OPTIONS"] = f"print_stacktrace=1:log_path={report}"
        env["PATH"] = f"{self.command_directory()}:/usr/sbin:/usr/bin:/sbin:/bin"
        return env

    # -- configuration ---------------------------------------------------------------------
    def default_main(self):
        return {
            "compatibility_level": "3.6",
            "queue_directory": str(self.spool),
            "data_directory": str(self.data),
            "daemon_directory": str(self.daemon_directory()),
            "command_directory": str(self.command_directory()),
            "sendmail_path": str(self.command_directory() / "sendmail"),
            "mail_owner": self.me,
            "setgid_group": "postdrop" if self.root else own_group(),
            "default_privs": "nobody" if self.root else self.me,
            "maillog_file": str(self.log_file),
            "maillog_file_prefixes": str(self.folder),
            "myhostname": self.hostname,
            "mydestination": "$myhostname, localhost.$mydomain, localhost",
            "mynetworks": "127.0.0.0/8 [::1]/128",
            "inet_interfaces": "127.0.0.1",
            "inet_protocols": "ipv4",
            "alias_maps": "",
            "alias_database": "",
            "import_environment": "MAIL_CONFIG MAIL_DEBUG MAIL_LOGTAG TZ LANG=C POSTLOG_SERVICE "
            "POSTLOG_HOSTNAME ASAN_OPTIONS UBSAN_OPTIONS RELAIS_DNS",
        }

    def make_folders(self):
        for path in (self.etc, self.spool, self.data, self.log_file.parent, self.home):
            path.mkdir(parents=True, exist_ok=True)
        if self.root:
            owner = pwd.getpwnam("postfix")
            for path in (self.data, self.log_file.parent):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        self.home.chmod(0o1777)

    def write_config(self):
        # The file's order is the dict's; a value of None leaves the parameter out.
        lines = [f"{k} = {v}" for k, v in self.main_cf.items() if v is not None]
        services = self.services.format(smtp_service=f"127.0.0.1:{self.port}")
        for name, text in (
            ("main.cf", "\n".join(lines) + "\n"),
            ("master.cf", services + self.master_extra),
        ):
            # At once: a program that just starts must not read half of it.
            (self.etc / f"{name}.new").write_text(text)
            (self.etc / f"{name}.new").rename(self.etc / name)

    def configure(self, **settings):
        """Changes settings; `reload` afterwards when the instance runs."""
        self.main_cf.update(settings)
        self.write_config()

    def write(self, name, text, mode=0o644):
        """A file in etc/, such as a table's source."""
        path = self.etc / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def table(self, name, text, kind="hash"):
        """Writes and builds an indexed table; returns "type:path" for main.cf."""
        path = self.write(name, text)
        self.run("postmap", f"{kind}:{path}")
        return f"{kind}:{path}"

    def aliases(self, text):
        path = self.write("aliases", text)
        self.configure(alias_maps=f"hash:{path}", alias_database=f"hash:{path}")
        self.run("postalias", f"hash:{path}")

    # -- running ---------------------------------------------------------------------------
    def command(self, name):
        return str(self.command_directory() / name)

    def run(self, name, *args, input=None, check=True, user=None, timeout=120, env=None):
        """Runs one of the instance's commands; returns the CompletedProcess with text output."""
        argv = [self.command(name), *map(str, args)]
        if isinstance(input, str):
            input = input.encode()
        kwargs = {}
        if user is not None:
            kwargs = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}
        result = subprocess.run(
            argv,
            input=input if input is not None else b"",
            capture_output=True,
            env={**self.environment(), **(env or {})},
            timeout=timeout,
            **kwargs,
        )
        result.stdout = result.stdout.decode("utf-8", "surrogateescape")
        result.stderr = result.stderr.decode("utf-8", "surrogateescape")
        if check and result.returncode != 0:
            raise AssertionError(
                f"{name} {' '.join(map(str, args))}: exit {result.returncode}\n"
                f"{result.stdout}{result.stderr}\n{self.log()[-3000:]}"
            )
        return result

    def start(self):
        self.write_config()
        self.run("postfix", "start")
        self.started = True
        wait_for(self.is_listening, f"a listener on port {self.port}\n" + self.log()[-3000:])
        return self

    def is_listening(self):
        with socket.socket() as sock:
            sock.settimeout(5)
            return sock.connect_ex(("127.0.0.1", self.port)) == 0

    def master_pid(self):
        try:
            return int((self.spool / "pid" / "master.pid").read_text().strip())
        except (FileNotFoundError, ValueError):
            return None

    def is_running(self):
        pid = self.master_pid()
        return pid is not None and process_runs(pid)

    def stop(self):
        if not self.started:
            return
        pid = self.master_pid()
        self.run("postfix", "stop", check=False)
        if pid is not None:
            try:
                wait_for(lambda: not process_runs(pid), "master's end", 10)
            except AssertionError:
                os.kill(pid, signal.SIGKILL)
                raise
        self.started = False

    def reload(self):
        mark = self.mark()
        self.run("postfix", "reload")
        self.wait_log(r"postfix/master\[\d+\]: reload -- version", since=mark)

    def flush(self):
        """Another attempt at all deferred mail; what is still on its way there would miss it."""
        self.wait_idle()
        self.run("postqueue", "-f")

    def remove(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- the log ---------------------------------------------------------------------------
    def log(self):
        try:
            return self.log_file.read_text(errors="surrogateescape")
        except FileNotFoundError:
            return ""

    def mark(self):
        """A place in the log, for wait_log(since=...)."""
        return len(self.log())

    def wait_log(self, pattern, since=0, seconds=WAIT):
        """Waits for a line that matches; returns the match."""
        regex = re.compile(pattern, re.M)
        try:
            return wait_for(lambda: regex.search(self.log(), since), f"log line {pattern}", seconds)
        except AssertionError as err:
            raise AssertionError(f"{err}\n{self.log()[since:][-4000:]}") from None

    def wait_status(self, queue_id, status, seconds=WAIT):
        """Waits for the delivery status line of a message; returns the whole line."""
        return self.wait_log(
            rf"^.*\]: {queue_id}: to=.*status={status}.*$", seconds=seconds
        ).group(0)

    def wait_removed(self, queue_id, seconds=WAIT):
        self.wait_log(rf"\]: {queue_id}: removed$", seconds=seconds)

    # -- sending ---------------------------------------------------------------------------
    def smtp(self, timeout=WAIT):
        return smtplib.SMTP("127.0.0.1", self.port, local_hostname="client.example", timeout=timeout)

    def raw(self, timeout=WAIT):
        """A plain socket to the SMTP server, as a file object pair is made by `Dialogue`."""
        return Dialogue(self.port, timeout)

    def send(self, data, sender="sender@example.org", to="user@mail.example.test", **options):
        """Sends one message by SMTP; returns its queue ID."""
        recipients = [to] if isinstance(to, str) else list(to)
        if isinstance(data, str):
            data = data.encode()
        with self.smtp() as client:
            client.ehlo_or_helo_if_needed()
            code, text = client.mail(sender, options.get("mail_options", ()))
            assert code == 250, (code, text)
            for recipient in recipients:
                code, text = client.rcpt(recipient, options.get("rcpt_options", ()))
                assert code == 250, (code, text)
            code, text = client.data(data)
            assert code == 250, (code, text)
        return re.search(rb"queued as (\w+)", text).group(1).decode()

    def submit(self, data, *args, user=None):
        """Submits by sendmail(1); returns the queue ID from the log."""
        mark = self.mark()
        self.run("sendmail", *args, input=data, user=user)
        return self.wait_log(r"postfix/(?:pickup|submit)\[\d+\]: (\w+): uid=", since=mark).group(1)

    # -- the queue -------------------------------------------------------------------------
    def queue_files(self, *queues):
        found = []
        for queue in queues or ("maildrop", "incoming", "active", "deferred", "hold", "corrupt"):
            for path in (self.spool / queue).rglob("*"):
                if path.is_file():
                    found.append(path)
        return found

    def is_idle(self):
        # A file that moves while the folders are read may be missed once, not twice.
        queues = ("maildrop", "incoming", "active")
        return not self.queue_files(*queues) and not self.queue_files(*queues)

    def wait_empty(self, seconds=WAIT):
        wait_for(
            lambda: not self.queue_files() and not self.queue_files(),
            "an empty queue\n" + self.log()[-2000:],
            seconds,
        )

    def wait_idle(self, seconds=WAIT):
        wait_for(self.is_idle, "an empty active queue\n" + self.log()[-2000:], seconds)


def own_name():
    """Our login name; a uid that has none runs an instance all the same."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def own_group():
    try:
        return grp.getgrgid(os.getegid()).gr_name
    except KeyError:
        return str(os.getegid())


class Dialogue:
    """A scripted SMTP client: lines in, replies out, byte for byte."""

    def __init__(self, port, timeout=WAIT, host="127.0.0.1"):
        self.sock = socket.create_connection((host, port), timeout)
        self.file = self.sock.makefile("rb")
        self.greeting = self.reply()

    def reply(self):
        """One whole reply, its lines joined by LF; b"" when the server has gone."""
        lines = []
        while True:
            line = self.file.readline()
            if not line:
                return b"\n".join(lines)
            lines.append(line.rstrip(b"\r\n"))
            if len(line) < 4 or line[3:4] != b"-":
                return b"\n".join(lines)

    def send(self, data):
        self.sock.sendall(data if isinstance(data, bytes) else data.encode())

    def cmd(self, line):
        self.send((line if isinstance(line, bytes) else line.encode()) + b"\r\n")
        return self.reply()

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Relais(Mta):
    """The programs of this tree."""


YARDSTICK_CACHE = pathlib.Path(
    os.environ.get("YARDSTICK", pathlib.Path(tempfile.gettempdir()) / "relais-yardstick")
)


def yardstick_root():
    """Debian's Postfix, fetched and unpacked beside (never installed); None when not to be had."""
    root = YARDSTICK_CACHE / "root"
    if (root / "usr/sbin/postfix").exists():
        # Its programs run as us, and anybody can make a folder in /tmp.
        if root.stat().st_uid not in (0, os.geteuid()):
            raise PermissionError(f"{root} is somebody else's")
        return root
    YARDSTICK_CACHE.mkdir(parents=True, exist_ok=True)
    download = ["apt-get", "download", "postfix", "postfix-pcre"]
    if subprocess.run(download, cwd=YARDSTICK_CACHE, capture_output=True).returncode != 0:
        # A machine whose packages were all there may lack the lists of what can be fetched.
        subprocess.run(["apt-get", "-qq", "update"], capture_output=True)
        if subprocess.run(download, cwd=YARDSTICK_CACHE, capture_output=True).returncode != 0:
            return None
    staging = YARDSTICK_CACHE / f"staging-{os.getpid()}"
    for deb in YARDSTICK_CACHE.glob("*.deb"):
        subprocess.run(["dpkg", "-x", deb, staging], check=True)
    # Its programs look for their libraries in /usr/lib/postfix, which is not ours to fill.
    libraries = root / "usr/lib/postfix"
    for path in (*(staging / "usr/sbin").iterdir(), *(staging / "usr/lib/postfix").rglob("*")):
        if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF":
            subprocess.run(["patchelf", "--set-rpath", libraries, path], check=True)
    staging.rename(root)
    return root


class Postfix(Mta):
    """Debian's Postfix as a private instance; needs root, as its master does."""

    name = "postfix"
    services = MASTER_CF + """\
proxymap  unix  - - n - - proxymap
proxywrite unix - - n - 1 proxymap
tlsmgr    unix  - - n 1000? 1 tlsmgr
scache    unix  - - n - 1 scache
verify    unix  - - n - 1 verify
"""

    def __init__(self, *args, **kwargs):
        self.tree = yardstick_root()
        super().__init__(*args, **kwargs)

    def daemon_directory(self):
        return self.tree / "usr/lib/postfix/sbin"

    def command_directory(self):
        return self.tree / "usr/sbin"

    def default_main(self):
        settings = super().default_main()
        settings["shlib_directory"] = str(self.tree / "usr/lib/postfix")
        settings["meta_directory"] = str(self.etc)
        settings["sendmail_path"] = str(self.tree / "usr/sbin/sendmail")
        settings["mailq_path"] = str(self.tree / "usr/bin/mailq")
        settings["newaliases_path"] = str(self.tree / "usr/bin/newaliases")
        return settings

    def write_config(self):
        super().write_config()
        # postfix-script makes the folders that the list of installed files names.
        files = (self.tree / "etc/postfix/postfix-files").read_text().splitlines()
        wanted = [line for line in files if line.startswith(("$queue_dir", "$data_dir"))]
        (self.etc / "postfix-files").write_text("\n".join(wanted) + "\n")
        shutil.copy(self.tree / "usr/share/postfix/dynamicmaps.cf", self.etc)
