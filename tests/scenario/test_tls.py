# SPDX-License-Identifier: Apache-2.0
"""TLS with client certificates against a real mosquitto: the right one works; a broker with a
certificate for another host, of another CA, or expired is refused, again on each attempt; and the
shipped access rules keep gateways apart."""
import subprocess, time
from building import SOURCE, Building, wait_for
from mqtt_raw import Client


def openssl(*arguments, cwd):
    subprocess.run(["openssl", *arguments], cwd=cwd, check=True, capture_output=True)


def make_ca(folder, name):
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
            "-days", "30", "-subj", f"/CN={name}", "-keyout", f"{name}.key", "-out", f"{name}.pem",
            cwd=folder)


def make_certificate(folder, name, common_name, ca="ca", san=None, days="30"):
    openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
            f"/CN={common_name}", "-keyout", f"{name}.key", "-out", f"{name}.csr", cwd=folder)
    (folder / "ext").write_text(f"subjectAltName={san}\n" if san else "basicConstraints=CA:FALSE\n")
    openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{ca}.pem", "-CAkey", f"{ca}.key",
            "-CAcreateserial", "-days", days, "-extfile", "ext", "-out", f"{name}.pem", cwd=folder)


class Secured(Building):
    def secure(self, server):
        rules = (SOURCE / "packaging/mosquitto/metergate.acl").read_text().replace("OPERATOR", "demo")
        (self.dir / "rules.acl").write_text(rules)
        (self.dir / "broker.conf").write_text(
            f"listener {self.port} 127.0.0.1\ncafile {self.dir}/ca.pem\n"
            f"certfile {self.dir}/{server}.pem\nkeyfile {self.dir}/{server}.key\n"
            "require_certificate true\nuse_identity_as_username true\nallow_anonymous false\n"
            f"acl_file {self.dir}/rules.acl\nuser root\n")

    def point_to_tls(self, file, name):
        text = (self.dir / file).read_text()
        text = text.replace(f"mqtt://127.0.0.1:{self.port}\n  plaintext_on_loopback: true",
                            f"mqtts://localhost:{self.port}\n  ca: {self.dir}/ca.pem\n"
                            f"  cert: {self.dir}/{name}.pem\n  key: {self.dir}/{name}.key")
        (self.dir / file).write_text(text.replace("reconnect_max: 3s", "reconnect_max: 500ms"))


with Secured() as b:
    make_ca(b.dir, "ca"), make_ca(b.dir, "other-ca")
    make_certificate(b.dir, "good", "localhost", san="DNS:localhost,IP:127.0.0.1")
    make_certificate(b.dir, "wrong-host", "evil.example", san="DNS:evil.example")
    make_certificate(b.dir, "wrong-ca", "localhost", ca="other-ca", san="DNS:localhost")
    make_certificate(b.dir, "expired", "localhost", san="DNS:localhost", days="-1")
    make_certificate(b.dir, "gw", "gw-1")
    make_certificate(b.dir, "head", "headend-demo")
    b.point_to_tls("gateway.yaml", "gw")
    b.point_to_tls("headend.yaml", "head")
    b.start_sim()
    b.start_gateway()
    for server in ("wrong-host", "wrong-ca", "expired"):
        b.secure(server)
        b.start_broker()
        tries = b.log("broker").count("New connection")
        wait_for(f"three attempts at {server}",
                 lambda: b.log("broker").count("New connection") >= tries + 4)  # one is our own look
        assert b.status()["link"] == "down", server
        assert "connected from" not in b.log("broker").split("running")[-1], b.log("broker")
        b.stop("broker")
        print(f"{server}: refused each time")
    b.secure("good")
    b.start_broker()
    b.start_headend()
    wait_for("readings are acknowledged over TLS", lambda: b.is_delivered(50), 60)
    b.stop("gateway"), b.stop("headend")
    ours, theirs = b.check_equal_copies()
    print(f"good: {ours} readings, {theirs} at the cloud end")
