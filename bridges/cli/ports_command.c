/* SPDX-License-Identifier: Apache-2.0 */
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bridges/cli/cli.h"
#include "bridges/cli/holder.h"
#include "bridges/cli/tell.h"
#include "bridges/ports.h"

enum { WORD_MAX = 64, SYSFS_MAX = 256, SLOW_LATENCY_MS = 2 };

/* What the system says of a port; empty and -1 = nothing. */
struct details {
    char by_id[PORT_TEXT_MAX];
    char driver[WORD_MAX];
    long latency_ms;
    bool is_held;
    struct holder holder;
};

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* The first number of a file in the port's folder of sysfs, -1 when there is none. */
static long number_in(const char *port, const char *file) {
    char path[SYSFS_MAX];
    char text[WORD_MAX];
    (void)snprintf(path, sizeof path, "/sys/class/tty/%.64s/%s", port, file);
    FILE *in = fopen(path, "re");
    if (!in) {
        return -1;
    }
    char *end = text;
    const long number = fgets(text, sizeof text, in) ? strtol(text, &end, 10) : -1;
    (void)fclose(in);
    return end > text ? number : -1;
}

static void find_driver(const char *port, char *driver) {
    char path[SYSFS_MAX];
    char target[PATH_MAX];
    (void)snprintf(path, sizeof path, "/sys/class/tty/%.64s/device/driver", port);
    const ssize_t n = readlink(path, target, sizeof target - 1);
    target[n > 0 ? n : 0] = '\0';
    (void)snprintf(driver, WORD_MAX, "%.63s", name_of(target));
}

/* The lasting name under /dev/serial/by-id that leads to this port. */
static void find_by_id(const char *port, char *by_id) {
    glob_t links = {0};
    char wanted[PATH_MAX];
    char target[PATH_MAX];
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    if (realpath(port, wanted) && glob("/dev/serial/by-id/*", 0, NULL, &links) == 0) {
        for (size_t i = 0; i < links.gl_pathc && !*by_id; i++) {
            if (realpath(links.gl_pathv[i], target) && strcmp(target, wanted) == 0) {
                (void)snprintf(by_id, PORT_TEXT_MAX, "%s", links.gl_pathv[i]);
            }
        }
    }
    globfree(&links);
}

static struct details details_of(const struct port_info *port) {
    struct details details = {0};
    find_by_id(port->path, details.by_id);
    find_driver(name_of(port->path), details.driver);
    details.latency_ms = number_in(name_of(port->path), "device/latency_timer");
    details.is_held = holder_find(port->path, &details.holder);
    return details;
}

/* A USB adapter as LINE names it: found again wherever it is plugged in. */
static bool line_of(const struct port_info *port, char *line, size_t cap) {
    if (port->usb_vid == 0 || !*port->serial) {
        return false;
    }
    (void)snprintf(line, cap, "usb:%04x:%04x:%s", (unsigned)port->usb_vid,
                   (unsigned)port->usb_pid, port->serial);
    return true;
}

static void set_text(json_t *object, const char *key, const char *text) {
    if (*text) {
        json_t *value = json_string(text); /* NULL when a device's text is no UTF-8 */
        (void)json_object_set_new(object, key, value ? value : json_string("?"));
    }
}

static void print_json(const struct port_info *port, const struct details *details) {
    char line[2 * PORT_TEXT_MAX];
    json_t *object = json_object();
    set_text(object, "path", port->path);
    set_text(object, "description", port->description);
    if (port->usb_vid) {
        (void)snprintf(line, sizeof line, "%04x:%04x", (unsigned)port->usb_vid,
                       (unsigned)port->usb_pid);
        set_text(object, "usb", line);
    }
    set_text(object, "serial", port->serial);
    if (line_of(port, line, sizeof line)) {
        set_text(object, "line", line);
    }
    set_text(object, "by_id", details->by_id);
    set_text(object, "driver", details->driver);
    if (details->latency_ms >= 0) {
        (void)json_object_set_new(object, "latency_timer_ms",
                                  json_integer(details->latency_ms));
    }
    if (details->is_held) {
        (void)json_object_set_new(object, "held_by",
                                  json_pack("{sssI}", "name", details->holder.name, "pid",
                                            (json_int_t)details->holder.pid));
    }
    tell_json(object);
}

static void print_text(const struct port_info *port, const struct details *details) {
    char line[2 * PORT_TEXT_MAX];
    (void)printf("%s%s%s", port->path, *port->description ? "  " : "", port->description);
    if (line_of(port, line, sizeof line)) {
        (void)printf("  %s", line);
    }
    if (*details->by_id) {
        (void)printf("  %s", details->by_id);
    }
    if (*details->driver) {
        (void)printf("  driver %s", details->driver);
    }
    if (details->latency_ms >= 0) {
        (void)printf("  latency timer %ld ms%s", details->latency_ms,
                     details->latency_ms >= SLOW_LATENCY_MS ? " (1 is better)" : "");
    }
    if (details->is_held) {
        (void)printf("  held by %s (pid %ld)", details->holder.name, details->holder.pid);
    }
    (void)putchar('\n');
}

static bool is_listed(const struct port_info *ports, size_t count, const char *path) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(ports[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* Built-in ports that libserialport does not list; those without a chip (type 0) stay out. */
static size_t add_built_in(struct port_info *ports, size_t count) {
    glob_t nodes = {0};
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    if (glob("/dev/ttyS*", 0, NULL, &nodes) == 0) {
        for (size_t i = 0; i < nodes.gl_pathc && count < PORTS_MAX; i++) {
            const char *path = nodes.gl_pathv[i];
            if (!is_listed(ports, count, path) && number_in(name_of(path), "type") != 0) {
                ports[count] = (struct port_info){0};
                (void)snprintf(ports[count++].path, PORT_TEXT_MAX, "%s", path);
            }
        }
    }
    globfree(&nodes);
    return count;
}

enum cli_exit cli_ports(const struct cli_options *options, int count, char **arguments) {
    struct port_info ports[PORTS_MAX];
    size_t found = 0;
    (void)count;
    (void)arguments;
    if (ports_list(ports, PORTS_MAX, &found) != BRIDGE_OK) {
        found = 0; /* a machine without sysfs: /dev may still tell */
    }
    found = add_built_in(ports, found);
    for (size_t i = 0; i < found; i++) {
        const struct details details = details_of(&ports[i]);
        if (options->json) {
            print_json(&ports[i], &details);
        } else {
            print_text(&ports[i], &details);
        }
    }
    if (found == 0 && !options->json) {
        (void)puts("no serial ports");
    }
    return CLI_OK;
}
