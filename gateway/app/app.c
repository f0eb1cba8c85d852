/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/app/app.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <uv.h>
#ifdef METERGATE_SYSTEMD
#include <systemd/sd-daemon.h>
#endif

#include "gateway/base/log.h"
#include "gateway/hub/hub.h"
#include "gateway/local/local.h"

enum { WATCHDOG_MS = 1000 };

struct app {
    struct clock *clock;
    struct hub *hub;
    uv_loop_t loop;
    uv_async_t mail;
    uv_timer_t due;
    uv_timer_t watchdog;
    uv_signal_t signals[3];
    struct local *local;
};

static void notify(const char *state) {
#ifdef METERGATE_SYSTEMD
    (void)sd_notify(0, state);
#else
    (void)state;
#endif
}

/* --- on the loop ------------------------------------------------------------------------- */

static void on_due(uv_timer_t *timer);

/* libuv counts whole milliseconds: rounded up, so that nothing is looked at before its time. */
static void work(struct app *app) {
    int exit_code;
    const int64_t due_us = hub_work(app->hub);
    if (hub_has_ended(app->hub, &exit_code)) {
        uv_stop(&app->loop);
        return;
    }
    const int64_t wait_us = due_us - clock_mono_us(app->clock);
    uv_update_time(&app->loop);
    uv_timer_start(&app->due, on_due, wait_us > 0 ? (uint64_t)(wait_us + 999) / 1000 : 0, 0);
}

static void on_due(uv_timer_t *timer) {
    work(timer->data);
}

static void on_mail(uv_async_t *async) {
    work(async->data);
}

static void wake(void *context) {
    uv_async_send(context);
}

static void on_watchdog(uv_timer_t *timer) {
    struct app *app = timer->data;
    if (hub_is_alive(app->hub)) {
        notify("WATCHDOG=1");
    }
}

static void on_signal(uv_signal_t *handle, int number) {
    struct app *app = handle->data;
    if (number == SIGHUP) {
        hub_reload(app->hub);
        work(app);
        return;
    }
    log_info("stopping", "signal=%d", number);
    uv_stop(&app->loop);
}

/* --- starting and ending ----------------------------------------------------------------- */

static void prepare_loop(struct app *app) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    uv_loop_init(&app->loop);
    uv_async_init(&app->loop, &app->mail, on_mail);
    uv_timer_init(&app->loop, &app->due);
    uv_timer_init(&app->loop, &app->watchdog);
    app->mail.data = app->due.data = app->watchdog.data = app;
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        uv_signal_init(&app->loop, &app->signals[i]);
        app->signals[i].data = app;
        uv_signal_start(&app->signals[i], on_signal, numbers[i]);
    }
}

static enum gw_status open_door(struct app *app) {
    char error[200] = "";
    const char *path = hub_settings(app->hub)->socket;
    if (!*path) {
        return GW_OK;
    }
    const enum gw_status status =
        local_open(&app->loop, path, hub_answer, app->hub, &app->local, error);
    if (status != GW_OK) {
        log_error("local socket cannot be opened", "error=\"%s\"", error);
    }
    return status;
}

static int run(struct app *app) {
    int exit_code = GW_EXIT_OK;
    const enum gw_status status = open_door(app);
    if (status == GW_OK) {
        notify("READY=1");
        uv_timer_start(&app->watchdog, on_watchdog, WATCHDOG_MS, WATCHDOG_MS);
        work(app);
        uv_run(&app->loop, UV_RUN_DEFAULT);
        (void)hub_has_ended(app->hub, &exit_code);
    } else {
        exit_code = (int)gw_status_exit(status);
    }
    notify("STOPPING=1");
    hub_close(app->hub);
    if (app->local) {
        local_close(app->local);
    }
    return exit_code;
}

int app_run(const char *config_path, struct settings *settings, struct clock *clock) {
    struct app *app = calloc(1, sizeof *app);
    if (!app) {
        return GW_EXIT_FAILED;
    }
    app->clock = clock;
    prepare_loop(app);
    struct hub_config config = {.path = config_path,
                                .settings = settings,
                                .clock = clock,
                                .wake = wake,
                                .context = &app->mail};
    if (getrandom(config.boot_id, sizeof config.boot_id, 0) < 0) {
        log_warn("this start has no random number of its own", "%s", "");
    }
    const enum gw_status status = hub_open(&config, &app->hub);
    const int exit_code = status == GW_OK ? run(app) : (int)gw_status_exit(status);
    log_info("stopped", "exit=%d", exit_code);
    return exit_code;
}
