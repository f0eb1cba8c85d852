# SPDX-License-Identifier: Apache-2.0
"""Lines that are no tty: serial over TCP, Modbus TCP, and a tty with an echo, all polled by one
gateway; a server that goes away and comes back is found again; values are the registers'."""
from building import Building, free_port, wait_for

MODEL = "acrel-ddsd1352"


class Networked(Building):
    def simulation(self):
        return "".join(["simulation:\n"] + [f"  - {{meter: {m}, energy: {e}}}\n"
                                            for m, e in (("t1", 11), ("m1", 22), ("e1", 33))])

    def write_files(self):
        super().write_files()
        if self.buses:
            path = self.dir / "gateway.yaml"
            path.write_text(path.read_text().replace("/echo:19200:8N1", "/echo:19200:8N1\n    echo: true"))


tcp, mbtcp = free_port(), free_port()
with Networked(buses=[], speed=0, period="500ms") as b:
    b.buses = [("tcp", f"tcp:127.0.0.1:{tcp}", [("t1", MODEL, 1)]),
               ("mbtcp", f"modbus-tcp:127.0.0.1:{mbtcp}", [("m1", MODEL, 1)]),
               ("echo", b.dir / "echo", [("e1", MODEL, 1)])]
    b.write_files()
    b.start_sim()
    b.control({"set": {"bus": "echo", "fault": "echo"}})
    b.start_gateway()
    ok = lambda: {m["id"]: m for bus in b.status()["buses"] for m in bus["meters"] if m["polls"] - m["failed"] > 2}
    wait_for("all three are read", lambda: len(ok()) == 3, 60)
    got = {name: m["values"]["combined_active_energy"] for name, m in ok().items()}
    assert got == {"t1": "11", "m1": "22", "e1": "33"}, got
    b.stop("sim")
    wait_for("the lines over TCP are down", lambda: not any(
        bus["up"] for bus in b.status()["buses"] if bus["id"] != "echo"), 30)
    (b.dir / "sim.log").unlink()
    b.start_sim()
    b.control({"set": {"bus": "echo", "fault": "echo"}})
    good = {name: m["polls"] - m["failed"] for name, m in ok().items()}
    wait_for("all three are read again", lambda: all(
        m["polls"] - m["failed"] > good[name] + 2 for name, m in ok().items()), 60)
    assert b.stop("gateway") == 0
    print(f"tcp:, modbus-tcp: and an echo: {got}")
