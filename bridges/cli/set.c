/* SPDX-License-Identifier: Apache-2.0 */
/*
 * set LINE mbus ADDRESS WHAT=VALUE --write: the telegrams that change a meter. The meter says
 * who it is before, and where that can be looked at afterwards it is asked again as it should
 * now be.
 */
#include "bridges/cli/set.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bridges/cli/cli.h"
#include "bridges/cli/mbus_target.h"
#include "bridges/cli/tell.h"

enum { YEAR_FIRST = 2000, YEAR_LAST = 2080, TM_YEAR = 1900, HEX = 16, DECIMAL = 10 };

/* One set: what goes out, and how the meter is looked at afterwards. */
struct order {
    struct mbus_command command;
    int64_t address; /* its new primary one; -1 = it stays */
    int64_t baud;    /* its new one; 0 = it stays */
};

/* --- values ------------------------------------------------------------------------------ */

static bool parse_number(const char *text, int base, int64_t *out) {
    char *end = NULL;
    errno = 0;
    *out = strtoll(text, &end, base);
    return errno == 0 && end != text && *end == '\0' && strchr("-+ ", *text) == NULL;
}

static bool set_date(int64_t year, struct mbus_date *date) {
    date->type = 'F';
    date->year = (uint16_t)year;
    date->wire_year = (uint8_t)(year % 100);
    return year >= YEAR_FIRST && year <= YEAR_LAST;
}

/* The time of the machine's zone. */
static bool read_now(struct mbus_date *date) {
    struct clock clock;
    struct tm now;
    clock_init(&clock);
    const time_t seconds = (time_t)(clock_wall(&clock).at_ms / 1000);
    if (!localtime_r(&seconds, &now)) {
        return false;
    }
    *date = (struct mbus_date){.day = (uint8_t)now.tm_mday,
                               .month = (uint8_t)(now.tm_mon + 1),
                               .hour = (uint8_t)now.tm_hour,
                               .minute = (uint8_t)now.tm_min,
                               .is_summer = now.tm_isdst > 0};
    return set_date(now.tm_year + TM_YEAR, date);
}

static bool parse_time(const char *text, struct mbus_date *date) {
    static const char shape[] = "dddd-dd-ddTdd:dd";
    unsigned parts[5];
    if (strcmp(text, "now") == 0) {
        return read_now(date);
    }
    if (strlen(text) != sizeof shape - 1) {
        return false;
    }
    for (size_t i = 0; shape[i]; i++) {
        if (shape[i] == 'd' ? text[i] < '0' || text[i] > '9' : text[i] != shape[i]) {
            return false;
        }
    }
    /* NOLINTNEXTLINE(cert-err34-c): digits of counted length */
    (void)sscanf(text, "%u-%u-%uT%u:%u", &parts[0], &parts[1], &parts[2], &parts[3], &parts[4]);
    *date = (struct mbus_date){.day = (uint8_t)parts[2],
                               .month = (uint8_t)parts[1],
                               .hour = (uint8_t)parts[3],
                               .minute = (uint8_t)parts[4]};
    return set_date(parts[0], date);
}

static bool order_address(const char *value, struct order *order) {
    return parse_number(value, DECIMAL, &order->address) &&
           mbus_command_address(order->address, &order->command) == BRIDGE_OK;
}

static bool order_baud(const char *value, struct order *order) {
    return parse_number(value, DECIMAL, &order->baud) &&
           mbus_command_baud(order->baud, &order->command) == BRIDGE_OK;
}

static bool order_time(const char *value, struct order *order) {
    struct mbus_date date;
    return parse_time(value, &date) && mbus_command_time(&date, &order->command) == BRIDGE_OK;
}

static bool order_reset(const char *value, struct order *order) {
    int64_t subcode = MBUS_ANY;
    return (*value == '\0' || parse_number(value, HEX, &subcode)) &&
           mbus_command_reset(subcode, &order->command) == BRIDGE_OK;
}

static bool order_readout(const char *value, struct order *order) {
    uint8_t heads[MBUS_COMMAND_MAX];
    size_t len = 0;
    if (strcmp(value, "all") == 0) {
        return mbus_command_readout(NULL, 0, &order->command) == BRIDGE_OK;
    }
    for (; value[0] && value[1] && len < sizeof heads; value += 2) {
        const char digits[] = {value[0], value[1], '\0'};
        int64_t byte;
        if (!parse_number(digits, HEX, &byte)) {
            return false;
        }
        heads[len++] = (uint8_t)byte;
    }
    return *value == '\0' && len > 0 &&
           mbus_command_readout(heads, len, &order->command) == BRIDGE_OK;
}

static const struct word {
    const char *name;
    bool (*read)(const char *value, struct order *order);
    const char *want;
} words[] = {
    {"address", order_address, "address=N: the new primary address, 0 to 250"},
    {"baud", order_baud, "baud=N: 300, 600, 1200, 2400, 4800, 9600, 19200 or 38400"},
    {"time", order_time, "time=now or time=2026-01-31T12:00: the meter's local time, to 2080"},
    {"reset", order_reset, "reset or reset=XX: application reset, with its subcode in hex"},
    {"readout", order_readout, "readout=all or readout=HEX: DIF 08 and VIF of what is wanted"},
};

static enum cli_exit parse_order(const char *text, struct order *order) {
    const size_t len = strcspn(text, "=");
    *order = (struct order){.address = -1};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i].name) == len && strncmp(words[i].name, text, len) == 0) {
            return words[i].read(text + len + (text[len] == '='), order)
                       ? CLI_OK
                       : tell_usage(text, words[i].want);
        }
    }
    return tell_usage(text, "is none of address=, baud=, time=, reset, readout=");
}

/* --- doing it ---------------------------------------------------------------------------- */

static void tell_done(const struct session *session, const char *serial, const char *what,
                      bool is_checked) {
    if (session->options->json) {
        tell_json(json_pack("{sbsssssssb}", "ok", 1, "protocol", "mbus", "serial", serial,
                            "set", what, "checked", is_checked));
        return;
    }
    (void)printf("%s: %s %s\n", serial, what,
                 is_checked ? "done, and the meter answers so" : "acknowledged");
}

/* Asks the meter where and how it should now be found. */
static enum cli_exit look_again(const struct mbus_target *target, struct session *session,
                                const struct order *order, const char *serial) {
    struct mbus_target now = *target;
    struct plan plan;
    if (order->address >= 0 && !mbus_is_secondary(&target->address)) {
        now.address.bytes[0] = (uint8_t)order->address;
    }
    if (order->baud > 0) {
        session->settings.baud = (uint32_t)order->baud;
    }
    plan_init(&plan, &now.model, &now.address);
    const enum cli_exit code = mbus_target_run(&now, session, &plan, NULL, NULL);
    if (code == CLI_OK && strcmp(plan.serial, serial) != 0) {
        return tell_failure(session->options, CLI_REFUSED, "another meter answers there now");
    }
    return code;
}

static enum cli_exit carry_out(const struct mbus_target *target, struct session *session,
                               const struct order *order, const char *what) {
    struct plan plan;
    plan_init(&plan, &target->model, &target->address);
    mbus_write(&plan, &order->command);
    enum cli_exit code = mbus_target_run(target, session, &plan, NULL, NULL);
    const bool is_checked = order->address >= 0 || order->baud > 0;
    if (code == CLI_OK && is_checked) {
        code = look_again(target, session, order, plan.serial);
    }
    if (code == CLI_OK) {
        tell_done(session, *plan.serial ? plan.serial : "meter", what, is_checked);
    }
    return code;
}

enum cli_exit cli_set(const struct cli_options *options, int count, char **arguments) {
    struct mbus_target target;
    struct session session;
    struct order order;
    (void)count;
    if (strcmp(arguments[1], "dlt645") == 0) {
        return set_dlt645(options, arguments);
    }
    if (strcmp(arguments[1], "mbus") != 0) {
        return tell_usage(arguments[1], "set knows mbus and dlt645");
    }
    enum cli_exit code = parse_order(arguments[3], &order);
    if (code == CLI_OK) {
        code = mbus_target_init(&target, arguments[2]);
    }
    if (code != CLI_OK) {
        return code;
    }
    if (!options->write) {
        return tell_usage("set", "changes the meter: it needs --write");
    }
    code = session_open(&session, options, arguments[0], &mbus_target_line);
    if (code == CLI_OK) {
        code = carry_out(&target, &session, &order, arguments[3]);
        session_close(&session);
    }
    return code;
}
