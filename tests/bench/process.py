# SPDX-License-Identifier: Apache-2.0
"""Figures of the whole daemon beside a real broker: memory, wake-ups, start."""
import contextlib, functools, os, pathlib, pty, select, socket, sqlite3, subprocess, time, tty
from harness import BUILD, Failed, median, record, say
from building import Building, free_port, wait_for

MB = 1_000_000
IDLE_S, SETTLE_S, BACKLOG = 30, 12, 1_000_000


def memory(pid):
    """Bytes by name out of the kernel's own count."""
    out = {}
    for file in ("status", "smaps_rollup"):
        for line in pathlib.Path(f"/proc/{pid}/{file}").read_text().splitlines():
            name, _, rest = line.partition(":")
            if rest.endswith("kB"):
                out[name] = int(rest.split()[0]) * 1024
    return out


def rss_mb(pid):
    return round(memory(pid)["VmRSS"] / MB, 2)


def switches(pid):
    total = 0
    for status in pathlib.Path(f"/proc/{pid}/task").glob("*/status"):
        total += sum(int(line.split()[1]) for line in status.read_text().splitlines()
                     if "ctxt_switches" in line)
    return total


class Idle(Building):
    """A gateway that has polled its meters once and now has an hour; settings as they ship."""

    def __init__(self, **options):
        super().__init__(period="1h", **options)

    def write_files(self):
        super().write_files()
        path = self.dir / "gateway.yaml"
        text = path.read_text().replace("commit_every: 200ms", "commit_every: 1s")
        path.write_text(text.replace("  heartbeat: 2s\n", "").replace("  now_every: 2s\n", ""))

    def settle(self):
        wait_for("the link is up", lambda: (self.status() or {}).get("link") == "up", 40)
        time.sleep(SETTLE_S)

    def pid(self, name):
        return self.processes[name].pid


@functools.lru_cache(maxsize=None)
def idle():
    """One idle gateway, everything that is asked of it."""
    with Idle() as b:
        b.start_all()
        wait_for("the meters are read", lambda: b.is_delivered(1))
        b.settle()
        before = {n: switches(b.pid(n)) for n in ("gateway", "broker")}
        say(f"{IDLE_S} s of idleness")
        time.sleep(IDLE_S)
        rate = {n: round((switches(b.pid(n)) - before[n]) / IDLE_S, 2) for n in before}
        return {"rate": rate, "memory": memory(b.pid("gateway")), "broker": rss_mb(b.pid("broker"))}


def rss_plain():
    seen = idle()
    record("rss_idle_plain", round(seen["memory"]["VmRSS"] / MB, 2), seen["broker"],
           peers={"mosquitto": seen["broker"]},
           cases={k: round(seen["memory"][k] / MB, 2) for k in ("Pss", "RssAnon", "Private_Dirty")})


def wakeups():
    rate = idle()["rate"]
    record("wakeups_idle", rate["gateway"], rate["broker"], peers={"mosquitto": rate["broker"]},
           note="context switches of all threads")


# ---- TLS ----

def openssl(where, *arguments):
    subprocess.run(["openssl", *arguments], cwd=where, check=True, capture_output=True)


def certify(where, name, host):
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    openssl(where, "req", *curve, "-subj", f"/CN={host}", "-keyout", f"{name}.key", "-out",
            f"{name}.csr")
    (where / "ext").write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl(where, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", "30", "-extfile", "ext", "-out", f"{name}.pem")


class Secured(Idle):
    def secure(self):
        openssl(self.dir, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                "-nodes", "-days", "30", "-subj", "/CN=ca", "-keyout", "ca.key", "-out", "ca.pem")
        certify(self.dir, "server", "localhost")
        certify(self.dir, "gw", "gw-1")
        (self.dir / "broker.conf").write_text(
            f"listener {self.port} 127.0.0.1\ncafile {self.dir}/ca.pem\nallow_anonymous true\n"
            f"certfile {self.dir}/server.pem\nkeyfile {self.dir}/server.key\n"
            "require_certificate true\nuser root\n")
        path = self.dir / "gateway.yaml"
        path.write_text(path.read_text().replace(
            f"mqtt://127.0.0.1:{self.port}\n  plaintext_on_loopback: true",
            f"mqtts://localhost:{self.port}\n  ca: {self.dir}/ca.pem\n"
            f"  cert: {self.dir}/gw.pem\n  key: {self.dir}/gw.key"))


def rss_tls():
    with Secured() as b:
        b.secure()
        b.start_broker()
        b.start_sim()
        b.start_gateway()
        b.settle()
        seen, peer = memory(b.pid("gateway")), rss_mb(b.pid("broker"))
    record("rss_idle_tls", round(seen["VmRSS"] / MB, 2), peer, peers={"mosquitto": peer},
           cases={k: round(seen[k] / MB, 2) for k in ("Pss", "RssAnon", "Private_Dirty")})


# ---- memory against the backlog ----

def fill(database):
    """A million readings that nobody has acknowledged, behind those that are there."""
    with contextlib.closing(sqlite3.connect(database)) as db:
        head = db.execute("SELECT max(seq) FROM reading").fetchone()[0]
        points = db.execute("SELECT max(id) FROM point").fetchone()[0]
        at = db.execute("SELECT max(at_ms) FROM reading").fetchone()[0]
        db.executemany("INSERT INTO reading VALUES(?,?,?,?,0)",
                       ((head + 1 + i, i % points + 1, at + i // 10 * 100, (i // 10) * 1000)
                        for i in range(BACKLOG)))
        db.commit()


def memory_backlog():
    seen = []
    with Idle() as b:
        b.start_broker()
        b.start_sim()
        for backlog in (0, BACKLOG):  # no cloud end: nothing is ever acknowledged
            if backlog:
                fill(b.dir / "gateway.db")
            b.start_gateway()
            wait_for("readings are stored", lambda: b.stream()["head"] > backlog)
            b.settle()
            seen.append(memory(b.pid("gateway")))
            unsent = b.stream()["head"] - b.stream()["acked"]
            if unsent < backlog:
                raise Failed(f"only {unsent} readings wait")
            b.stop("gateway")
    grown = {k: round((seen[1][k] - seen[0][k]) / MB, 3) for k in ("RssAnon", "VmRSS", "Pss")}
    record("memory_backlog", grown["RssAnon"], limit=0, cases=grown,
           note="anonymous memory, 1 M unsent readings against none, link up, no cloud end")


# ---- start ----

STARTS = 11


def first_byte_ms(b, master):
    """From exec to the first request on the line."""
    began = time.perf_counter()
    b.start("gateway", BUILD / "metergated", "--config", b.dir / "gateway.yaml")
    ready, _, _ = select.select([master], [], [], 10)
    took = time.perf_counter() - began
    b.stop("gateway")
    if not ready:
        raise Failed("no request came")
    while select.select([master], [], [], 0)[0]:
        os.read(master, 4096)
    return took * 1000


def listen_ms(config, port):
    began = time.perf_counter()
    process = subprocess.Popen(["mosquitto", "-c", config], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    try:
        while True:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    return (time.perf_counter() - began) * 1000
            if time.perf_counter() - began > 10:
                raise Failed("mosquitto does not listen")
    finally:
        process.kill()
        process.wait()


def start_ms():
    master, slave = pty.openpty()
    tty.setraw(slave)
    line = os.ttyname(slave)
    took, peer = [], []
    with Idle(buses=[("floor-1", line, [("flat-1", "eastron-sdm120", 1)])]) as b:
        b.start_broker()
        first_byte_ms(b, master)  # makes the store
        config, port = b.dir / "peer.conf", free_port()
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\n")
        for _ in range(STARTS):
            took.append(first_byte_ms(b, master))
            peer.append(listen_ms(config, port))
    os.close(master)
    os.close(slave)
    record("start_ms", round(median(took), 1), round(median(peer), 1),
           peers={"mosquitto to its port": round(median(peer), 1)},
           note="exec to the first request on the line")


MEASUREMENTS = [
    (("memory_backlog",), memory_backlog, False),
    (("rss_idle_plain",), rss_plain, False),
    (("rss_idle_tls",), rss_tls, False),
    (("wakeups_idle",), wakeups, False),
    (("start_ms",), start_ms, False),
]
