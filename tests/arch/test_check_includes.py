#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checker of the layers finds what it is there for.

usage: test_check_includes.py CHECKER

Each breach stands alone in a small tree of its own, which must be refused for it; the tree
without a breach must pass.
"""
import pathlib, subprocess, sys, tempfile

# where it stands, what it says, what the checker must say
BREACHES = [
    ("bridges/a.c", '#include "gateway/base/good.h"', "bridges may not include gateway"),
    ("bridges/a.c", '#include "good.h"', "not written from the repository root"),
    ("gateway/base/a.c", '#include "tests/t.h"', "gateway may not include tests"),
    ("gateway/base/a.c", '#include "gateway/app/app.h"', "is a program"),
    ("gateway/ctl/a.c", '#include "gateway/poll/poll.h"', "may not use gateway/poll"),
    ("gateway/base/good.h", '#include "gateway/base/good.h"', "cycle of files"),
    ("bridges/good.h", '#include "bridges/base/back.h"', "cycle of folders"),
    ("gateway/base/a.c", "#include <sqlite3.h>", "sqlite3.h belongs to"),
    ("gateway/app/a.c", "#include <MQTTAsync.h>", "MQTTAsync.h belongs to"),
    ("bridges/cli/a.c", "#include <modbus.h>", "modbus.h belongs to"),
    ("gateway/poll/a.c", "#include <uv.h>", "uv.h belongs to"),
    ("bridges/a.c", "static double x;", "'double'"),
    ("gateway/store/a.c", 'static const char *q = "SELECT 1 "\n "WHERE t < CURRENT_TIMESTAMP";',
     "a.c:2: 'CURRENT_TIMESTAMP'"),
    ("gateway/store/a.c", "static const char *q = \"SELECT datetime('now')\";", "SQLite's"),
    ("gateway/store/a.c", 'static const char *q = "SELECT unixepoch()";', "'unixepoch'"),
]
BREACHES += [(path, f"void f(void) {{ {call}; }}", f"'{call.split('(')[0]}") for path, call in (
    ("gateway/app/a.c", "clock_gettime(0, &t)"), ("bridges/a.c", "time(NULL)"),
    ("bridges/a.c", "time(&now)"), ("bridges/a.c", "clock()"), ("bridges/a.c", "sleep(1)"),
    ("bridges/line_serial.c", "usleep(1)"), ("bridges/a.c", "nanosleep(&t, 0)"),
    ("bridges/a.c", "clock_nanosleep(0, 0, &t, 0)"), ("gateway/app/a.c", "alarm(1)"),
    ("gateway/app/a.c", "setitimer(0, &t, 0)"), ("gateway/app/a.c", "timerfd_create(0, 0)"),
    ("gateway/app/a.c", "uv_now(&loop)"), ("gateway/app/a.c", "uv_update_time(&loop)"),
    ("gateway/app/a.c", "uv_hrtime()"), ("gateway/poll/a.c", "uv_timer_start(&t)"),
    ("gateway/app/a.c", "localtime_r(&t, &tm)"), ("gateway/app/a.c", "gettimeofday(&t, 0)"),
    ("bridges/a.c", "ppoll(&fd, 1, &t, 0)"), ("bridges/a.c", "poll(&fd, 1, 5)"),
    ("bridges/a.c", "select(1, 0, 0, 0, &t)"), ("gateway/sync/a.c", "strftime(b, 9, f, &tm)"),
    ("gateway/sync/a.c", "pthread_cond_timedwait(&c, &m, &t)"))]

GOOD = {
    "bridges/good.h": "/* time(NULL), double, sleep(1) */\n",
    "bridges/base/back.h": '#include "bridges/good.h"\n',
    "bridges/base/clock.c": "void f(void) { clock_gettime(0, &t); }\n",
    "bridges/base/wait.c": "void f(void) { ppoll(&fd, 1, &t, 0); clock_nanosleep(0, 0, &t, 0); }\n",
    "gateway/base/good.h": '#include "bridges/good.h"\n',
    "gateway/base/log.c": 'static const char *t = "it is time (now) to sleep(1)";\n',
    "gateway/app/app.h": '#include "gateway/base/good.h"\n',
    "gateway/poll/poll.h": "struct poll;\n",
    "gateway/ctl/ctl.h": '#include "gateway/base/good.h"\n',
    "tests/t.h": '#include "gateway/app/app.h"\nvoid sleep(unsigned);\n',
}


def check(files):
    with tempfile.TemporaryDirectory(prefix="metergate-arch-") as root:
        for path, text in files.items():
            (pathlib.Path(root) / path).parent.mkdir(parents=True, exist_ok=True)
            (pathlib.Path(root) / path).write_text(text)
        return subprocess.run([sys.executable, sys.argv[1], root], capture_output=True, text=True)


good = check(GOOD)
assert good.returncode == 0, good.stdout + good.stderr
for path, text, expected in BREACHES:
    done = check({**GOOD, path: text + "\n"})
    said = [line for line in done.stdout.splitlines() if expected in line]
    assert done.returncode == 1 and said, f"not found in {path}: {text}\n{done.stdout}{done.stderr}"
print(f"{len(BREACHES)} breaches are found")
