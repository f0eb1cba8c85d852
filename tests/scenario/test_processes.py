# SPDX-License-Identifier: Apache-2.0
"""How the daemon behaves as a process: exit codes, one instance, signals, readiness, the local
door, no open ports; a commit whose outcome is unknown ends it with 74 and is looked up."""
import os, shutil, signal, socket, stat, subprocess, time
from building import BUILD, SOURCE, Building, wait_for

DAEMON = BUILD / "metergated"


def run(*arguments, **options):
    return subprocess.run([DAEMON, *arguments], capture_output=True, text=True, timeout=60, **options)


def listening_ports(pid):
    """TCP sockets in state LISTEN that belong to a process."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    rows = open("/proc/net/tcp").read().splitlines()[1:] + open("/proc/net/tcp6").read().splitlines()[1:]
    return [row.split()[1] for row in rows if row.split()[3] == "0A" and row.split()[9] in inodes]


assert run().returncode == 64 and "--config" in run().stderr
assert run("--nonsense").returncode == 64
assert run("--config", "x", "y").returncode == 64
assert run("--version").stdout.startswith("metergated ")
assert run("--config", "/nonexistent.yaml").returncode == 78
assert "gateway.operator" in run("--list-settings").stdout
example = run("--config", SOURCE / "config/metergate.yaml", "--check-config")
assert example.returncode == 0, example.stdout + example.stderr

with Building() as b:
    notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    notify.bind(str(b.dir / "notify"))
    notify.settimeout(20)
    os.environ["NOTIFY_SOCKET"] = str(b.dir / "notify")
    b.start_broker(), b.start_sim(), b.start_headend(), b.start_gateway()
    del os.environ["NOTIFY_SOCKET"]
    assert notify.recv(100) == b"READY=1"
    assert notify.recv(100) == b"WATCHDOG=1"
    wait_for("readings are acknowledged", lambda: b.is_delivered(50), 60)
    config = b.dir / "gateway.yaml"

    door = b.dir / "gw.sock"
    assert stat.S_IMODE(door.stat().st_mode) == 0o600, oct(door.stat().st_mode)
    assert listening_ports(b.processes["gateway"].pid) == []

    second = run("--config", config)
    assert second.returncode == 75, second
    assert b.status()["ok"], "the first instance goes on"

    for request, word in ((b"nonsense\n", "not JSON"), (b"{}\n", "query"), (b'{"query":"x"}\n', "status")):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(door))
            s.sendall(request)
            assert word in s.recv(1000).decode(), request
    with socket.socket(socket.AF_UNIX) as s:  # longer than a request may be
        s.connect(str(door))
        try:
            s.sendall(b"x" * 100000)
            assert s.recv(100) == b""
        except OSError:
            pass
    b.processes["gateway"].send_signal(signal.SIGHUP)
    assert b.status()["ok"]

    began = time.monotonic()
    assert b.stop("gateway", signal.SIGTERM) == 0
    assert time.monotonic() - began < 10
    assert not door.exists()
    told = b""
    while b"STOPPING" not in told:
        told = notify.recv(100)
    assert b.stop("headend") == 0
    assert "gateway is offline" in b.log("headend")

    os.chmod(b.dir / "gateway.db", 0o666)
    denied = run("--config", config)
    assert denied.returncode == 77 and "chmod" in denied.stderr, denied
    os.chmod(b.dir / "gateway.db", 0o600)

    # the disk fails at a commit: nobody may say whether it is stored
    before = b.rows("gateway.db", "SELECT max(seq) FROM reading")[0][0]
    if shutil.which("strace"):
        failing = subprocess.run(
            ["strace", "-f", "-o", b.dir / "trace", "-e", "trace=fdatasync", "-e",
             "inject=fdatasync:error=EIO:when=6+", DAEMON, "--config", config],
            capture_output=True, text=True, timeout=60)
        assert failing.returncode == 74, failing
        assert "outcome is unknown" in failing.stderr, failing.stderr
    b.start_headend()
    b.start_gateway()
    wait_for("it goes on from what the store says", lambda: b.is_delivered(before + 1), 60)
    b.stop("gateway"), b.stop("headend")
    ours, theirs = b.check_equal_copies()
    print(f"{ours} readings, {theirs} at the cloud end")

    with open(b.dir / "gateway.db", "r+b") as db:  # damage the middle of the file
        db.seek(os.path.getsize(b.dir / "gateway.db") // 2 & ~4095)
        db.write(os.urandom(8192))
    damaged = run("--config", config)
    assert damaged.returncode in (65, 74) and damaged.stderr, damaged
