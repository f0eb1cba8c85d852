# SPDX-License-Identifier: Apache-2.0
"""The simulator alone, and the end of one of its lines: what its tests are made of."""
import contextlib, json, os, pathlib, re, select, shutil, socket, subprocess, tempfile, termios, time, tty

from building import BUILD, SANITIZER, SOURCE, wait_for

CHAR = 10 / 9600


class Line:
    """One end of a line: bytes and the moments they came."""

    def __init__(self, fd, char=CHAR):
        self.fd, self.came, self.char = fd, [], char

    def set_baud(self, baud):
        state = termios.tcgetattr(self.fd)
        state[4] = state[5] = baud
        termios.tcsetattr(self.fd, termios.TCSANOW, state)

    def send(self, data):
        self.sent = time.monotonic()
        os.write(self.fd, data)
        return self.sent

    def listen(self, seconds):
        until, self.came = time.monotonic() + seconds, []
        while (left := until - time.monotonic()) > 0:
            if select.select([self.fd], [], [], left)[0]:
                data = os.read(self.fd, 4096)
                if not data:
                    break
                self.came.append((time.monotonic(), data))
        return b"".join(data for _, data in self.came)

    def ask(self, data, seconds=0.25):
        self.send(data)
        return self.listen(seconds)

    def await_frame(self, is_whole, seconds):
        """Bytes until they are whole, and what comes in the 40 ms behind them."""
        until, got, self.came = time.monotonic() + seconds, b"", []
        while time.monotonic() < until:
            if select.select([self.fd], [], [], max(0, until - time.monotonic()))[0]:
                got += os.read(self.fd, 4096)
                if is_whole(got):
                    until = min(until, time.monotonic() + 0.04)
        return got

    def check_pace(self, start, before=0.0):
        """No byte earlier than the wire allows: start + before + a character for each."""
        count = 0
        for at, data in self.came:
            count += len(data)
            assert at >= start + before + count * self.char - 0.0002, (at - start, count)


class Sim:
    def __init__(self, text, *options, models=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="metergate-"))
        for name, model in (models or {}).items():
            (self.dir / f"{name}.yaml").write_text(model)
        (self.dir / "sim.yaml").write_text(
            f"models: {'.' if models else SOURCE / 'config/models'}\nturnaround: 20ms\n"
            "control: sim.sock\n" + text.replace("DIR", str(self.dir)))
        self.log = open(self.dir / "log", "w+")
        self.process = subprocess.Popen(
            [str(BUILD / "metergate-sim"), "--speed", "0", *options, "sim.yaml"], cwd=self.dir,
            stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)

    def text(self):
        return (self.dir / "log").read_text(errors="replace")

    def __enter__(self):
        wait_for("the simulator is ready", lambda: re.search(r"^ready", self.text(), re.M), 20)
        self.control = socket.socket(socket.AF_UNIX)
        self.control.settimeout(10)
        self.control.connect(str(self.dir / "sim.sock"))
        self.answers = self.control.makefile("r")
        return self

    def port(self, bus):
        return int(re.search(rf"^ready.* {bus}=\S*:(\d+)", self.text(), re.M).group(1))

    def raw(self, line):
        self.control.sendall(line.encode() + b"\n")
        return json.loads(self.answers.readline())

    def do(self, **request):
        answer = self.raw(json.dumps(request))
        assert answer["ok"], (request, answer)
        return answer

    def set(self, meter, fault, **terms):
        self.do(set={"meter": meter, "fault": fault, **terms})

    def clear(self, meter="flat-1"):
        self.do(clear={"meter": meter})

    def bus(self, name="floor-1"):
        return next(b for b in self.do(counts=True)["buses"] if b["id"] == name)

    def struck(self, meter, fault):
        return next(m for m in self.bus()["meters"] if m["id"] == meter)["faults"].get(fault, 0)

    @contextlib.contextmanager
    def line(self, name="bus0", baud=termios.B9600, char=CHAR):
        fd = os.open(self.dir / name, os.O_RDWR | os.O_NOCTTY)
        tty.setraw(fd)
        line = Line(fd, char)
        line.set_baud(baud)
        try:
            yield line
        finally:
            os.close(fd)

    def __exit__(self, kind, error, trace):
        self.control.close()
        self.process.terminate()
        code = self.process.wait(20)
        text = self.text()
        left = list(self.dir.glob("bus*")) + list(self.dir.glob("*.sock"))
        self.log.close()
        shutil.rmtree(self.dir, ignore_errors=True)
        if error or code or SANITIZER.search(text):
            print(text[-4000:])
        assert error or (code == 0 and not SANITIZER.search(text)), code
        assert error or not left, left
