/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/ctl/local.h"

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bridges/base/clock.h"
#include "bridges/quantity.h"
#include "gateway/ctl/show.h"

enum { WAIT_MS = 5000 };

/* --- asking ------------------------------------------------------------------------------ */

/* -1 with a message on stderr. */
static int connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        (void)fprintf(stderr, "metergatectl: --local: the path is too long\n");
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        const int cause = errno;
        (void)fprintf(stderr, "metergatectl: %s: no gateway answers here: %s\n", path,
                      strerrordesc_np(cause));
        if (fd >= 0) {
            (void)close(fd);
        }
        return -1;
    }
    return fd;
}

/* Reads up to the end of a line. Returns its length without the newline, or -1: too long, too
 * late or cut off. */
static ssize_t read_line(int fd, int64_t timeout_ms, char *line) {
    struct clock clock;
    clock_init(&clock);
    const int64_t until_ms = clock_mono_ms(&clock) + timeout_ms;
    size_t len = 0;
    while (len < LOCAL_ANSWER_MAX) {
        const int64_t left_ms = until_ms - clock_mono_ms(&clock);
        struct pollfd waiting = {.fd = fd, .events = POLLIN};
        if (left_ms <= 0 || poll(&waiting, 1, (int)left_ms) <= 0) {
            return -1;
        }
        const ssize_t n = read(fd, line + len, LOCAL_ANSWER_MAX - len);
        if (n <= 0) {
            return -1;
        }
        const char *end = memchr(line + len, '\n', (size_t)n);
        if (end) {
            return end - line;
        }
        len += (size_t)n;
    }
    return -1;
}

ssize_t local_ask(const struct ctl_options *options, const char *question, char *answer) {
    const int fd = connect_to(options->local);
    if (fd < 0) {
        return -1;
    }
    const int64_t timeout_ms = options->timeout_ms ? options->timeout_ms : WAIT_MS;
    const size_t len = strlen(question);
    const bool sent = send(fd, question, len, MSG_NOSIGNAL) == (ssize_t)len;
    const ssize_t got = sent ? read_line(fd, timeout_ms, answer) : -1;
    (void)close(fd);
    if (got < 0) {
        (void)fprintf(stderr, "metergatectl: %s: no whole answer came\n", options->local);
    }
    return got;
}

/* --- printing ---------------------------------------------------------------------------- */

struct local_text local_text(const json_t *value) {
    struct local_text text = {"-"};
    if (json_is_string(value)) {
        (void)snprintf(text.bytes, sizeof text.bytes, "%s", json_string_value(value));
    } else if (json_is_integer(value)) {
        (void)snprintf(text.bytes, sizeof text.bytes, "%lld",
                       (long long)json_integer_value(value));
    } else if (json_is_boolean(value)) {
        (void)snprintf(text.bytes, sizeof text.bytes, "%s", json_is_true(value) ? "yes" : "no");
    }
    for (char *at = text.bytes; *at; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            *at = '?';
        }
    }
    return text;
}

json_t *local_object(const struct ctl_options *options, const char *question) {
    char *answer = malloc(LOCAL_ANSWER_MAX);
    if (!answer) {
        return NULL;
    }
    json_error_t error;
    const struct ctl_options short_wait = {.local = options->local};
    const ssize_t len = local_ask(&short_wait, question, answer);
    json_t *out = len < 0 ? NULL : json_loadb(answer, (size_t)len, 0, &error);
    free(answer);
    if (len >= 0 && !json_is_object(out)) {
        (void)fprintf(stderr, "metergatectl: %s: the answer is no JSON object\n",
                      options->local);
        json_decref(out);
        return NULL;
    }
    return out;
}

bool local_is_ok(const json_t *answer) {
    const bool is_ok = json_is_true(json_object_get(answer, "ok"));
    if (answer && !is_ok) {
        (void)fprintf(stderr, "metergatectl: the gateway says: %s\n",
                      local_text(json_object_get(answer, "error")).bytes);
    }
    return is_ok;
}

static struct local_text member(const json_t *object, const char *key) {
    return local_text(json_object_get(object, key));
}

static void print_values(json_t *values) {
    const char *name;
    json_t *value;
    json_object_foreach(values, name, value) {
        json_t *key = json_string(name);
        const uint32_t code = (uint32_t)quantity_named(name);
        const char *unit = quantity_unit(code);
        (void)printf("        %-28s %s%s%s\n", local_text(key).bytes, local_text(value).bytes,
                     unit && *unit ? " " : "", unit ? unit : "");
        json_decref(key);
    }
}

static void print_meter(const json_t *meter) {
    char time[SHOW_TIME_MAX] = "never";
    const json_t *last_ms = json_object_get(meter, "last_ms");
    if (json_integer_value(last_ms) > 0) {
        show_time(json_integer_value(last_ms), time);
    }
    (void)printf("    %-20s %-5s %s at %s, polls %s, failed %s, last %s\n",
                 member(meter, "id").bytes, member(meter, "state").bytes,
                 member(meter, "model").bytes, member(meter, "address").bytes,
                 member(meter, "polls").bytes, member(meter, "failed").bytes, time);
    print_values(json_object_get(meter, "values"));
}

/* " name value" for each key that is there: newer gateways say more than older ones. */
static void print_members(const json_t *object, const char *const *keys, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const json_t *value = json_object_get(object, keys[i]);
        if (value) {
            (void)printf(" %s %s", keys[i], local_text(value).bytes);
        }
    }
    (void)printf("\n");
}

static void print_bus(const json_t *bus) {
    static const char *const keys[] = {
        "utilisation_percent", "requests", "replies", "timeouts", "damaged", "foreign",
        "noise_bytes"};
    const json_t *up = json_object_get(bus, "up");
    (void)printf("bus %s (%s) is %s:", member(bus, "id").bytes, member(bus, "line").bytes,
                 !json_is_boolean(up) ? "-"
                 : json_is_true(up)   ? "up"
                                      : "down");
    print_members(bus, keys, sizeof keys / sizeof *keys);
    const json_t *meters = json_object_get(bus, "meters");
    for (size_t i = 0; i < json_array_size(meters); i++) {
        print_meter(json_array_get(meters, i));
    }
}

/* "plain revision 0" and so on, what is in force. */
static void print_tariffs(const json_t *tariffs) {
    for (size_t i = 0; i < json_array_size(tariffs); i++) {
        const json_t *tariff = json_array_get(tariffs, i);
        (void)printf("%s%s revision %s", i > 0 ? ", " : "; ", member(tariff, "id").bytes,
                     member(tariff, "revision").bytes);
    }
}

static void print_account(const json_t *account) {
    const json_t *tariffs = json_object_get(account, "tariffs");
    const json_t *first = json_array_get(tariffs, 0);
    const bool is_open = json_is_true(json_object_get(account, "open"));
    (void)printf("    %-20s %s%s%s, %s, %s, tenancy %s, %s entries",
                 member(account, "id").bytes, member(account, "balance").bytes,
                 first ? " " : "", first ? member(first, "currency").bytes : "",
                 member(account, "mode").bytes, is_open ? "open" : "closed",
                 member(account, "tenancy").bytes, member(account, "entries").bytes);
    print_tariffs(tariffs);
    (void)printf("\n");
}

static void print_money(const json_t *money) {
    const json_t *accounts = json_object_get(money, "accounts");
    if (json_array_size(accounts) == 0) {
        return;
    }
    (void)printf("accounts:%s\n", json_is_false(json_object_get(money, "posting"))
                                      ? " nothing is posted, the ledger must be looked at"
                                      : "");
    for (size_t i = 0; i < json_array_size(accounts); i++) {
        print_account(json_array_get(accounts, i));
    }
}

static void print_status(const json_t *status) {
    const json_t *stream = json_object_get(status, "stream");
    (void)printf("gateway %s of site %s, version %s, up for %s s\n",
                 member(status, "gateway").bytes, member(status, "site").bytes,
                 member(status, "version").bytes, member(status, "uptime_s").bytes);
    (void)printf("clock %s, link %s\n", member(status, "clock").bytes,
                 member(status, "link").bytes);
    (void)printf("readings: %s stored, acknowledged up to %s, %s to send\n",
                 member(stream, "head").bytes, member(stream, "acked").bytes,
                 member(stream, "unsent").bytes);
    if (json_is_true(json_object_get(status, "disk_full"))) {
        (void)printf("the disk is full\n");
    }
    print_money(json_object_get(status, "money"));
    const json_t *buses = json_object_get(status, "buses");
    for (size_t i = 0; i < json_array_size(buses); i++) {
        print_bus(json_array_get(buses, i));
    }
}

static enum gw_exit print_answer(const struct ctl_options *options, const char *answer,
                                 size_t len) {
    json_error_t error;
    json_t *status = json_loadb(answer, len, 0, &error);
    if (!json_is_object(status)) {
        (void)fprintf(stderr, "metergatectl: %s: the answer is no JSON object\n",
                      options->local);
        json_decref(status);
        return GW_EXIT_FAILED;
    }
    const bool is_ok = json_is_true(json_object_get(status, "ok"));
    if (options->json) {
        (void)printf("%.*s\n", (int)len, answer);
    } else if (is_ok) {
        print_status(status);
    } else {
        (void)fprintf(stderr, "metergatectl: the gateway says: %s\n",
                      member(status, "error").bytes);
    }
    json_decref(status);
    return is_ok ? GW_EXIT_OK : GW_EXIT_FAILED;
}

enum gw_exit local_status(const struct ctl_options *options) {
    char *answer = malloc(LOCAL_ANSWER_MAX);
    if (!answer) {
        return GW_EXIT_FAILED;
    }
    const ssize_t len = local_ask(options, "{\"query\":\"status\"}\n", answer);
    const enum gw_exit code =
        len < 0 ? GW_EXIT_FAILED : print_answer(options, answer, (size_t)len);
    free(answer);
    return code;
}
