# SPDX-License-Identifier: Apache-2.0
"""A running gateway switches relays and valves: DL/T 645 with passwords, CJ/T 188, Modbus. What it calls done was
seen to be done, each lie of a meter is told, and wrong passwords are counted through reloads, restarts and kills."""
import json, re, signal, subprocess, time
from building import BUILD, SOURCE, Building, wait_for

POWER, WATER, BOARD, OTHER = "power", "water", "board", "other"
PASSWORDS = 'credentials:\n  - {{address: "260305510009", password: "{}"}}\n'


class Switching(Building):
    def simulation(self):
        return ("simulation:\n  - {meter: power, energy: 100, load: 2.2, voltage: 220, password: 123456}\n"
                "  - {meter: water, energy: 10, load: 4, travel: 100ms}\n"
                "  - {meter: behind, energy: 50, load: 1.1, behind: board}\n")

    def copy_models(self, timeout):
        folder = super().copy_models(timeout)
        for path in folder.glob("*.yaml"):
            text = re.sub(r"delay: \w+", "delay: 200ms", re.sub(r"limit: \w+", "limit: 1s", path.read_text()))
            path.write_text(text)
        return folder

    def write_files(self):
        super().write_files()
        path = self.dir / "gateway.yaml"
        path.write_text(re.sub(r"(  - id: floor-1\n)", r"\1    writes: true\n    credentials: passwords.yaml\n",
                               path.read_text()))
        self.set_password("123456")

    def set_password(self, password):
        path = self.dir / "passwords.yaml"
        path.write_text(PASSWORDS.format(password))
        path.chmod(0o600)

    def reload(self):
        said = self.log("gateway").count("configuration is in force")
        self.processes["gateway"].send_signal(signal.SIGHUP)
        wait_for("the reload", lambda: self.log("gateway").count("configuration is in force") > said)
        wait_for("the line is open", lambda: all(bus["up"] for bus in self.status()["buses"]))

    def relay(self, meter, word, expect=0, more=()):
        done = subprocess.run([BUILD / "metergatectl", "--local", self.dir / "gw.sock", "--json", "relay", meter, word,
                               *more], capture_output=True, text=True, timeout=90)
        self.scan("metergatectl", done.stderr)
        assert done.returncode == expect, (meter, word, done)
        return (json.loads(done.stdout) if done.stdout else None), done.stderr

    def told(self, meter, word, expect=0):
        end, err = self.relay(meter, word, expect)
        assert (not end["verified"]) == bool(expect) == bool(end["fault"]), end
        assert not end["fault"] or end["fault"] in err, (end, err)
        return end["state"], end["answer"], end["verdict"]

    def fault(self, meter, name):
        self.control({"set": {"meter": meter, "fault": name}} if name else {"clear": {"meter": meter}})

    def values(self, meter):
        return self.control({"values": meter})

    def wrong_passwords(self):
        return self.values(POWER)["wrong_passwords"]


def lies(b, meter, off, on, rows):
    """Each fault of the simulator, and what is told of the order that cuts the supply."""
    for name, answer, verdict, state in rows:
        b.fault(meter, name)
        is_done = verdict == "verified"
        end, _ = b.relay(meter, off, 0 if is_done else 1)
        assert (end["answer"], end["verdict"]) == (answer, verdict), (meter, name, end)
        assert state is None or end["state"] == state, (meter, name, end)
        b.fault(meter, None)
        assert b.told(meter, on)[2] == "verified", (meter, name)


with Switching(buses=[], period="1s", baud=None, timeout="300ms") as b:
    b.buses = [("floor-1", b.dir / "bus0", [(POWER, "generic-dlt645-2007-1ph", '"260305510009"'),
                                            (WATER, "generic-cjt188-water-valve", '"00000024170567"'),
                                            (BOARD, "generic-relay-fc05-feedback", 1),
                                            ("behind", "acrel-ddsd1352", 2)]),
               ("floor-2", b.dir / "bus1", [(OTHER, "generic-relay-fc05-feedback", 1)])]
    b.write_files()
    b.start_all()
    wait_for("all are polled", lambda: all((b.meter(m) or {}).get("polls", 0) > 0 for m in (POWER, WATER, BOARD, OTHER)))

    # what is not begun
    assert "writes: true" in b.relay(OTHER, "open", 1)[1], "no leave to write on that bus"
    assert b.told(OTHER, "status") == ("closed", "not_sent", "undecided"), "looking is no writing"
    assert "no such meter" in b.relay("nobody", "open", 1)[1]
    assert "no such action" in b.relay(POWER, "toggle", 1)[1]
    assert "cannot be ordered so" in b.relay(BOARD, "permit", 1)[1]
    assert subprocess.run([BUILD / "metergatectl", "relay", POWER, "open"], capture_output=True).returncode == 64
    assert b.values(OTHER)["relay"] == "closed" and b.values(POWER)["relay"] == "closed"

    # open, permit, close: verified, and true
    assert b.told(POWER, "open") == ("open", "acknowledged", "verified")
    assert b.values(POWER)["relay"] == "open"
    end, _ = b.relay(POWER, "permit")
    assert (end["command"], end["verdict"]) == ("closed", "verified"), end
    assert b.told(POWER, "close") == ("closed", "acknowledged", "verified")
    assert b.told(BOARD, "open") == ("open", "acknowledged", "verified") and b.values(BOARD)["relay"] == "open"
    assert b.told(BOARD, "close") == ("closed", "acknowledged", "verified")
    assert b.told(WATER, "close") == ("closed", "acknowledged", "verified"), "a closed valve is off"
    assert b.told(WATER, "open") == ("open", "acknowledged", "verified")
    text = subprocess.run([BUILD / "metergatectl", "--local", b.dir / "gw.sock", "relay", POWER, "status"],
                          capture_output=True, text=True).stdout
    assert re.match(r"relay +closed\n", text) and re.search(r"current +10 A\n", text), text

    # lies; of each order once, and never one that is not done called so
    lies(b, POWER, "open", "close", (("stuck-relay", "acknowledged", "not_done", "closed"),
                                     ("lie", "acknowledged", "contradicted", "open"),
                                     ("no-ack", "no_answer", "verified", "open"),
                                     ("refuse", "refused", "not_done", "closed"),
                                     ("wrong-current", "acknowledged", "contradicted", "open")))
    lies(b, WATER, "close", "open", (("stuck-relay", "acknowledged", "not_done", "open"),
                                     ("lie", "acknowledged", "contradicted", "closed"),
                                     ("no-ack", "no_answer", "verified", "closed"),
                                     ("refuse", "refused", "not_done", "open")))
    # a board sees its contact, not what flows: that its contact lies shows in the meter behind it alone
    lies(b, BOARD, "open", "close", (("stuck-relay", "acknowledged", "not_done", "closed"),
                                     ("no-ack", "no_answer", "verified", "open")))
    b.fault(POWER, "dead")
    end, err = b.relay(POWER, "open", 1)
    assert end["answer"] == "not_sent" and "no answer in time" in err, (end, err)
    b.fault(POWER, None)
    wait_for("it answers again", lambda: b.meter(POWER)["state"] == "ok" and b.relay(POWER, "status"))

    # three wrong passwords never reach a meter
    assert b.wrong_passwords() == 0
    b.set_password("000000")
    b.reload()
    end, err = b.relay(POWER, "open", 1)
    assert end["answer"] == "refused" and b.wrong_passwords() == 1, (end, err)
    assert "has refused this password" in b.relay(POWER, "open", 1)[1]
    b.kill("gateway")
    b.start_gateway()
    wait_for("the line is open", lambda: b.status()["buses"][0]["up"])
    assert "has refused this password" in b.relay(POWER, "open", 1)[1], "through kill -9"
    assert b.wrong_passwords() == 1

    def ask_and_kill(when):
        asker = subprocess.Popen([BUILD / "metergatectl", "--local", b.dir / "gw.sock", "relay", POWER, "open"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        when()
        b.kill("gateway")
        asker.wait(20)
        b.start_gateway()
        wait_for("the line is open", lambda: b.status()["buses"][0]["up"])

    # another one, and the gateway is killed while its refusal is on the way: then again and again
    b.set_password("111111")
    b.reload()
    ask_and_kill(lambda: wait_for("it has reached the meter", lambda: b.wrong_passwords() == 2))
    b.set_password("222222")
    for i in range(6):
        ask_and_kill(lambda: time.sleep(0.3 + 0.3 * i))
    for password in ("333333", "123456"):
        b.set_password(password)
        b.reload()
        why = b.relay(POWER, "open", 1)[1]
    assert "a person must look" in why, "not even the right one"
    assert b.wrong_passwords() == 2, b.values(POWER)
    assert not b.values(POWER)["locked"] and b.values(POWER)["relay"] == "closed"
    assert b.told(POWER, "status")[0] == "closed", "and it is read as before"
    # a person has looked: the right one goes out
    def unlock(meter):
        return subprocess.run([BUILD / "metergatectl", "--local", b.dir / "gw.sock", "unlock", meter],
                              capture_output=True, text=True)

    assert unlock("nobody").returncode == 1 and unlock(POWER).returncode == 0
    wait_for("the line is open", lambda: b.status()["buses"][0]["up"])
    assert b.told(POWER, "open")[2] == b.told(POWER, "close")[2] == "verified"
    assert b.wrong_passwords() == 2
    log = b.log("gateway")
    assert not re.search(r"111111|222222|123456", log), "no password in the log"
    b.stop_all()
    print("orders verified, lies told, no third password;",
          b.rows("gateway.db", "SELECT meter, strikes, refused FROM lockout"))
