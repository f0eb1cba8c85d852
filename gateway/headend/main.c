/* SPDX-License-Identifier: Apache-2.0 */
/*
 * metergate-headend: arguments, signals and the loop. What is done with a message stands in
 * headend.c; here it comes in from MQTT and its answers go out.
 */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "bridges/base/clock.h"
#include "bridges/base/fault.h"
#include "gateway/base/log.h"
#include "gateway/base/mailbox.h"
#include "gateway/base/status.h"
#include "gateway/headend/headend.h"
#include "gateway/headend/settings.h"
#include "gateway/headend/store/store.h"
#include "gateway/sync/mqtt.h"
#include "gateway/sync/seal.h"

enum {
    EVENTS_BYTES = 16 * 1024 * 1024,
    EVENTS_A_TURN = 256,    /* then signals and timers have their turn */
    ANSWERS_IN_FLIGHT = 64, /* more would pile up inside Paho */
    FLIGHT_MAX_MS = 60000,  /* an answer that takes longer is not going to arrive */
    LOOK_EVERY_MS = 1000,
    GOODBYE_MS = 3000,
    SEAL_ERROR_MAX = 200
};

struct outbox {
    uint64_t token; /* of the newest answer handed over */
    size_t in_flight;
    uint32_t session;    /* the connection they went out on */
    int64_t moved_at_ms; /* the last time it was empty or something of it arrived */
};

struct app {
    struct headend_settings settings;
    struct clock clock;
    struct mirror_config mirror_config;
    struct mirror *mirror;
    struct headend *headend;
    struct mailbox *events;
    struct mqtt *mqtt;
    struct outbox outbox;
    uint64_t dropped;   /* events that found no room, as last seen */
    int64_t look_at_ms; /* monotonic; the next look for what went wrong without an event */
    enum gw_status status;
    uv_loop_t loop;
    uv_async_t wake;
    uv_timer_t timer;
    uv_signal_t signals[3];
    _Alignas(8) uint8_t event[MQTT_EVENT_MAX];
};

/* --- answers ----------------------------------------------------------------------------- */

static enum gw_status publish(void *context, const char *topic, const uint8_t *payload,
                              size_t len) {
    struct app *app = context;
    struct outbox *outbox = &app->outbox;
    if (outbox->in_flight >= ANSWERS_IN_FLIGHT) {
        return GW_EFULL;
    }
    const enum gw_status status =
        mqtt_publish(app->mqtt, topic, false, outbox->token + 1, payload, len);
    if (status == GW_OK) {
        outbox->token++;
        outbox->moved_at_ms =
            outbox->in_flight > 0 ? outbox->moved_at_ms : clock_mono_ms(&app->clock);
        outbox->in_flight++;
    }
    return status;
}

static void answer_arrived(struct app *app, uint32_t session) {
    struct outbox *outbox = &app->outbox;
    if (session != outbox->session || outbox->in_flight == 0) {
        return; /* of an earlier connection */
    }
    outbox->in_flight--;
    outbox->moved_at_ms = clock_mono_ms(&app->clock);
    if (outbox->in_flight == ANSWERS_IN_FLIGHT / 2) {
        headend_room(app->headend);
    }
}

/* --- the loop ---------------------------------------------------------------------------- */

static void end_with(struct app *app, enum gw_status status) {
    app->status = status;
    uv_stop(&app->loop);
}

static enum gw_status take_event(struct app *app, const struct mqtt_event *event) {
    const char *topic = mqtt_event_topic(event);
    const uint8_t *payload = mqtt_event_payload(event);
    switch ((enum mqtt_event_kind)event->kind) {
    case MQTT_UP:
        log_info("broker is there", "broker=%s", app->settings.transport.broker);
        app->outbox.in_flight = 0;
        app->outbox.session = event->session;
        return headend_link_up(app->headend);
    case MQTT_DOWN:
        log_warn("broker is gone", "broker=%s", app->settings.transport.broker);
        app->outbox.in_flight = 0;
        return headend_link_down(app->headend);
    case MQTT_SENT:
        answer_arrived(app, event->session);
        return GW_OK;
    case MQTT_REFUSED:
        log_error("broker refused", "broker=%s why=\"%.*s\"", app->settings.transport.broker,
                  (int)event->payload_len, (const char *)payload);
        return GW_OK;
    case MQTT_MESSAGE:
        return headend_message(app->headend, topic, payload, event->payload_len);
    }
    return GW_OK;
}

/* What found no room may have been anything, also the news of the link or of answers that
 * arrived: what is on its way is not known any more, and all are told anew where to go on. */
static enum gw_status look_for_drops(struct app *app) {
    const uint64_t dropped = mqtt_dropped(app->mqtt);
    if (dropped == app->dropped) {
        return GW_OK;
    }
    log_warn("messages came too fast", "dropped=%llu", (unsigned long long)dropped);
    app->dropped = dropped;
    app->outbox.in_flight = 0;
    return headend_link_up(app->headend);
}

static void look_for_stuck_answers(struct app *app, int64_t now_ms) {
    if (app->outbox.in_flight > 0 && now_ms - app->outbox.moved_at_ms >= FLIGHT_MAX_MS) {
        log_warn("answers do not arrive, connecting anew", "in_flight=%zu",
                 app->outbox.in_flight);
        app->outbox.in_flight = 0;
        mqtt_reconnect(app->mqtt);
    }
}

/* Also while messages never cease. */
static enum gw_status look_around(struct app *app) {
    const int64_t now_ms = clock_mono_ms(&app->clock);
    if (now_ms < app->look_at_ms) {
        return GW_OK;
    }
    app->look_at_ms = now_ms + LOOK_EVERY_MS;
    look_for_stuck_answers(app, now_ms);
    return look_for_drops(app);
}

static void on_timer(uv_timer_t *timer);

static void set_timer(struct app *app) {
    (void)uv_timer_start(&app->timer, on_timer, (uint64_t)headend_wait_ms(app->headend), 0);
}

static void on_timer(uv_timer_t *timer) {
    struct app *app = timer->data;
    enum gw_status status = headend_tick(app->headend);
    if (status == GW_OK) {
        status = look_around(app);
    }
    if (status != GW_OK) {
        end_with(app, status);
        return;
    }
    set_timer(app);
}

/* A turn of the loop. *is_empty: nothing more is waiting. */
static enum gw_status take_events(struct app *app, bool *is_empty) {
    size_t len = 0;
    enum gw_status status = GW_OK;
    *is_empty = false;
    for (int i = 0; status == GW_OK && !*is_empty && i < EVENTS_A_TURN; i++) {
        *is_empty = mailbox_take(app->events, app->event, sizeof app->event, &len) != GW_OK;
        status = *is_empty
                     ? GW_OK
                     : take_event(app, (const struct mqtt_event *)(const void *)app->event);
    }
    return status;
}

static void on_wake(uv_async_t *wake) {
    struct app *app = wake->data;
    bool is_empty;
    enum gw_status status = take_events(app, &is_empty);
    if (status == GW_OK) {
        status = look_around(app);
    }
    if (status != GW_OK) {
        end_with(app, status);
        return;
    }
    set_timer(app);
    if (!is_empty) {
        (void)uv_async_send(wake);
    }
}

static void on_signal(uv_signal_t *handle, int number) {
    struct app *app = handle->data;
    if (number == SIGUSR1) {
        headend_log_counters(app->headend);
        return;
    }
    log_info("stopping", "signal=%d", number);
    uv_stop(&app->loop);
}

/* On Paho's threads. */
static void wake_loop(void *context) {
    (void)uv_async_send(context);
}

static enum gw_status prepare_loop(struct app *app) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGUSR1};
    int failed = uv_loop_init(&app->loop);
    failed = failed ? failed : uv_async_init(&app->loop, &app->wake, on_wake);
    failed = failed ? failed : uv_timer_init(&app->loop, &app->timer);
    app->wake.data = app;
    app->timer.data = app;
    for (size_t i = 0; !failed && i < sizeof numbers / sizeof *numbers; i++) {
        failed = uv_signal_init(&app->loop, &app->signals[i]);
        app->signals[i].data = app;
        failed = failed ? failed : uv_signal_start(&app->signals[i], on_signal, numbers[i]);
    }
    return failed ? GW_ENOMEM : mailbox_new(EVENTS_BYTES, wake_loop, &app->wake, &app->events);
}

/* --- starting and ending ----------------------------------------------------------------- */

static enum gw_status load_key(const struct app *app, struct seal_secret *key) {
    char error[SEAL_ERROR_MAX] = "";
    enum gw_status status = seal_init();
    if (status == GW_OK) {
        status = seal_secret_load(app->settings.signing_key, key, error);
    }
    if (status == GW_OK && key->role != SEAL_SYNC) {
        (void)snprintf(error, sizeof error, "%.100s: its role is %s, not sync",
                       app->settings.signing_key, seal_role_name(key->role));
        seal_wipe(key);
        status = GW_ECONFIG;
    }
    if (status != GW_OK) {
        (void)fprintf(stderr, "%s\n", *error ? error : gw_status_text(status));
    }
    return status;
}

static enum gw_status open_headend(struct app *app) {
    struct headend_config config = {.commit_every_ms = app->settings.commit_every_ms,
                                    .clock = &app->clock,
                                    .publish = publish,
                                    .context = app};
    memcpy(config.operator_id, app->settings.operator_id, sizeof config.operator_id);
    enum gw_status status = load_key(app, &config.signing_key);
    if (status != GW_OK) {
        return status;
    }
    char error[MIRROR_ERROR_MAX];
    app->mirror_config = (struct mirror_config){.path = app->settings.store,
                                                .min_free_mib = app->settings.min_free_mib,
                                                .clock = &app->clock};
    status = mirror_open(&app->mirror_config, &app->mirror, error);
    if (status != GW_OK) {
        log_error("the store cannot be opened", "why=\"%s\" error=\"%s\"",
                  gw_status_text(status), error);
    } else {
        config.mirror = app->mirror;
        status = headend_new(&config, &app->headend);
    }
    seal_wipe(&config.signing_key);
    return status;
}

static enum gw_status start_mqtt(struct app *app) {
    struct mqtt_config config = {.transport = app->settings.transport,
                                 .subscription_count = 2,
                                 .clock = &app->clock,
                                 .events = app->events};
    (void)snprintf(config.client_id, sizeof config.client_id, "%s", app->settings.client_id);
    wire_topic(app->settings.operator_id, "+", "u/#", config.subscriptions[0]);
    wire_topic(app->settings.operator_id, "+", "s", config.subscriptions[1]);
    return mqtt_start(&config, &app->mqtt);
}

/* Paho is never destroyed: its threads end with the process. */
_Noreturn static void leave(enum gw_exit code) {
    (void)fflush(NULL);
    _exit((int)code);
}

_Noreturn static void end(struct app *app) {
    if (app->status == GW_OK) {
        app->status = headend_flush(app->headend);
    }
    if (app->status != GW_OK) { /* nothing more goes out, and the store is not touched */
        log_error("ending", "why=\"%s\"", gw_status_text(app->status));
        leave(gw_status_exit(app->status));
    }
    mqtt_stop(app->mqtt, GOODBYE_MS);
    headend_log_counters(app->headend);
    headend_free(app->headend);
    mirror_close(app->mirror);
    leave(GW_EXIT_OK);
}

_Noreturn static void run(struct app *app) {
    log_set_level((enum log_level)app->settings.log_level);
    (void)signal(SIGPIPE, SIG_IGN);
    clock_init(&app->clock);
    enum gw_status status = open_headend(app);
    if (status == GW_OK) {
        status = prepare_loop(app);
    }
    if (status == GW_OK) {
        status = start_mqtt(app);
    }
    if (status != GW_OK) {
        log_error("cannot start", "why=\"%s\"", gw_status_text(status));
        leave(gw_status_exit(status));
    }
    set_timer(app);
    (void)uv_run(&app->loop, UV_RUN_DEFAULT);
    end(app);
}

/* --- arguments --------------------------------------------------------------------------- */

static void print_help(void) {
    (void)printf("usage: metergate-headend --config FILE [--check-config]\n"
                 "       metergate-headend --version | --help\n\n"
                 "The reference cloud end: mirrors what gateways send and acknowledges it\n"
                 "after its own commit. SIGUSR1 logs counters.\n\n"
                 "Keys of the configuration file:\n");
    headend_settings_print_reference(stdout);
}

static enum gw_exit check_config(const struct app *app) {
    struct seal_secret key;
    const enum gw_status status = load_key(app, &key);
    seal_wipe(&key);
    return gw_status_exit(status);
}

static enum gw_exit start(const char *path, bool only_check) {
    struct app *app = calloc(1, sizeof *app);
    if (!app) {
        return GW_EXIT_FAILED;
    }
    struct fault_list faults;
    faults_init(&faults);
    const enum gw_status status = headend_settings_load(path, &faults, &app->settings);
    faults_print(&faults, stderr);
    faults_done(&faults);
    enum gw_exit code = gw_status_exit(status);
    if (status == GW_OK && !only_check) {
        run(app);
    }
    if (status == GW_OK) {
        code = check_config(app);
    }
    free(app);
    return code;
}

int main(int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"check-config", no_argument, NULL, 'k'},
                                            {"version", no_argument, NULL, 'v'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    const char *path = NULL;
    bool only_check = false;
    int option;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread yet */
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'c':
            path = optarg;
            break;
        case 'k':
            only_check = true;
            break;
        case 'v':
            (void)puts("metergate-headend " METERGATE_VERSION);
            return GW_EXIT_OK;
        case 'h':
            print_help();
            return GW_EXIT_OK;
        default:
            return GW_EXIT_USAGE;
        }
    }
    if (!path || optind != argc) {
        (void)fprintf(stderr, "metergate-headend: %s; see --help\n",
                      path ? "too many arguments" : "--config FILE is needed");
        return GW_EXIT_USAGE;
    }
    return (int)start(path, only_check);
}
