/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/app/app.h"

#include <assert.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#ifdef METERGATE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "gateway/app/app_state.h"
#include "gateway/base/log.h"

enum {
    BUS_BOX_BYTES = 64 * 1024,
    EVENT_BOX_BYTES = 512 * 1024,
    ALIVE_MAX_MS = 90000, /* a bus thread that is silent for longer hangs */
    TEND_SECONDS = 5,
    STOP_MS = 3000
};

/* --- systemd ---------------------------------------------------------------------------------
 */

static void notify(const char *state) {
#ifdef METERGATE_SYSTEMD
    (void)sd_notify(0, state);
#else
    (void)state;
#endif
}

static bool threads_are_alive(struct app *app) {
    for (struct app_bus *bus = NULL; (bus = app_bus_next(app, bus));) {
        if (clock_mono_ms(app->clock) - poller_alive_ms(bus->poller) > ALIVE_MAX_MS) {
            log_error("bus thread hangs", "bus=%s", bus->site->id);
            return false;
        }
    }
    return true;
}

/* --- storing ---------------------------------------------------------------------------------
 */

void app_stop(struct app *app, int exit_code) {
    app->exit_code = exit_code;
    uv_stop(&app->loop);
}

/* A storage failure that is not just a full disk ends the program: after a restart the store
 * says what is in it. */
void app_storage_failed(struct app *app, enum gw_status status) {
    log_error("storage failed, stopping to look again", "status=\"%s\" error=\"%s\"",
              gw_status_text(status), store_error(app->store));
    app_stop(app, (int)gw_status_exit(status));
}

static void note_disk(struct app *app, bool is_full) {
    if (is_full && !app->disk_is_full) {
        log_error("disk is full, readings wait", "error=\"%s\"", store_error(app->store));
    } else if (!is_full && app->disk_is_full) {
        log_info("disk has room again", "waiting=%zu", app->pending_count);
    }
    app->disk_is_full = is_full;
}

/* Commits the readings that wait. true: they are stored, or there were none. */
static bool commit(struct app *app) {
    uv_timer_stop(&app->commit_timer);
    if (app->pending_count == 0 || app->exit_code != 0) {
        return app->pending_count == 0;
    }
    const enum gw_status status = store_append(app->store, app->pending, app->pending_count);
    if (status == GW_ENOSPACE) {
        note_disk(app, true);
        return false;
    }
    if (status != GW_OK) {
        app_storage_failed(app, status);
        return false;
    }
    note_disk(app, false);
    app->pending_count = 0;
    drain_stored(&app->drain, store_head(app->store));
    app_uplink_pump(app);
    return true;
}

static void on_commit_due(uv_timer_t *timer) {
    struct app *app = timer->data;
    (void)commit(app);
    uv_async_send(&app->mail); /* what waited for room may be taken now */
}

static void take_reading(struct app *app, const struct app_bus *bus,
                         const struct reading *reading) {
    struct app_point *point = &bus->meters[reading->meter].points[reading->point];
    const struct store_reading row = {.point = point->number,
                                      .quality = reading->quality,
                                      .at_ms = reading->at_ms,
                                      .value_micro = reading->value_micro};
    point->latest = row;
    point->has_value = true;
    app->pending[app->pending_count++] = row;
    if (!uv_is_active((uv_handle_t *)&app->commit_timer)) {
        uv_timer_start(&app->commit_timer, on_commit_due,
                       (uint64_t)app->settings->commit_every_ms, 0);
    }
}

static void take_identity(struct app *app, const struct app_bus *bus,
                          const struct bus_identity *identity) {
    const enum gw_status status =
        store_learn(app->store, bus->meters[identity->meter].site->id, identity->serial);
    if (status != GW_OK &&
        status != GW_ENOSPACE) { /* no room: learnt again at the next start */
        app_storage_failed(app, status);
    }
}

static void take_bus_mail(struct app *app, const struct bus_mail *mail) {
    struct app_bus *bus = &app->buses[mail->bus];
    switch (mail->kind) {
    case BUS_READING:
        take_reading(app, bus, &mail->of.reading);
        break;
    case BUS_METER:
        bus->meters[mail->of.meter.meter].was_polled = true;
        bus->meters[mail->of.meter.meter].state = mail->of.meter;
        break;
    case BUS_LINE:
        bus->state = mail->of.line;
        break;
    case BUS_IDENTITY:
        take_identity(app, bus, &mail->of.identity);
        break;
    }
}

/* Takes what the buses have read. What finds no room here stays in the mailbox, and when that
 * is full the buses wait. */
void app_take_bus_box(struct app *app) {
    struct bus_mail mail;
    size_t len;
    for (;;) {
        if (app->pending_count == APP_PENDING_MAX && !commit(app)) {
            return;
        }
        if (mailbox_take(app->bus_box, &mail, sizeof mail, &len) != GW_OK) {
            return;
        }
        take_bus_mail(app, &mail);
    }
}

static void on_mail(uv_async_t *async) {
    struct app *app = async->data;
    app_uplink_mail(app);
    app_take_bus_box(app);
}

static void wake(void *context) {
    uv_async_send(context);
}

/* --- every second ----------------------------------------------------------------------------
 */

static void on_second(uv_timer_t *timer) {
    struct app *app = timer->data;
    app->seconds++;
    if (app->disk_is_full) {
        (void)commit(app);
        app_take_bus_box(app);
    }
    if (app->seconds % TEND_SECONDS == 0) {
        const enum gw_status status = store_tend(app->store);
        if (status != GW_OK && status != GW_ENOSPACE) {
            app_storage_failed(app, status);
            return;
        }
    }
    app_uplink_second(app);
    if (threads_are_alive(app)) {
        notify("WATCHDOG=1");
    }
}

static void on_signal(uv_signal_t *handle, int number) {
    struct app *app = handle->data;
    if (number == SIGHUP) {
        app_reload(app);
        return;
    }
    log_info("stopping", "signal=%d", number);
    app_stop(app, GW_EXIT_OK);
}

/* --- starting --------------------------------------------------------------------------------
 */

static enum gw_status open_store(struct app *app) {
    char error[STORE_ERROR_MAX] = "";
    const enum gw_status status =
        store_open(&app->settings->store, app->clock, &app->store, error);
    if (status != GW_OK) {
        log_error("store cannot be opened", "status=\"%s\" error=\"%s\"",
                  gw_status_text(status), error);
        return status;
    }
    return GW_OK;
}

static enum gw_status make_room(struct app *app) {
    const enum gw_status status = mailbox_new(BUS_BOX_BYTES, wake, &app->mail, &app->bus_box);
    return status == GW_OK ? mailbox_new(EVENT_BOX_BYTES, wake, &app->mail, &app->event_box)
                           : status;
}

static void name_sender(struct app *app) {
    struct wire_sender *sender = &app->sender;
    (void)snprintf(sender->operator_id, sizeof sender->operator_id, "%s",
                   app->settings->operator_id);
    (void)snprintf(sender->site, sizeof sender->site, "%s", app->settings->site_id);
    (void)snprintf(sender->gateway, sizeof sender->gateway, "%s", app->settings->gateway_id);
    sender->epoch = store_epoch(app->store);
    sender->has_boot_id = true;
    if (getrandom(sender->boot_id, sizeof sender->boot_id, 0) < 0) {
        memset(sender->boot_id, 0, sizeof sender->boot_id);
    }
}

static void start_loop(struct app *app) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    uv_loop_init(&app->loop);
    uv_async_init(&app->loop, &app->mail, on_mail);
    uv_timer_init(&app->loop, &app->commit_timer);
    uv_timer_init(&app->loop, &app->second_timer);
    uv_timer_init(&app->loop, &app->pump_timer);
    app->mail.data = app->commit_timer.data = app->second_timer.data = app;
    app->pump_timer.data = app;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uv_signal_init(&app->loop, &app->signals[i]);
        app->signals[i].data = app;
        uv_signal_start(&app->signals[i], on_signal, numbers[i]);
    }
    uv_timer_start(&app->second_timer, on_second, 1000, 1000);
}

static enum gw_status start_buses(struct app *app) {
    const struct site *site = &app->settings->site;
    enum gw_status status = GW_OK;
    for (uint32_t i = 0; status == GW_OK && i < site->bus_count; i++) {
        status = app_bus_open(app, app->settings, &site->buses[i]);
    }
    return status;
}

static enum gw_status open_door(struct app *app) {
    char error[200] = "";
    if (!*app->settings->socket) {
        return GW_OK;
    }
    const enum gw_status status = local_open(&app->loop, app->settings->socket,
                                             app_status_answer, app, &app->local, error);
    if (status != GW_OK) {
        log_error("local socket cannot be opened", "error=\"%s\"", error);
    }
    return status;
}

/* In this order; stop undoes it in reverse. The ports before the uplink: libmodbus wants low
 * descriptors, and nothing is sent before there is something to say. */
static enum gw_status start(struct app *app) {
    enum gw_status status = make_room(app);
    start_loop(app);
    if (status == GW_OK) {
        status = open_store(app);
    }
    if (status == GW_OK) {
        name_sender(app);
        status = open_door(app);
    }
    if (status == GW_OK) {
        status = start_buses(app);
    }
    return status == GW_OK ? app_uplink_start(app) : status;
}

static void stop(struct app *app) {
    const int64_t until_us = clock_mono_us(app->clock) + (int64_t)STOP_MS * 1000;
    bool all_ended = true;
    for (struct app_bus *bus = NULL; (bus = app_bus_next(app, bus));) {
        poller_ask_stop(bus->poller);
    }
    if (app->bus_box) {
        mailbox_close(app->bus_box);
    }
    for (struct app_bus *bus = NULL; (bus = app_bus_next(app, bus));) {
        all_ended &= poller_join(bus->poller, until_us);
    }
    if (!all_ended) {
        log_warn("a bus thread did not end in time", "%s", "");
    }
    if (app->exit_code == GW_EXIT_OK && app->store) {
        app_take_bus_box(app);
        (void)commit(app);
    }
    app_uplink_stop(app);
    if (app->local) {
        local_close(app->local);
    }
    store_close(app->store);
}

int app_run(const char *config_path, struct settings *settings, struct clock *clock) {
    struct app *app = calloc(1, sizeof *app);
    if (!app) {
        return GW_EXIT_FAILED;
    }
    app->settings = settings;
    app->config_path = config_path;
    app->clock = clock;
    app->started_ms = clock_mono_ms(clock);
    const enum gw_status status = start(app);
    if (status == GW_OK) {
        log_info("running", "gateway=%s epoch=%llu head=%llu acked=%llu buses=%zu meters=%zu",
                 settings->gateway_id, (unsigned long long)store_epoch(app->store),
                 (unsigned long long)store_head(app->store),
                 (unsigned long long)store_acked(app->store), settings->site.bus_count,
                 settings->site.meter_count);
        notify("READY=1");
        uv_run(&app->loop, UV_RUN_DEFAULT);
    } else {
        app->exit_code = (int)gw_status_exit(status);
    }
    notify("STOPPING=1");
    stop(app);
    log_info("stopped", "exit=%d", app->exit_code);
    return app->exit_code;
}
