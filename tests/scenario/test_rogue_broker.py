# SPDX-License-Identifier: Apache-2.0
"""A gateway meets a broker that lies in about a hundred ways. After each: the daemon is alive,
polling has gone on, the store is whole and without a gap, and with the true broker everything gets
to the head-end once. One lie is allowed to end it, by memory: then it is started again, as systemd
would, and is back within 10 s with nothing lost.

METERGATE_SEED repeats a run; METERGATE_CASES names cases to run alone, separated by commas."""
import contextlib, os, queue, random, re, signal, ssl, struct, sys, threading, time
from building import BUILD, wait_for
from certificates import Secured
from mqtt_raw import packet, string
from protobuf_raw import field
from rogue_broker import CONNECT, PUBLISH, RogueBroker, ack, connack, publish, suback
from seal_raw import sealed, seed_of

WORKERS = 4
MEMORY_MAX = 96 << 20  # of packaging/systemd/metergated.service: the test does what it would
SEED = int(os.environ.get("METERGATE_SEED", str(random.randrange(1 << 30))))
ONLY = [name for name in os.environ.get("METERGATE_CASES", "").split(",") if name]
IS_SANITIZED = b"__asan_init" in (BUILD / "metergated").read_bytes()
ACK, ROOT = "metergate/1/demo/gw-1/d/ack", "metergate/1/demo/gw-1/"
ORDERS = ROOT + "d/o"


# ---- what the cloud end says --------------------------------------------------------------

def position(stream, epoch, seq):
    return field(1, stream) + field(2, epoch) + field(3, seq)


def ack_payload(version=1, operator=b"demo", gateway=b"gw-1", rest=b""):
    return field(1, version) + field(2, operator) + field(3, gateway) + rest


# ---- the cases ---------------------------------------------------------------------------

BACK_MAX_S = 10  # from the end of the daemon until it answers again
EXPECTED_S = 25  # how long a script with an expectation holds the connection
CASES = {}       # name -> (script of one session, what the log must say, refusals at least)


def case(name, script, says="", refuses=0):
    """With an expectation the script stays until it is fulfilled; without, for its own time."""
    def patient(s, b, dice):
        script(s, b, dice)
        s.serve(EXPECTED_S if says or refuses else 0)

    assert name not in CASES, name
    CASES[name] = (patient, says, refuses)


def raw(*parts, hold=0.4):
    """In place of the CONNACK."""
    def script(s, b, dice):
        s.packet(CONNECT)
        for part in parts:
            s.send(part)
        s.serve(hold)
    return script


def in_subscribe(make, hold=0.4):
    """In place of the SUBACK; make(packet id)."""
    def script(s, b, dice):
        s.packet(CONNECT)
        s.send(connack())
        s.send(make(s.subscribed()[0]))
        s.serve(hold)
    return script


def later(*parts, hold=0.5, **how):
    """After a greeting like any other broker's."""
    def script(s, b, dice):
        s.greet()
        s.serve(0.1)
        for part in parts:
            s.send(part, **how)
        s.serve(hold)
    return script


def made(make, hold=0.5, **how):
    """The same with bytes that are made for the session: make(building, dice)."""
    def script(s, b, dice):
        later(make(b, dice), hold=hold, **how)(s, b, dice)
    return script


def length(size, extra=0):
    """A remaining length, with needless bytes behind."""
    out = packet(0, b"\0" * 0)[1:] if size == 0 else b""
    while size:
        size, low = size >> 7, size & 0x7f
        out += bytes([low | (0x80 if size or extra else 0)])
    return out + b"\x80" * max(0, extra - 1) + (b"\0" if extra else b"")


# the handshake
for code in (1, 2, 3, 4, 5, 6, 255):
    case(f"connack_{code}", raw(connack(code)), f"connection refused (code {code})")
case("connack_none", raw(hold=1.5))
case("connack_twice", raw(connack(), connack()))
case("connack_late_twice", later(connack(), connack(5)))
case("connack_session_present", raw(connack(flags=1)))
case("connack_empty", raw(b"\x20\x00"))
case("connack_of_one_byte", raw(b"\x20\x01\x00"))
case("connack_of_ten_bytes", raw(packet(0x20, b"\0" * 10)))
case("connack_cut", lambda s, b, dice: (s.packet(CONNECT), s.send(b"\x20\x02\x00")))
case("hangs_up_at_once", lambda s, b, dice: None)
case("hangs_up_after_connect", lambda s, b, dice: s.packet(CONNECT))
case("hangs_up_after_connack", lambda s, b, dice: (s.packet(CONNECT), s.send(connack())))
case("publish_before_connack", raw(publish(ACK, b"x"), connack()))
case("suback_before_connack", raw(suback(1), connack()))
case("puback_before_connack", raw(ack(0x40, 1), connack()))
case("pingresp_before_connack", raw(b"\xd0\x00", connack()))
case("echoes_the_connect", lambda s, b, dice: (s.send(packet(0x10, s.packet(CONNECT)[1])), s.serve(0.4)))
case("speaks_http", raw(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"))
case("speaks_tls", raw(b"\x15\x03\x03\x00\x02\x02\x46" * 3))
case("connack_byte_by_byte", lambda s, b, dice: (
    s.packet(CONNECT), s.send(connack(), 0.1, 1), s.serve(0.5)))

# the subscription
case("suback_80", in_subscribe(lambda n: suback(n, 0x80)), "subscription refused (code 128)")
case("suback_03", in_subscribe(lambda n: suback(n, 3)))
case("suback_ff", in_subscribe(lambda n: suback(n, 0xff)), "subscription refused (code 255)")
case("suback_foreign_id", in_subscribe(lambda n: suback(n ^ 0x5555)))
case("suback_none", in_subscribe(lambda n: b"", hold=1.0))
case("suback_empty", in_subscribe(lambda n: b"\x90\x00"))
case("suback_of_one_byte", in_subscribe(lambda n: b"\x90\x01\x00"))
case("suback_without_codes", in_subscribe(lambda n: packet(0x90, struct.pack(">H", n))))
case("suback_300_codes", in_subscribe(lambda n: packet(0x90, struct.pack(">H", n) + b"\1" * 300)))
case("suback_twice", in_subscribe(lambda n: suback(n) * 2))
case("unsuback_for_it", in_subscribe(lambda n: ack(0xb0, n)))
case("puback_for_it", in_subscribe(lambda n: ack(0x40, n)))

# publications
case("topic_beyond_packet", later(packet(0x32, b"\xff\xffabc")))
case("topic_length_cut", later(packet(0x30, b"\x00")))
case("topic_empty", later(publish("", b"x")))
case("topic_empty_qos0", later(publish("", b"x", qos=0)))
case("topic_wildcards", later(publish(ROOT + "#", b"x"), publish("+/+", b"x")), refuses=2)
case("topic_with_nul", later(publish("metergate/1/demo/gw-1/d/ack\0evil", b"x"), publish("\0", b"x")))
case("topic_bad_utf8", later(publish(b"\x00\x04\xff\xfe\xc0\x80", b"x")), refuses=1)
case("topic_of_65535", later(publish(b"\xff\xff" + b"t" * 65535, b"x")))
case("topic_of_200", later(publish("t" * 200, b"x")))
case("topic_foreign", later(publish("somebody/elses", b"x"), publish("metergate/1/demo/gw-2/d/ack", b"x"),
                            publish("metergate/1/other/gw-1/d/ack", b"x")), refuses=3)
case("own_uplink_topics", later(*[publish(ROOT + leaf, b"x") for leaf in ("u/r", "s", "d/none")]), refuses=3)
case("retained_order", later(publish(ROOT + "d/o", b"credit", retain=1)), refuses=1)
case("retained_ack", later(publish(ACK, b"old", retain=1)), refuses=1)
case("qos_3", later(packet(0x36, string(ACK) + b"\0\1x")))
case("qos_3_flood", later(packet(0x36, string(ACK) + b"\0\1x") * 200))
case("dup_at_qos_0", later(publish(ACK, b"x", qos=0, dup=1)), refuses=1)
case("packet_id_0", later(publish(ACK, b"x", number=0)), refuses=1)
case("packet_id_cut", later(packet(0x32, string(ACK) + b"\0")))
case("packet_id_missing", later(packet(0x32, string(ACK))))
case("publish_of_nothing", later(b"\x30\x00", b"\x32\x00", b"\x34\x00"))
case("publish_of_one_byte", later(b"\x32\x01\x00"))
case("payload_empty", later(publish(ACK, b"")), refuses=1)
case("same_id_1000_times", later(publish(ACK, b"x") * 1000), refuses=100)
case("qos_2_never_released", later(b"".join(publish(ACK, b"x" * 500, n, 2) for n in range(1, 2000))))
# Paho keeps them all and has no limit for it: more than MemoryMax is the end of the process
MAY_BE_KILLED = {"qos_2_flood_of_200_mb"}
case("qos_2_flood_of_200_mb", later(*[publish(ACK, b"x" * 65000, n, 2) for n in range(1, 3200)], hold=2))
case("qos_2_same_id", later(publish(ACK, b"x", 7, 2) * 500, ack(0x62, 7) * 500))
case("qos_2_whole", later(publish(ACK, b"x", 7, 2), ack(0x62, 7)))

# lengths
case("length_of_five_bytes", later(b"\x32\xff\xff\xff\xff\x01" + b"x" * 50))
case("length_never_ends", later(b"\x32" + b"\x80" * 40))
case("length_padded", later(b"\xd0\x80\x00", b"\xd0\x80\x80\x80\x00"))
case("length_cut", later(b"\x32\xff", hold=1.0))
case("header_alone", later(b"\x32", hold=1.0))
LONGEST, TOO_LONG = (1 << 28) - 1, "packet from the broker is too long"
case("announces_256_mb", later(b"\x32" + length(LONGEST) + string(ACK)), TOO_LONG)
case("announces_256_mb_slowly", later(b"\x32" + length(LONGEST) + string(ACK) + b"x" * 40,
                                      pause=0.02, piece=1), TOO_LONG)
case("sends_200_mb", made(lambda b, dice: b"\x32" + length(200 * 1000 * 1000) + string(ACK) + b"\0\1"
                          + bytes(200 * 1000 * 1000)), TOO_LONG)
case("announces_2_mb_slowly", later(b"\x32" + length(2 << 20) + string(ACK) + b"x" * 200, pause=0.005, piece=1))
case("payload_64_kib_and_1", later(publish(ACK, b"x" * 65537)))
case("payload_1_mib", later(publish(ACK, b"x" * (1 << 20))))
case("payload_1_mib_20_times", later(publish(ACK, b"x" * (1 << 20)) * 20, hold=1.0))
case("payload_2_mib_and_1", later(publish(ACK, b"x" * (2 << 20 | 1))), TOO_LONG)
case("honest_byte_by_byte", later(publish(ACK, b"not a seal"), pause=0.005, piece=1, hold=0.3), refuses=1)

# acknowledgements
case("puback_unknown_ids", later(b"".join(ack(0x40, n) for n in range(65536))))
case("puback_id_0", later(ack(0x40, 0)))
case("puback_empty", later(b"\x40\x00"))
case("puback_of_one_byte", later(b"\x40\x01\x07"))
case("puback_of_three_bytes", later(packet(0x40, b"\0\1\0")))
case("pubrec_flood", later(b"".join(ack(0x50, n) for n in range(1, 5000)), hold=1.0))
case("pubrel_flood", later(b"".join(ack(0x62, n) for n in range(1, 5000)), hold=1.0))
case("pubrel_wrong_flags", later(ack(0x60, 5)))
case("pubrel_empty", later(b"\x62\x00"))
case("pubcomp_flood", later(b"".join(ack(0x70, n) for n in range(1, 5000))))


def other_answers(kind):
    """PUBREC or PUBCOMP for everything that is published at QoS 1."""
    def script(s, b, dice):
        s.greet()
        for _ in range(4):
            body = s.packet(PUBLISH)[1]
            at = 2 + struct.unpack(">H", body[:2])[0]
            s.send(ack(kind, struct.unpack(">H", body[at:at + 2])[0]))
        s.serve(0.3)
    return script


case("pubrec_for_puback", other_answers(0x50))
case("pubcomp_for_puback", other_answers(0x70))

# types
case("type_0", later(b"\x00\x00", b"\x0f\x02ab"))
case("type_15", later(b"\xf0\x00", b"\xf0\x04abcd"))
case("types_of_clients", later(packet(0x10, string("MQTT") + b"\x04\x02\0\0\0\0"), packet(0x82, b"\0\1\0\1#\0"),
                               packet(0xa2, b"\0\1\0\1#"), b"\xc0\x00", b"\xe0\x00"))
case("disconnect", later(b"\xe0\x00"))
case("pingresp_flood", later(b"\xd0\x00" * 5000))
case("pingresp_with_body", later(packet(0xd0, b"abc")))
case("wrong_flags_everywhere", later(*[bytes([kind << 4 | 15, 2, 0, 9]) for kind in (2, 4, 5, 7, 9, 11, 13)]))

# what is inside d/ack: sealed by nobody, by a stranger, and by the true key with nonsense in it

def claims(what, **how):
    """An ack with the true seal; what(epoch) are its fields."""
    return made(lambda b, dice: publish(ACK, sealed(b.seed, ack_payload(rest=what(b.epoch())), **how)))


def other(payload=None, **how):
    """An ack that says nothing, sealed in another way; or another payload, sealed right."""
    return made(lambda b, dice: publish(ACK, sealed(b.seed, payload or ack_payload(), **how)))


case("payload_garbage", made(lambda b, dice: b"".join(
    publish(ACK, dice.randbytes(dice.randrange(1, 300)), n + 1) for n in range(50))), refuses=50)
case("seal_cut", made(lambda b, dice: publish(ACK, sealed(b.seed, ack_payload())[:-2])), refuses=1)
case("seal_of_a_stranger", made(lambda b, dice: publish(ACK, sealed(bytes(range(32)), ack_payload()))),
     "signature is wrong", 1)
case("seal_other_domain", other(domain=b"metergate/order/1"), "signature is wrong", 1)
case("seal_other_key_id", other(key_id=77), "key that is not known", 1)
case("sealed_for_another", other(ack_payload(gateway=b"gw-2"), gateway=b"gw-2"), "signature is wrong", 1)
case("sealed_names_another", other(ack_payload(gateway=b"gw-2")), "another gateway", 1)
case("sealed_names_another_operator", other(ack_payload(operator=b"x")), "another gateway", 1)
case("sealed_version_2", other(ack_payload(version=2)), refuses=1)
case("sealed_unknown_field", other(ack_payload(rest=field(99, 1))), refuses=1)
case("sealed_garbage", other(b"\xff" * 200), refuses=1)
case("sealed_future", claims(lambda epoch: field(4, position(1, epoch, 1 << 40))
                             + field(5, position(1, epoch, 1 << 41))), "records that do not exist", 2)
case("sealed_other_epoch", claims(lambda epoch: field(4, position(1, epoch + 1, 5))),
     "another epoch", 1)
case("sealed_other_stream", claims(lambda epoch: field(4, position(2, epoch, 5))),
     "records that do not exist", 1)
case("orders_garbage", made(lambda b, dice: b"".join(
    publish(ORDERS, dice.randbytes(dice.randrange(1, 300)), n + 1) for n in range(50))), refuses=50)
case("orders_signed_by_the_sync_key", made(lambda b, dice: publish(ORDERS, sealed(
    b.seed, ack_payload(), domain=b"metergate/order/1"))), "not a valid message", 1)
case("sealed_rewind", claims(lambda epoch: field(5, position(1, epoch, 1)) * 20))
case("sealed_wants_births", made(lambda b, dice: publish(ACK, sealed(
    b.seed, ack_payload(rest=field(7, 1)))) * 50))
case("flood_of_10000", later(publish(ACK, b"x" * 100) * 10000, hold=1.5), refuses=100)

# chance
for n in range(4):
    case(f"random_at_once_{n}", lambda s, b, dice: (
        s.packet(CONNECT), s.send(dice.randbytes(3000)), s.serve(0.3)))
    case(f"random_later_{n}", made(lambda b, dice: dice.randbytes(3000), hold=0.3))


def mutated(b, dice):
    """Right packets with a few wrong bits, the fixed header among them."""
    out = b""
    for n in range(1, 60):
        one = bytearray(dice.choice([publish(ACK, sealed_once(b), n), suback(n), ack(0x40, n), ack(0x62, n),
                                     publish(ACK, b"y" * 40, n, 2), connack(), b"\xd0\x00"]))
        for _ in range(dice.randrange(3)):
            one[dice.randrange(len(one))] ^= 1 << dice.randrange(8)
        out += one
    return out


def sealed_once(b):
    b.spare = b.spare or sealed(b.seed, ack_payload())
    return b.spare


for n in range(8):
    case(f"mutated_{n}", made(mutated, hold=0.3))


# ---- running them ------------------------------------------------------------------------

class Watched(Secured):
    spare = None

    def __init__(self):
        super().__init__(period="400ms", with_proxy=True)
        text = (self.dir / "gateway.yaml").read_text()
        (self.dir / "gateway.yaml").write_text(re.sub("reconnect_max: .*", "reconnect_max: 300ms", text)
                                               .replace("backfill_delay: 1s", "backfill_delay: 0s"))
        self.seed = seed_of(self.dir / "sync.key")
        self.rogue = RogueBroker()

    def switch_to_tls(self):
        self.give_certificates()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.dir / "good.pem", self.dir / "good.key")
        self.rogue = RogueBroker(context=context)

    def epoch(self):
        return self.status()["stream"]["epoch"]

    def peak_memory(self):
        """The most the daemon has had in memory, in bytes: what MemoryMax would have seen."""
        text = open(f"/proc/{self.processes['gateway'].pid}/status").read()
        return int(re.search(r"VmHWM:\s+(\d+)", text).group(1)) << 10

    def kill_when_too_large(self, base):
        """What MemoryMax of the unit does; the memory of a sanitizer does not count."""
        with contextlib.suppress(OSError, AttributeError):
            if self.peak_memory() - (base if IS_SANITIZED else 0) > MEMORY_MAX:
                self.processes["gateway"].kill()
                self.processes["gateway"].wait()

    def is_alive(self):
        return self.processes["gateway"].poll() is None

    def restart_if_gone(self, name):
        """As systemd would."""
        if self.is_alive():
            return
        code = self.processes.pop("gateway").returncode
        began = time.monotonic()
        self.start_gateway()
        took = time.monotonic() - began
        print(f"{name}: ended with {code}, back after {took:.1f} s", flush=True)
        assert took < BACK_MAX_S, took
        assert name in MAY_BE_KILLED and code == -signal.SIGKILL, f"ended with {code}"

    def check_store(self):
        """The daemon has ended: every record that was ever counted is there, in order, whole."""
        assert self.rows("gateway.db", "PRAGMA integrity_check") == [("ok",)]
        seqs = [row[0] for row in self.rows("gateway.db", "SELECT seq FROM reading ORDER BY seq")]
        assert seqs == list(range(1, len(seqs) + 1)), "gaps"
        return len(seqs)


def is_over(b, name, before, written, base):
    """Has the rogue played its part, and has the gateway noticed what it must?"""
    _, says, refuses = CASES[name]
    b.kill_when_too_large(base)
    if not (says or refuses):
        return b.rogue.finished or b.rogue.errors
    status = b.status()
    return (status is not None and says in b.log("gateway")[written:]
            and status["refused"] - before["refused"] >= refuses)


def run_case(b, name):
    """Returns by how many bytes the daemon's memory has grown at most."""
    before, dice, written = b.status(), random.Random(f"{SEED}/{name}"), len(b.log("gateway"))
    base = b.peak_memory()
    b.rogue.play(lambda session: CASES[name][0](session, b, dice))
    b.proxy.aim(b.rogue.port)
    wait_for("the gateway has met the rogue", lambda: is_over(b, name, before, written, base),
             EXPECTED_S + 10)
    assert not b.rogue.errors, b.rogue.errors
    grown = b.peak_memory() - base if b.is_alive() else MEMORY_MAX
    b.restart_if_gone(name)
    wait_for("polling goes on", lambda: b.stream()["head"] > before["stream"]["head"] + 20, 20)
    head = b.stream()["head"]
    b.proxy.aim(b.port)
    wait_for("everything gets to the head-end", lambda: b.is_delivered(head), 60)
    head = b.stream()["head"]
    b.restart_if_gone(name)
    assert b.stop("gateway") == 0
    assert b.check_store() >= head, "readings are lost"
    b.start_gateway()
    return grown


def start(b):
    b.start_all()
    wait_for("readings are acknowledged", lambda: b.is_delivered(20), 60)
    return b


def finish(b):
    b.stop("gateway"), b.stop("headend")
    b.check_equal_copies()


def work(names, failures, with_tls=False):
    """Takes cases off the queue; after a failure in a building that is new."""
    while not names.empty():
        name = "start"
        try:
            with Watched() as b:
                if with_tls:
                    b.switch_to_tls()
                start(b)
                while (name := take(names)) is not None:
                    grown = run_case(b, name)
                    if grown > 4 << 20:
                        print(f"{name}: memory has grown by {grown >> 20} MiB", flush=True)
                name = "end"
                finish(b)
        except Exception as error:
            failures.append(f"{name}: {type(error).__name__}: {error}")
            print(failures[-1], file=sys.stderr, flush=True)


def take(names):
    try:
        return names.get_nowait()
    except queue.Empty:
        return None


def queue_of(names):
    out = queue.Queue()
    for name in names:
        out.put(name)
    return out


# what looks into the stream must do so under TLS as well
UNDER_TLS = ["connack_5", "hangs_up_after_connack", "suback_80", "sends_200_mb", "announces_256_mb_slowly",
             "payload_1_mib_20_times", "payload_2_mib_and_1", "random_later_0", "mutated_0"]
names, failures = ONLY or list(CASES), []
plain, secured = queue_of(names), queue_of(name for name in UNDER_TLS if name in names)
print(f"seed {SEED}, {'sanitized' if IS_SANITIZED else 'plain'} build, {plain.qsize()} cases, "
      f"{secured.qsize()} of them under TLS too", flush=True)
workers = [threading.Thread(target=work, args=(plain, failures)) for _ in range(min(WORKERS, len(names)))]
workers.append(threading.Thread(target=work, args=(secured, failures, True)))
for worker in workers:
    worker.start()
for worker in workers:
    worker.join()
assert not failures, "\n".join(failures)
print(f"{len(names)} cases: each survived, store whole, all readings at the cloud end once")
