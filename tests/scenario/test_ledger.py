#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`metergatectl ledger`: verify says whether a stored ledger holds and names the first entry that does not;
export prints statements that are reckoned again here, with decimals, from what is printed alone."""
import csv, decimal, hashlib, io, json, os, pathlib, random, re, shutil, signal, sqlite3, subprocess, sys, tempfile

BUILD = pathlib.Path(os.environ["METERGATE_BUILD"])
TOOL = BUILD / "metergatectl"
MAKER = BUILD / "tests/scenario/ledger_maker"
FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="metergate-ledger-"))
GOOD = FOLDER / "good.db"
D = decimal.Decimal


def run(*arguments, **more):
    done = subprocess.run([TOOL, *map(str, arguments)], capture_output=True, text=True, timeout=60, **more)
    assert "Sanitizer" not in done.stderr and "runtime error" not in done.stderr, done.stderr
    return done


def verify(path):
    """The exit code and what --json says."""
    done = run("--json", "ledger", "verify", path)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr


def changed(*statements):
    """A copy of the good file with these statements run on it."""
    path = FOLDER / "bad.db"
    shutil.copy(GOOD, path)
    db = sqlite3.connect(path)
    for statement in statements:
        db.execute(*statement) if isinstance(statement, tuple) else db.execute(statement)
    db.commit()
    db.close()
    return path


def entries():
    db = sqlite3.connect(f"file:{GOOD}?immutable=1", uri=True)
    return db.execute("SELECT seq, bytes, hash FROM record WHERE stream = 0 ORDER BY seq").fetchall()


def turn(data, bit):
    return data[:bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1:]


def digests(folder):
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


# ---- verify ----

def a_good_ledger_holds_and_is_left_as_it_was():
    before = digests(FOLDER)
    code, said = verify(GOOD)
    assert code == 0 and said["ok"] and said["entries"] == len(entries()) >= 200 and said["accounts"] == 4, said
    assert said["hash"] == entries()[-1][2].hex()
    text = run("ledger", "verify", GOOD)
    assert text.returncode == 0 and re.match(r"\d+ entries of 4 accounts hold, head [0-9a-f]{64}\n$", text.stdout), text
    assert digests(FOLDER) == before


def what_a_killed_gateway_left_beside_the_file_is_read_along_and_stays():
    folder = FOLDER / "killed"
    folder.mkdir(mode=0o700)
    maker = subprocess.Popen([MAKER, folder / "a.db", "hold"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert maker.stdout.readline()
    done = run("ledger", "verify", folder / "a.db")
    assert done.returncode == 75 and "metergatectl --local SOCKET snapshot FILE" in done.stderr, done
    done = run("ledger", "export", folder / "a.db")
    assert done.returncode == 75 and done.stdout == "", done
    maker.send_signal(signal.SIGKILL)
    maker.wait()
    before = digests(folder)
    assert (folder / "a.db-wal").stat().st_size > 0
    code, said = verify(folder / "a.db")
    assert code == 0 and said["entries"] == len(entries()), said
    assert digests(folder) == before


def a_bit_that_was_turned_is_named():
    dice = random.Random(7)
    for seq, data, digest in dice.sample(entries(), 20):
        for column, value in (("bytes", data), ("hash", digest)):
            bad = turn(value, dice.randrange(8 * len(value)))
            code, said = verify(changed((f"UPDATE record SET {column} = ? WHERE stream = 0 AND seq = ?", (bad, seq))))
            assert code == 65 and not said["ok"] and said["first_bad"]["seq"] == seq, (seq, column, said)


def a_bit_that_was_turned_in_the_file_itself_is_named():
    whole = GOOD.read_bytes()
    dice = random.Random(8)
    for seq, data, _ in dice.sample(entries(), 10):
        assert data in whole  # perhaps more than once: pages that are not in use keep what they had
        path = FOLDER / "bad.db"
        path.write_bytes(whole.replace(data, turn(data, dice.randrange(8 * len(data)))))
        path.chmod(0o600)
        code, said = verify(path)
        assert code == 65 and said["first_bad"]["seq"] == seq, (seq, said)


def a_file_whose_pages_are_damaged_is_never_said_to_hold():
    whole = GOOD.read_bytes()
    dice = random.Random(9)
    for page in range(1, len(whole) // 4096):
        path = FOLDER / "bad.db"
        path.write_bytes(whole[:4096 * page] + bytes(dice.randrange(256) for _ in range(64)) + whole[4096 * page + 64:])
        path.chmod(0o600)
        done = run("ledger", "verify", path)
        assert done.returncode in (1, 65), (page, done)
        assert "the file is damaged" in done.stdout or "metergatectl:" in done.stderr, (page, done)


def entries_that_are_missing_doubled_or_swapped_are_named():
    last = len(entries())
    one = "stream = 0 AND seq"
    for seq in (1, 77, last):
        code, said = verify(changed(f"DELETE FROM record WHERE {one} = {seq}"))
        assert code == 65 and said["first_bad"]["seq"] == seq and "missing" in said["first_bad"]["what"], said
        code, said = verify(changed(f"DELETE FROM record WHERE {one} >= {seq}"))
        assert code == 65 and said["first_bad"]["seq"] == seq and "missing" in said["first_bad"]["what"], said
    code, said = verify(changed(f"DELETE FROM record WHERE {one} = 77", f"UPDATE record SET seq = -seq WHERE {one} > 77",
                                f"UPDATE record SET seq = -seq - 1 WHERE {one} < 0"))
    assert code == 65 and said["first_bad"]["seq"] == 77, said
    code, said = verify(changed(f"UPDATE record SET seq = -seq - 1 WHERE {one} > 77",
                                f"UPDATE record SET seq = -seq WHERE {one} < 0",
                                "INSERT INTO record SELECT stream, 78, at_ms, bytes, hash FROM record WHERE stream = 0 AND seq = 77"))
    assert code == 65 and said["first_bad"]["seq"] == 78, said
    code, said = verify(changed(f"UPDATE record SET seq = 9999 WHERE {one} = 77", f"UPDATE record SET seq = 77 WHERE {one} = 78",
                                f"UPDATE record SET seq = 78 WHERE {one} = 9999"))
    assert code == 65 and said["first_bad"]["seq"] == 77, said


def what_the_store_remembers_is_compared():
    code, said = verify(changed("UPDATE blob SET bytes = x'0a06666c61742d31' || substr(bytes, 9) || x'00' WHERE key = 'flat-1'"))
    assert code == 65 and said["first_bad"]["account"] == "flat-1" and "seq" not in said["first_bad"], said
    code, said = verify(changed("DELETE FROM blob WHERE key = 'flat-2'"))
    assert code == 65 and said["first_bad"]["account"] == "flat-2", said
    code, said = verify(changed("UPDATE meta SET value = zeroblob(32) WHERE key = 'ledger_hash'"))
    assert code == 65 and said["first_bad"]["seq"] == len(entries()), said
    code, said = verify(changed("UPDATE meta SET value = value + 1 WHERE key = 'ledger_seq'"))
    assert code == 65 and said["first_bad"]["seq"] == len(entries()) + 1, said


def a_person_reads_a_sentence():
    seq, data, _ = entries()[25]
    path = changed(("UPDATE record SET hash = ? WHERE stream = 0 AND seq = ?", (bytes(32), seq)))
    done = run("ledger", "verify", path)
    assert done.returncode == 65, done
    assert re.match(rf"first bad: entry {seq} \(account [\w-]+, [A-Z_]+, 2026-01-0\dT[\d:.]+Z\): its bytes, its hash or its place "
                    rf"were changed: .*\nthe {seq - 1} entries before it hold, up to hash [0-9a-f]{{64}}\n$", done.stdout), done.stdout


def what_is_no_ledger_is_said():
    assert run("ledger", "verify", FOLDER / "none.db").returncode == 1
    assert run("ledger", "verify", FOLDER).returncode == 1
    text = FOLDER / "text.db"
    text.write_text("this is no database, and longer than the header of one" * 4)
    done = run("ledger", "verify", text)
    assert done.returncode == 65 and "not a database" in done.stderr, done
    db = sqlite3.connect(FOLDER / "other.db")
    db.execute("CREATE TABLE something(a)")
    db.commit()
    db.close()
    done = run("ledger", "verify", FOLDER / "other.db")
    assert done.returncode == 1 and "no ledger" in done.stderr, done


def wrong_usage_is_said():
    for words in (["ledger"], ["ledger", "verify"], ["ledger", "look", GOOD], ["ledger", "export", GOOD, "--from", "2026-13-01"],
                  ["ledger", "export", GOOD, "--zone", "Nowhere/City"]):
        done = run(*words)
        assert done.returncode == 64 and done.stderr.startswith("metergatectl: "), (words, done)


def a_file_that_may_only_be_read_is_read():
    folder = FOLDER / "read"
    folder.mkdir()
    db = folder / "a.db"
    shutil.copy(GOOD, db)
    more = {"user": 65534} if os.geteuid() == 0 else {}
    FOLDER.chmod(0o755)
    before = digests(folder)
    try:
        for mode in (0o444, 0o666):  # the folder lets nobody write a log in either case
            db.chmod(mode)
            folder.chmod(0o555)
            done = run("ledger", "verify", db, **more)
            assert done.returncode == 0 and digests(folder) == before, (mode, done)
    except PermissionError as reason:
        print("  (not tried: another user may not run the program here:", reason, ")")
    finally:
        folder.chmod(0o755)
        FOLDER.chmod(0o700)


# ---- export ----

def table(*options):
    done = run("ledger", "export", GOOD, "--csv", *options)
    assert done.returncode == 0, done
    raw = subprocess.run([TOOL, "ledger", "export", GOOD, "--csv", *options], capture_output=True, timeout=60).stdout
    assert raw.count(b"\r\n") == raw.count(b"\n") == len(raw.splitlines())
    return list(csv.DictReader(io.StringIO(done.stdout)))


def floor(value):
    return value.to_integral_value(decimal.ROUND_FLOOR)


def anyone_can_check_the_statement():
    """From the columns alone: lines, residuals, taxes, registers, balances."""
    decimal.getcontext().prec = 60
    rows = table()
    assert [int(r["entry"]) for r in rows if r["amount"]] == list(range(1, len(entries()) + 1))
    balance, through, exact, posted, base, taxed, rests = {}, {}, {}, {}, {}, {}, {}
    for number, row in enumerate(rows):
        account = row["account"]
        if not row["amount"]:
            continue  # a further line of the entry before
        if row["kind"] == "OPEN":
            for book in (exact, posted, base, taxed):
                for key in [k for k in book if k[0] == account]:
                    del book[key]
        balance[account] = balance.get(account, D(0)) + D(row["amount"])
        assert balance[account] == D(row["balance"]), row
        if row["kind"] == "METER_INITIAL":
            through[account, row["meter"]] = (row["to_register"], D(0))
        if row["kind"] != "DEBIT_ENERGY":
            continue
        lines = [r for r in rows[number:number + 20] if r["entry"] == row["entry"]]
        assert sum(D(r["line_quantity"]) for r in lines) == D(row["quantity"]), row
        for r in lines:
            assert D(r["line_quantity"]) * D(r["price"]) == D(r["line_amount"]) or D(r["repriced_quantity"]) > 0, r
        register, rest = through[account, row["meter"]]
        assert register == row["from_register"], row
        moved = (D(row["to_register"]) - D(row["from_register"])) * D(row["multiplier"]) + rest
        if row["meter"] != "m-hall":
            counted = floor(moved * 10**6) / 10**6
            assert counted == D(row["quantity"]), row
        through[account, row["meter"]] = (row["to_register"], moved - floor(moved * 10**6) / 10**6)
        key = account, row["utility"]
        exact[key] = exact.get(key, D(0)) + sum(D(r["line_amount"]) for r in lines)
        posted[key] = posted.get(key, D(0)) + D(row["net"])
        assert posted[key] == floor(exact[key] * 10**6) / 10**6, row
        assert D(row["net"]) + D(row["tax"]) == -D(row["amount"]), row


def the_parts_of_a_shared_meter_are_the_whole():
    rows = [r for r in table() if r["meter"] == "m-hall" and r["kind"] == "DEBIT_ENERGY"]
    assert {r["account"] for r in rows} == {"flat-2", "flat-3"}
    at = {a: {r["to_register"]: n for n, r in enumerate(x for x in rows if x["account"] == a)} for a in ("flat-2", "flat-3")}
    common = [register for register in at["flat-2"] if register in at["flat-3"]]
    assert common
    for register in common:
        total = sum(D(r["quantity"]) for r in rows if D(r["to_register"]) <= D(register))
        assert total == D(register) - 1000, register


def totals_of_the_readable_statement_are_the_sums():
    rows = table()
    text = run("ledger", "export", GOOD).stdout
    statements = re.split(r"^account ", text, flags=re.M)[1:]
    assert [s.split("\n")[0] for s in statements] == ["flat-1", "flat-2", "flat-3", "shop-1"]
    for statement in statements:
        own = [r for r in rows if r["account"] == statement.split("\n")[0]]
        whole = [r for r in own if r["amount"]]
        net, tax = re.search(r"^  net (\S+), tax (\S+)$", statement, re.M).groups()
        assert D(net) == sum(D(r["net"]) for r in whole) and D(tax) == sum(D(r["tax"]) for r in whole)
        for kind, count, amount in re.findall(r"^  ([A-Z_]+) +(\d+) entries +(\S+)$", statement, re.M):
            of_kind = [r for r in whole if r["kind"] == kind]
            assert int(count) == len(of_kind) and D(amount) == sum(D(r["amount"]) for r in of_kind), kind
        for utility, quantity in re.findall(r"^  (electricity|water) (\S+)$", statement, re.M):
            assert D(quantity) == sum(D(r["quantity"]) for r in whole if r["utility"] == utility)
        closing, opening, moved = re.search(r"^  closing balance (\S+) = (\S+) \+ (\S+)$", statement, re.M).groups()
        assert D(closing) == D(opening) + D(moved) == D(whole[-1]["balance"])
        numbers = [int(n) for n in re.findall(r"^ {0,7}(\d+) 2026-", statement, re.M)]
        assert numbers == [int(r["entry"]) for r in whole]
        for r in whole:
            assert re.search(rf"^ *{r['entry']} {re.escape(r['time'])} .* {r['hash'][:12]}$", statement, re.M), r


def a_part_is_what_was_asked_for():
    rows = table("--account", "flat-2", "--from", "2026-01-02", "--zone", "Europe/Berlin")
    assert rows and all(r["account"] == "flat-2" and r["time"].startswith("2026-01-02T") and r["time"].endswith("+01:00") for r in rows)
    before = table("--account", "flat-2", "--to", "2026-01-02", "--zone", "Europe/Berlin")
    assert len(rows) + len(before) == len(table("--account", "flat-2"))
    text = run("ledger", "export", GOOD, "--account", "flat-2", "--from", "2026-01-02", "--zone", "Europe/Berlin").stdout
    opening = [r for r in before if r["amount"]][-1]["balance"]
    assert f"  opening balance {opening}\n" in text
    assert run("ledger", "export", GOOD, "--account", "flat-9").returncode == 1


def a_ledger_that_does_not_hold_gives_no_statements():
    for more in ([], ["--csv"]):
        done = run("ledger", "export", changed("DELETE FROM record WHERE stream = 0 AND seq = 150"), *more)
        assert done.returncode == 65 and done.stdout == "" and "entry 150: it is missing" in done.stderr, done


def main():
    made = subprocess.run([MAKER, GOOD], capture_output=True, text=True, timeout=60)
    assert made.returncode == 0, made.stderr
    for test in (a_good_ledger_holds_and_is_left_as_it_was,
                 what_a_killed_gateway_left_beside_the_file_is_read_along_and_stays,
                 a_bit_that_was_turned_is_named,
                 a_bit_that_was_turned_in_the_file_itself_is_named,
                 a_file_whose_pages_are_damaged_is_never_said_to_hold,
                 entries_that_are_missing_doubled_or_swapped_are_named,
                 what_the_store_remembers_is_compared,
                 a_person_reads_a_sentence,
                 what_is_no_ledger_is_said,
                 wrong_usage_is_said,
                 a_file_that_may_only_be_read_is_read,
                 anyone_can_check_the_statement,
                 the_parts_of_a_shared_meter_are_the_whole,
                 totals_of_the_readable_statement_are_the_sums,
                 a_part_is_what_was_asked_for,
                 a_ledger_that_does_not_hold_gives_no_statements):
        test()
        print("ok  ", test.__name__)


try:
    main()
finally:
    shutil.rmtree(FOLDER, ignore_errors=True)
