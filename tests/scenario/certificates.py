# SPDX-License-Identifier: Apache-2.0
"""A certificate authority for a scenario, by openssl: a broker that asks for certificates, and
buildings that have some."""
import subprocess

from building import SOURCE, Building


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
        port = self.proxy.port if self.proxy and file == "gateway.yaml" else self.port
        text = (self.dir / file).read_text()
        text = text.replace(f"mqtt://127.0.0.1:{port}\n  plaintext_on_loopback: true",
                            f"mqtts://localhost:{port}\n  ca: {self.dir}/ca.pem\n"
                            f"  cert: {self.dir}/{name}.pem\n  key: {self.dir}/{name}.key")
        (self.dir / file).write_text(text.replace("reconnect_max: 3s", "reconnect_max: 500ms"))

    def give_certificates(self):
        """A CA, the right certificates for everybody, and files that name them."""
        make_ca(self.dir, "ca")
        make_certificate(self.dir, "good", "localhost", san="DNS:localhost,IP:127.0.0.1")
        make_certificate(self.dir, "gw", "gw-1")
        make_certificate(self.dir, "head", "headend-demo")
        self.point_to_tls("gateway.yaml", "gw")
        self.point_to_tls("headend.yaml", "head")
        self.secure("good")
