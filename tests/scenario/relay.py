# SPDX-License-Identifier: Apache-2.0
"""A TCP relay that a scenario can cut: the link between a gateway and its broker."""
import select, socket, threading


class Relay:
    def __init__(self, target_port):
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.is_up = True
        self.pairs = {}
        self.lock = threading.Lock()
        threading.Thread(target=self.run, daemon=True).start()

    def accept(self):
        client, _ = self.listener.accept()
        try:
            if not self.is_up:
                raise OSError("cut")
            server = socket.create_connection(("127.0.0.1", self.target_port))
        except OSError:
            client.close()
            return
        with self.lock:
            self.pairs[client], self.pairs[server] = server, client

    def drop(self, one):
        with self.lock:
            other = self.pairs.pop(one, None)
            if other:
                self.pairs.pop(other, None)
                other.close()
        one.close()

    def forward(self, one):
        try:
            data = one.recv(65536)
            self.pairs[one].sendall(data) if data else self.drop(one)
        except (OSError, KeyError):
            self.drop(one)

    def run(self):
        while True:
            with self.lock:
                watched = [self.listener, *[s for s in self.pairs if s.fileno() >= 0]]
            for ready in select.select(watched, [], [], 0.05)[0]:
                self.accept() if ready is self.listener else self.forward(ready)

    def cut(self):
        self.is_up = False
        for one in list(self.pairs):
            self.drop(one)

    def heal(self):
        self.is_up = True
