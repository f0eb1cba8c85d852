#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Proves the law of the layers on every build.

usage: check_includes.py SOURCE_DIR

No include cycle between files or folders; layers point one way; programs are included by
nobody; foreign libraries stay in their rooms; time has one source; nothing floats. Prints each
breach as file:line: message and exits 1.
"""
import graphlib, pathlib, re, sys

ROOT = pathlib.Path(sys.argv[1])
INCLUDE = re.compile(r'\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)')

# which top folder may include which
LAYERS = {"bridges": {"bridges"}, "gateway": {"gateway", "bridges", "proto"},
          "tests": {"tests", "gateway", "bridges", "proto"}}
# programs stand on top: their rooms are seen by nobody else
PROGRAMS = ["gateway/app", "gateway/ctl", "gateway/headend", "bridges/cli", "tests/sim"]
# the programs beside the daemon use these rooms of the gateway and no other
MAY_USE = {"gateway/ctl": {"gateway/ctl", "gateway/ctl/store", "gateway/base", "gateway/core",
                           "gateway/ledger", "gateway/store", "gateway/sync",
                           "gateway/tariffs"},
           "gateway/headend": {"gateway/headend", "gateway/headend/store", "gateway/base",
                               "gateway/core", "gateway/sync", "gateway/store"}}
# foreign header -> who may include it
ROOMS = {
    r"sqlite3\.h": r"(.*/)?store/[^/]+",
    r"MQTT.*\.h": r"gateway/sync/mqtt\.c",
    r"modbus(/.*)?\.h": r"bridges/modbus/[^/]+",
    r"libserialport\.h": r"bridges/ports\.c",
    r"yaml\.h": r"bridges/base/doc\.c",
    r"sodium\.h": r"gateway/(base/chain\.c|sync/seal\.c|ctl/[^/]+)",
    r".*\.pb-c\.h": r"gateway/sync/wire_([a-z_]*inside\.h|[a-z_]+\.c)",
    r"uv\.h": r"gateway/(app|local|headend)/[^/]+",
    r"jansson\.h": r"gateway/(hub|ctl)/[^/]+|bridges/cli/[^/]+",
}
# words of code -> who may say them
WORDS = {
    # reading time: struct clock alone
    r"\b(clock_gettime|gettimeofday|timespec_get|adjtimex|ntp_gettime|uv_hrtime|uv_now"
    r"|sysinfo|getrusage|__rdtsc|__builtin_ia32_rdtsc)\b": r"bridges/base/clock\.c",
    r"\b(time|times|clock|ftime|mktime|timegm|localtime)\s*\(": r"^$",
    r"\blocaltime_r\s*\(": r"bridges/cli/set\.c",  # of a moment of struct clock
    r"\b(gmtime_r|strftime)\s*\(": r"gateway/ctl/show\.c",  # writes a moment it was given
    r"\buv_update_time\b": r"gateway/app/app\.c",  # libuv's own idea of it, for its timers
    # waiting: until a deadline of struct clock's, in these places
    r"\b(sleep|usleep|nanosleep|alarm|ualarm|select|pselect|epoll_wait|epoll_pwait)\s*\(": r"^$",
    r"\b(setitimer|timer_create|timerfd_create|sem_timedwait|SO_RCVTIMEO|SO_SNDTIMEO)\b": r"^$",
    r"\bclock_nanosleep\b": r"bridges/base/wait\.c",
    r"\bppoll\s*\(": r"bridges/base/wait\.c|gateway/poll/poll\.c",
    r"\bpoll\s*\(": r"gateway/ctl/local\.c",
    r"\bpthread_cond_(timed|clock)wait\b": r"gateway/base/(mailbox|thread)\.c",
    r"\buv_timer_\w+": r"gateway/(app|local|headend)/[^/]+",
    r"\b(float|double)\b": r"^$",
}
# words of SQL, inside strings: the database has no clock of its own
SQL = re.compile(r"(?i)\b(CURRENT_(TIMESTAMP|TIME|DATE)|julianday|unixepoch|strftime\s*\("
                 r"|datetime\s*\(|(date|time)\(\))|'now'")

breaches = []


def breach(path, line, text):
    breaches.append(f"{path}:{line}: {text}")


def code_of(text):
    """The text without comments and strings, lines kept."""
    keep_lines = lambda m: re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', keep_lines, text, flags=re.S)


def strings_of(text):
    """The strings alone, lines kept."""
    literal = re.compile(r'/\*.*?\*/|//[^\n]*|"((?:\\.|[^"\\\n])*)"|[^"/\n]+|[/"]', re.S)
    return literal.sub(lambda m: m.group(1) or re.sub(r"[^\n]", "", m.group(0)), text)


def folder(path):
    return path.rsplit("/", 1)[0]


def program_of(path):
    return next((p for p in PROGRAMS if path.startswith(p + "/")), None)


def check_own(path, line, name):
    top, other = path.split("/")[0], name.split("/")[0]
    if not (ROOT / name).exists() and not name.endswith(".pb-c.h"):
        breach(path, line, f'"{name}" is not written from the repository root')
        return
    if other not in LAYERS[top]:
        breach(path, line, f"{top} may not include {other}")
    if program_of(name) and program_of(name) != program_of(path) and top != "tests" \
            and path != "gateway/main.c":
        breach(path, line, f"{program_of(name)} is a program: nobody includes it")
    allowed = next((rooms for room, rooms in MAY_USE.items() if path.startswith(room + "/")), None)
    if allowed and other == "gateway" and folder(name) not in allowed:
        breach(path, line, f"{program_of(path)} may not use {folder(name)}")


def check_foreign(path, line, name):
    for header, room in ROOMS.items():
        if re.fullmatch(header, name) and not re.fullmatch(room, path):
            breach(path, line, f"{name} belongs to {room}")


def check_words(path, text):
    for number, line in enumerate(code_of(text).split("\n"), 1):
        for word, who in WORDS.items():
            found = re.search(word, line)
            if found and not re.fullmatch(who, path):
                breach(path, number, f"'{found.group(0)}' has no place here")
    for number, line in enumerate(strings_of(text).split("\n"), 1):
        found = SQL.search(line)
        if found:
            breach(path, number, f"'{found.group(0)}' is a clock of SQLite's")


def cycle(graph, what):
    try:
        tuple(graphlib.TopologicalSorter(graph).static_order())
    except graphlib.CycleError as error:
        breach(error.args[1][0], 1, f"cycle of {what}: " + " <- ".join(error.args[1]))


files, folders = {}, {}
sources = [p for top in ("bridges", "gateway", "tests") for p in sorted((ROOT / top).rglob("*.[ch]"))]
if not sources:
    sys.exit("no sources found: wrong folder?")
for source in sources:
    path = source.relative_to(ROOT).as_posix()
    text = source.read_text()
    product = not path.startswith("tests/")
    if product:
        check_words(path, text)
    for number, line in enumerate(text.split("\n"), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        name = match.group(1) or match.group(2)
        check_foreign(path, number, name) if product else None
        if match.group(1) and not name.startswith("tests/unit/"):
            check_own(path, number, name)
            files.setdefault(path, set()).add(name)
            if folder(name) != folder(path) and not name.endswith(".pb-c.h"):
                folders.setdefault(folder(path), set()).add(folder(name))
cycle(files, "files")
cycle(folders, "folders")
print("\n".join(breaches) if breaches else f"{len(sources)} files keep the law")
sys.exit(1 if breaches else 0)
