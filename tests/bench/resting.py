"""resting: idle sessions, and the way from `postfix start` to the first banner."""
import pathlib
import socket
import time

from measure import benchmark, cpu_of_tree, processes, tree


def private_kib(pids):
    total = 0
    for pid in pids:
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Private_Clean:", "Private_Dirty:")):
                total += int(line.split()[1])
    return total


def greeted(port, limit=30):
    sock = socket.create_connection(("127.0.0.1", port), limit)
    line = sock.recv(512)
    assert line.startswith(b"220 "), line
    return sock


@benchmark("500 idle sessions", {"KiB/session": ("<=", 0.25), "CPU ms/connect": ("<=", 0.15)},
           lambda tools, mta: {"default_process_limit": "600"}, warm_up=False, stopped=True)
def idle(run, mta):
    count = run.count(500)
    mta.start()
    try:
        master = mta.master_pid()
        clients = [greeted(mta.port)]
        memory, cpu = private_kib(tree(master, processes())), cpu_of_tree(master)
        clients += [greeted(mta.port) for _ in range(count)]
        cpu = cpu_of_tree(master) - cpu
        memory = private_kib(tree(master, processes())) - memory
        for sock in clients:
            sock.close()
        return {"KiB/session": memory / count, "CPU ms/connect": 1000 * cpu / count}
    finally:
        mta.stop()


def connects(port):
    sock = socket.socket()
    if sock.connect_ex(("127.0.0.1", port)) == 0:
        return sock
    sock.close()
    return None


@benchmark("start to first banner", {"ms": ("<=", 0.30)}, stopped=True)
def start(run, mta):
    mta.write_config()
    begin = time.monotonic()
    mta.started = True
    mta.run("postfix", "start")
    end = begin + 30
    sock = connects(mta.port)
    while sock is None and time.monotonic() < end:
        sock = connects(mta.port)
    banner = sock.recv(512)
    elapsed = time.monotonic() - begin
    assert banner.startswith(b"220 ")
    sock.close()
    mta.stop()
    return {"ms": 1000 * elapsed}
