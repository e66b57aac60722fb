"""master(8) with a test daemon: demand, limits, failures, reload, and being killed."""
import os
import pathlib
import signal
import socket
import subprocess

import pytest

from mta import BUILD, Relais, free_port, process_runs, wait_for

PROBES = ("probe", "probe-event", "probe-wake", "probe-broken")
SERVICES = """\
{smtp_service} inet n - n - 3 probe
echo    unix n - n - - probe
single  unix n - n - 1 probe
event   unix n - n - - probe-event
wake    unix n - n 1 1 probe-wake
lazy    unix n - n 1? 1 probe-wake
broken  unix n - n - - probe-broken
absent  unix n - n - - probe-absent
postlog unix-dgram n - n - 1 postlogd
"""


class Probes(Relais):
    """An instance whose services are the test daemon."""

    services = SERVICES

    def daemon_directory(self):
        folder = self.folder / "libexec"
        if not folder.exists():
            folder.mkdir()
            for name in PROBES:
                (folder / name).symlink_to(BUILD / "test" / "probe")
            for name in ("master", "postlogd"):
                (folder / name).symlink_to(BUILD / "libexec" / name)
        return folder

    def dial(self, name=None):
        return Client(("127.0.0.1", self.port) if name is None else str(self.spool / "public" / name))

    def ask(self, question, name=None):
        with self.dial(name) as client:
            return client.ask(question)

    def processes(self):
        """Process ids whose command line names a program of this instance's services."""
        master = str(self.master_pid())
        found = []
        for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = path.read_text().rsplit(")", 1)[1].split()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if fields[1] == master:
                found.append(int(path.parent.name))
        return found


class Client:
    def __init__(self, address):
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.sock = socket.socket(family)
        self.sock.settimeout(20)
        self.sock.connect(address)
        self.file = self.sock.makefile("rw")

    def ask(self, question):
        self.file.write(question + "\n")
        self.file.flush()
        return self.read()

    def read(self):
        return self.file.readline().strip()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()


@pytest.fixture
def probes(start_mta):
    def start(main=None, **kwargs):
        main = {"service_throttle_time": "1s", "probe_text": "one", **(main or {})}
        return start_mta(kind=Probes, main=main, **kwargs)

    return start


def test_a_worker_is_started_on_demand_and_used_again(probes):
    mta = probes()
    assert int(mta.ask("parent", "echo")) == mta.master_pid()
    # A second one may come when the first is slow to say good-bye to its client.
    assert len({mta.ask("pid", "echo") for _ in range(50)}) <= 3
    assert mta.ask("service", "echo") == "echo unix"


def test_max_use_replaces_a_worker_without_losing_a_client(probes):
    mta = probes(main={"max_use": "5"})
    pids = [mta.ask("pid", "echo") for _ in range(40)]
    assert 8 <= len(set(pids)) <= 12


def test_max_idle_ends_workers(probes):
    mta = probes(main={"max_idle": "1s"})
    pid = int(mta.ask("pid", "echo"))
    wait_for(lambda: not process_runs(pid), "the idle worker's end")
    assert int(mta.ask("pid", "echo")) != pid


def test_clients_at_the_same_time_get_workers_of_their_own(probes):
    mta = probes()
    clients = [mta.dial("echo") for _ in range(30)]
    assert len({c.ask("pid") for c in clients}) == 30
    for c in clients:
        c.__exit__()


def test_the_process_limit_holds_and_is_reported(probes):
    mta = probes()
    clients = [mta.dial() for _ in range(3)]
    pids = {c.ask("pid") for c in clients}
    with mta.dial() as late:
        late.file.write("pid\n")
        late.file.flush()
        mta.wait_log(
            rf'warning: service "127.0.0.1:{mta.port}" \(127.0.0.1:{mta.port}\) has reached its '
            r'process limit "3": new clients may experience noticeable delays'
        )
        mta.wait_log("warning: to avoid this condition, increase the process count in master.cf")
        for c in clients:
            c.__exit__()
        assert late.read() in pids


def test_an_event_service_has_one_process(probes):
    mta = probes()
    clients = [mta.dial("event") for _ in range(20)]
    assert len({c.read() for c in clients}) == 1
    for c in clients:
        c.__exit__()


def test_wake_ups(probes):
    mta = probes()
    mta.wait_log(r"(?s)wake woken by W.*wake woken by W")
    assert "lazy woken" not in mta.log()
    mta.run("postkick", "public", "lazy", "X")
    mta.wait_log(r"(?s)lazy woken by X.*lazy woken by W")


def test_a_service_that_cannot_start_is_throttled(probes, start_mta):
    start_mta.expect_in_log("bad command startup|exit status 9|probe-broken")
    mta = probes()
    with mta.dial("broken"):
        mta.wait_log(r"warning: process .*/probe-broken pid \d+ exit status 9")
        mta.wait_log(r"warning: .*/probe-broken: bad command startup -- throttling")
        # Tried again after service_throttle_time, not before.
        mta.wait_log(r"(?s)probe-broken pid.*probe-broken pid")
    times = [line.split()[2] for line in mta.log().splitlines() if "probe-broken pid" in line]
    assert len(times) == len(set(times))
    assert mta.ask("text", "echo") == "one"


def test_a_program_that_does_not_exist_is_named(probes, start_mta):
    start_mta.expect_in_log("probe-absent")
    mta = probes()
    with mta.dial("absent"):
        mta.wait_log(r"fatal: exec .*/probe-absent: No such file or directory")
        mta.wait_log(r"warning: .*/probe-absent: bad command startup -- throttling")
    assert "unknown message" not in mta.log()


def test_a_worker_that_dies_is_reported_and_replaced(probes, start_mta):
    start_mta.expect_in_log("killed by signal 9")
    mta = probes()
    pid = int(mta.ask("pid", "echo"))
    os.kill(pid, signal.SIGKILL)
    assert int(mta.ask("pid", "echo")) != pid
    mta.wait_log(rf"warning: process .*/probe pid {pid} killed by signal 9")


def test_a_killed_template_is_replaced(probes, start_mta):
    start_mta.expect_in_log("killed by signal 9")
    mta = probes()
    worker = int(mta.ask("pid", "echo"))
    for pid in mta.processes():
        command = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
        if b"echo" in command and pid != worker:
            os.kill(pid, signal.SIGKILL)
    with mta.dial("echo") as first, mta.dial("echo") as second:
        assert first.ask("pid") != second.ask("pid")


def test_reload_keeps_sessions_and_takes_the_new_configuration(probes):
    mta = probes()
    with mta.dial() as client:
        old = client.ask("pid")
        mta.configure(probe_text="two")
        mta.reload()
        wait_for(lambda: mta.ask("text") == "two", "the new configuration")
        assert client.ask("pid") == old
        assert client.ask("text") == "one"
        assert client.ask("draining") == "1"
    wait_for(lambda: not process_runs(int(old)), "the old worker's end")


def test_no_client_is_refused_during_reloads(probes):
    mta = probes()
    for i in range(10):
        mta.configure(probe_text=f"text{i}")
        mta.run("postfix", "reload")
        for _ in range(20):
            assert mta.ask("text", "echo").startswith(("text", "one"))


def test_a_bad_configuration_is_not_taken(probes, start_mta):
    start_mta.expect_in_log("fatal: probe_fails is set")
    mta = probes()
    mta.ask("pid")
    mark = mta.mark()
    mta.configure(probe_fails="yes", probe_text="bad")
    mta.run("postfix", "reload")
    mta.wait_log("reload failed: the previous configuration stays in force", since=mark)
    assert mta.ask("text") == "one"
    mta.main_cf.pop("probe_fails")
    mta.configure(probe_text="good")
    mta.reload()
    wait_for(lambda: mta.ask("text") == "good", "the repaired configuration")


def test_a_bad_line_is_named(probes):
    mta = probes()
    mark = mta.mark()
    (mta.etc / "master.cf").write_text(mta.services.format(smtp_service=mta.port) + "bad inet y\n")
    mta.run("postfix", "reload")
    mta.wait_log(r"master.cf: line 10: ", since=mark)
    mta.wait_log("reload failed: the previous configuration stays in force", since=mark)
    assert mta.ask("text") == "one"


def test_reload_adds_and_removes_services(probes):
    mta = probes()
    port = free_port()
    mta.master_extra = f"127.0.0.1:{port} inet n - n - - probe\nmore unix n - n - - probe\n"
    mta.configure()
    mta.reload()
    wait_for((mta.spool / "public/more").exists, "the new socket")
    assert mta.ask("service", "more") == "more unix"
    with Client(("127.0.0.1", port)) as client:
        assert client.ask("text") == "one"
    mta.master_extra = ""
    mta.configure()
    mta.reload()
    wait_for(lambda: not (mta.spool / "public/more").exists(), "the socket's end")
    wait_for(lambda: is_refused(port), "the port's end")


def test_killed_master_leaves_sessions_alone_and_can_be_started_again(probes):
    mta = probes()
    with mta.dial() as client, mta.dial("echo") as local:
        old, local_old = client.ask("pid"), local.ask("pid")
        idle = int(mta.ask("pid", "single"))
        os.kill(mta.master_pid(), signal.SIGKILL)
        wait_for(lambda: not process_runs(idle), "an idle worker's end")
        assert mta.run("postfix", "status", check=False).returncode == 1
        mta.run("postfix", "start")
        assert mta.ask("pid") != old
        assert client.ask("pid") == old
        assert local.ask("pid") == local_old
    wait_for(lambda: not process_runs(int(old)), "the old worker's end")
    assert mta.ask("text", "echo") == "one"


def test_a_second_master_is_refused(probes, start_mta):
    start_mta.expect_in_log("already running|unable to set exclusive lock")
    mta = probes()
    assert mta.run("postfix", "start", check=False).returncode == 1
    mta.wait_log("postfix-script.*fatal: the Postfix mail system is already running")
    master = str(mta.daemon_directory() / "master")
    assert subprocess.run([master, "-t"], env=mta.environment()).returncode == 1
    second = subprocess.run([master, "-w"], env=mta.environment(), capture_output=True, text=True)
    assert second.returncode == 1
    assert "unable to set exclusive lock: Resource temporarily unavailable" in second.stderr
    assert mta.ask("text") == "one"


def test_stop_and_status(probes, start_mta):
    start_mta.expect_in_log("the Postfix mail system is not running")
    mta = probes()
    children = [int(mta.ask("pid")), int(mta.ask("pid", "echo")), mta.master_pid()]
    assert mta.run("postfix", "status").returncode == 0
    mta.run("postfix", "stop")
    wait_for(lambda: not any(process_runs(pid) for pid in children), "the end of all")
    assert "terminating on signal 15" in mta.log()
    master = str(mta.daemon_directory() / "master")
    assert subprocess.run([master, "-t"], env=mta.environment()).returncode == 0
    assert mta.run("postfix", "status", check=False).returncode == 1
    assert mta.run("postfix", "stop", check=False).returncode == 1


def test_stop_waits_for_sessions_for_a_bounded_time(probes, start_mta):
    start_mta.expect_in_log("the Postfix mail system is not running")
    mta = probes()
    with mta.dial() as client:
        pid = int(client.ask("pid"))
        mta.run("postfix", "stop")
        wait_for(lambda: not process_runs(pid), "the worker's end")


def test_postlog_and_logrotate(probes):
    mta = probes()
    mta.run("postlog", "-t", "my/tag", "-p", "warn", "some", "text")
    mta.wait_log(r"my/tag\[\d+\]: warning: some text$")
    mta.run("postlog", input="one line\nanother\n")
    mta.wait_log(r"postfix/postlog\[\d+\]: another$")
    mta.run("postfix", "logrotate")
    wait_for(lambda: list(mta.log_file.parent.glob("mail.log.*.gz")), "the compressed log")
    mta.run("postlog", "after")
    mta.wait_log("after$")


def test_generic_postlock(probes):
    mta = probes()
    box = mta.home / "box"
    assert mta.run("postlock", box, "sh", "-c", f"test -f {box}.lock && exit 7", check=False).returncode == 7
    assert not pathlib.Path(f"{box}.lock").exists()


def is_refused(port):
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) != 0


def status_of(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines)


def test_workers_are_confined(probes):
    mta = probes(master="jailed unix n - y - - probe\n")
    with mta.dial("jailed") as client:
        pid = int(client.ask("pid"))
        status = status_of(pid)
        assert status["NoNewPrivs"] == "1"
        assert status["CapEff"] == status["CapPrm"] == "0000000000000000"
        if "sanitize" not in str(BUILD):
            assert status["Seccomp"] == "2"
        root = os.readlink(f"/proc/{pid}/root")
        # Without privileges there is no chroot; the column is then of no effect.
        assert root == (str(mta.spool) if os.geteuid() == 0 else "/")


@pytest.mark.skipif("sanitize" in str(BUILD), reason="the sanitizers need the calls")
def test_an_intruder_gets_nowhere(probes):
    mta = probes()
    (mta.spool / "pid").chmod(0o777)
    with mta.dial("echo") as client:
        tried = {
            what: client.ask(f"try {what}")
            for what in ("exec", "ptrace", "namespace", "packet", "signal", "internet")
        }
        assert tried == {
            "exec": "Operation not permitted",
            "ptrace": "Operation not permitted",
            "namespace": "Function not implemented",
            "packet": "Function not implemented",
            "signal": "Function not implemented",
            "internet": "Success",
        }
        assert client.ask("try write inside") == "Success"
        if "without rules about files" not in mta.log():
            assert client.ask("try write outside") == "Permission denied"


def test_stress(probes):
    port = free_port()
    mta = probes(main={"max_use": "1"}, master=f"0.0.0.0:{port} inet n - n - 2 probe\n")
    clients = [Client(("127.0.0.1", port)) for _ in range(2)]
    assert [c.ask("stress") for c in clients] == ["[]", "[]"]
    with Client(("127.0.0.1", port)) as late:
        mta.wait_log("see http://www.postfix.org/STRESS_README.html for examples of stress-adapt")
        clients[0].__exit__()
        assert late.ask("stress") == "[yes]"
    clients[1].__exit__()


@pytest.mark.parametrize("maillog", [None, "/dev/stdout"])
def test_foreground_tells_the_service_manager(probes, maillog):
    mta = probes(start=False)
    if maillog:
        mta.configure(maillog_file=maillog, maillog_file_prefixes="/dev/stdout")
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.settimeout(20)
    manager.bind(str(mta.folder / "notify"))
    output = open(mta.folder / "output", "w+")
    process = subprocess.Popen(
        [mta.command("postfix"), "start-fg"],
        env={**mta.environment(), "NOTIFY_SOCKET": str(mta.folder / "notify")},
        stdout=output,
    )
    assert manager.recv(1000).startswith(b"READY=1")
    assert mta.master_pid() == process.pid
    assert mta.ask("text") == "one"
    if maillog:
        log = mta.folder / "output"
        wait_for(lambda: f"postfix/master[{process.pid}]: daemon started" in log.read_text(), "log")
    process.send_signal(signal.SIGHUP)
    assert manager.recv(1000).startswith(b"RELOADING=1")
    assert manager.recv(1000).startswith(b"READY=1")
    process.terminate()
    assert manager.recv(1000).startswith(b"STOPPING=1")
    assert process.wait(20) == 0
    output.close()


def test_services_run_as_mail_owner(probes):
    mta = probes()
    uid = int(mta.ask("user", "echo").split()[0])
    assert (uid == 0) is False if os.geteuid() == 0 else uid == os.geteuid()
