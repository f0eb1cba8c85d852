# SPDX-License-Identifier: Apache-2.0
"""A building for scenario tests: real broker, simulator, head-end and gateway, each a process.

Everything lives in one temporary folder and on ports the kernel gives out. What a scenario
starts is stopped when it ends, however it ends.
"""
import contextlib, json, os, pathlib, re, shutil, signal, socket, sqlite3, subprocess, sys, tempfile, time

from fault_proxy import FaultProxy

SOURCE = pathlib.Path(os.environ["METERGATE_SOURCE"])
BUILD = pathlib.Path(os.environ["METERGATE_BUILD"])
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|runtime error:")


RESERVED = []  # sockets that are bound and never listen


def free_port():
    """A port that nobody else is given while this process lives: a server that sets SO_REUSEADDR
    may still listen on it."""
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("127.0.0.1", 0))
    RESERVED.append(s)
    return s.getsockname()[1]


def is_ours(process):
    return pathlib.Path(process.args[0]).name.startswith("metergate")


def wait_for(what, condition, seconds=30):
    """Polls until condition() is true; its value is returned."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise AssertionError(f"waited {seconds} s in vain for: {what}")
        time.sleep(0.05)


class Building:
    def __init__(self, meters=None, period="1s", speed=3600, buses=None, sync_extra="",
                 with_proxy=False, baud=19200, timeout=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="metergate-"))
        self.port = free_port()
        self.processes = {}
        self.log_files = {}
        self.findings = []  # what no scenario may end with
        self.speed = speed
        self.turnaround = "5ms"
        self.period = period
        self.meters = meters or [("flat-1", "eastron-sdm120", 1), ("flat-2", "acrel-ddsd1352", 2),
                                 ("flat-3", "eastron-sdm630", 3)]
        self.buses = buses or [("floor-1", self.dir / "bus0", self.meters)]
        self.sync_extra = sync_extra
        self.baud = baud
        self.models = self.copy_models(timeout) if timeout else SOURCE / "config/models"
        self.proxy = FaultProxy(self.port) if with_proxy else None
        self.write_files()

    # ---- files ----

    def bus_yaml(self, only=None):
        out = "buses:\n"
        for name, path, meters in self.buses:
            if only and name not in only:
                continue
            line = f"{path}:{self.baud}:8N1" if self.baud else path  # else the models' own
            out += f"  - id: {name}\n    line: {line}\n    meters:\n"
            for meter, model, address in meters:
                out += (f"      - {{id: {meter}, model: {model}, address: {address}, "
                        f"period: {self.period}}}\n")
        return out

    def write_files(self):
        key = self.dir / "sync.key"
        key.unlink(missing_ok=True)
        line = subprocess.run([BUILD / "metergatectl", "keygen", "--role", "sync", "--key-id", "1",
                               key], check=True, capture_output=True, text=True).stdout.strip()
        models = self.models
        port = self.proxy.port if self.proxy else self.port
        sync = "  broker: mqtt://127.0.0.1:{}\n  plaintext_on_loopback: true\n"
        (self.dir / "broker.conf").write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        (self.dir / "sim.yaml").write_text(
            f"models: {models}\ncontrol: sim.sock\nturnaround: {self.turnaround}\n{self.bus_yaml()}{self.simulation()}")
        (self.dir / "headend.yaml").write_text(
            f"operator: demo\nstore: headend.db\nsigning_key: sync.key\nsync:\n{sync.format(self.port)}"
            "  reconnect_max: 2s\n")
        (self.dir / "gateway.yaml").write_text(
            f"gateway: {{operator: demo, site: house-1, id: gw-1, models: {models}{self.money_where()}}}\n"
            f"store: {{path: {self.dir}/gateway.db, commit_every: 200ms}}\n"
            f"sync:\n{sync.format(port)}  reconnect_max: 3s\n  heartbeat: 2s\n  backfill_delay: 1s\n"
            f"  now_every: 2s\n  keys:\n    {line}\n{self.sync_extra}"
            f"local: {{socket: {self.dir}/gw.sock}}\n{self.bus_yaml()}{self.accounts()}")

    def accounts(self):
        """The key "accounts" of the gateway's file; a scenario about money gives one."""
        return ""

    def money_where(self):
        """What the gateway section says beside: zone and tariffs."""
        return ""

    def account(self, name):
        status = self.status()
        accounts = status["money"]["accounts"] if status else []
        return next((a for a in accounts if a["id"] == name), None)

    def simulation(self):
        return ""

    def copy_models(self, timeout):
        """The shipped models with a shorter timeout: faults come and go sooner."""
        folder = self.dir / "models"
        folder.mkdir()
        for path in (SOURCE / "config/models").glob("*.yaml"):
            text = re.sub(r"^timeout: .*$", f"timeout: {timeout}", path.read_text(), flags=re.M)
            (folder / path.name).write_text(text)
        return folder

    def control(self, request):
        """Tells the simulator something over its control socket; returns its answer."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(str(self.dir / "sim.sock"))
            s.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(s.makefile().readline())
        assert answer["ok"], (request, answer)
        return answer

    # ---- processes ----

    def start(self, name, *command):
        log = open(self.dir / f"{name}.log", "ab")
        self.processes[name] = subprocess.Popen([str(c) for c in command], stdout=log, stderr=log,
                                                stdin=subprocess.DEVNULL, cwd=self.dir)
        log.close()

    def start_broker(self):
        self.start("broker", shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c",
                   self.dir / "broker.conf")
        wait_for("the broker listens", self.broker_listens)

    def broker_listens(self):
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", self.port)) == 0

    def start_sim(self):
        self.start("sim", BUILD / "metergate-sim", "--speed", self.speed, self.dir / "sim.yaml")
        wait_for("the simulator is ready", lambda: "ready" in self.log("sim"))

    def start_headend(self):
        self.start("headend", BUILD / "metergate-headend", "--config", self.dir / "headend.yaml")

    def start_gateway(self):
        self.start("gateway", BUILD / "metergated", "--config", self.dir / "gateway.yaml")
        wait_for("the gateway answers", self.status, 20)

    def start_all(self):
        self.start_broker()
        self.start_sim()
        self.start_headend()
        self.start_gateway()

    def stop(self, name, number=signal.SIGTERM, seconds=20):
        """Ends a process; returns its exit code (negative: the signal that killed it)."""
        process = self.processes.pop(name, None)
        if process is None:
            return None
        self.look_early(name, process)
        process.send_signal(number)
        try:
            code = process.wait(seconds)
            if is_ours(process) and code not in (0, -signal.SIGKILL):
                self.findings.append(f"{name} ended with {code} after signal {number}")
            return code
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{name} did not end within {seconds} s of signal {number}")

    def look_early(self, name, process):
        """Programs of ours end when they are told to, not before."""
        if is_ours(process) and process.poll() is not None:
            self.findings.append(f"{name} ended by itself with {process.returncode}")

    def kill(self, name):
        return self.stop(name, signal.SIGKILL)

    def ctl(self, *arguments, **options):
        """Runs metergatectl against the broker; returns the finished process."""
        done = subprocess.run([BUILD / "metergatectl", "--broker", f"mqtt://127.0.0.1:{self.port}",
                               "--plaintext-on-loopback", "--operator", "demo", *arguments],
                              capture_output=True, text=True, timeout=60, **options)
        self.scan("metergatectl", done.stderr)
        return done

    def start_watch(self):
        """Somebody who listens to all that goes up, one JSON object a line in watch.log."""
        self.start("watch", BUILD / "metergatectl", "--broker", f"mqtt://127.0.0.1:{self.port}",
                   "--plaintext-on-loopback", "--operator", "demo", "--json", "--timeout", "3600",
                   "watch")

    def watched(self):
        out = []
        for line in self.log("watch").splitlines():
            if line.startswith("{"):
                try:
                    out.append(json.loads(line))
                except ValueError:
                    pass  # the last line is being written
        return out

    # ---- looking ----

    def log(self, name):
        path = self.dir / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def status(self):
        """The gateway's own word over its local socket; None while it is not there."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(5)
            try:
                s.connect(str(self.dir / "gw.sock"))
                s.sendall(b'{"query":"status"}\n')
                data = b""
                while chunk := s.recv(65536):
                    data += chunk
                return json.loads(data)
            except (OSError, ValueError):
                return None

    def meter(self, name):
        status = self.status()
        meters = [m for b in status["buses"] for m in b["meters"]] if status else []
        return next((m for m in meters if m["id"] == name), None)

    def stream(self):
        status = self.status()
        return status["stream"] if status else {"head": -1, "acked": -2}

    def is_delivered(self, at_least=1):
        stream = self.stream()
        return stream["head"] >= at_least and stream["acked"] == stream["head"]

    def rows(self, database, sql):
        """Reads a database whose owner has ended."""
        with contextlib.closing(sqlite3.connect(self.dir / database)) as db:
            return db.execute(sql).fetchall()

    def stop_all(self):
        for name in ("gateway", "headend", "sim", "broker"):
            self.stop(name)

    def check_equal_copies(self):
        """Both databases closed: the head-end holds each reading exactly once, in order."""
        ours = self.rows("gateway.db", "SELECT seq, point, at_ms, value, quality FROM reading "
                                       "ORDER BY seq")
        theirs = self.rows("headend.db", "SELECT seq, point, at_ms, value, quality FROM reading "
                                         "ORDER BY seq")
        assert ours, "the gateway has stored nothing"
        assert [r[0] for r in theirs] == list(range(1, len(theirs) + 1)), "gaps or repeats"
        assert theirs == ours[:len(theirs)], "the copies differ"
        self.check_equal_records()
        return len(ours), len(theirs)

    def check_equal_records(self):
        """Ledger, events and results: each once and in order, byte for byte what was stored."""
        for stream, name in enumerate(("ledger", "events", "results")):
            ours = self.rows("gateway.db", "SELECT seq, bytes, hash FROM record "
                                           f"WHERE stream = {stream} ORDER BY seq")
            theirs = self.rows("headend.db", "SELECT seq, bytes, hash FROM record "
                                             f"WHERE stream = {stream + 2} ORDER BY seq")
            assert [r[0] for r in theirs] == list(range(1, len(theirs) + 1)), f"{name}: holes"
            assert theirs == ours[:len(theirs)], f"{name}: the copies differ"

    # ---- life ----

    def scan(self, name, text):
        if SANITIZER.search(text):
            self.findings.append(f"a sanitizer spoke in {name}")

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        for name, process in self.processes.items():
            self.look_early(name, process)
            process.kill()
            process.wait()
        names = sorted(path.stem for path in self.dir.glob("*.log"))
        for name in names:
            self.scan(name, self.log(name))
        if error or self.findings:
            for name in names:
                print(f"---- {name} ----\n{self.log(name)[-6000:]}", file=sys.stderr)
            print("\n".join(self.findings), file=sys.stderr)
        shutil.rmtree(self.dir, ignore_errors=True)
        if self.findings and not error:
            raise AssertionError("; ".join(self.findings))
