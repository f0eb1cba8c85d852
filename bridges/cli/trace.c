/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cli/trace.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bridges/dlt645/dlt645_explain.h"
#include "bridges/dlt645/dlt645_frame.h"

static struct trace *trace_of(struct line *line) {
    return (struct trace *)line;
}

static int64_t now_us(const struct trace *trace) {
    return clock_mono_us(trace->line.clock);
}

/* Which bytes are for no screen: [from, to), and the sum, which would tell of them. */
struct hidden {
    size_t from;
    size_t to;
    size_t sum;
};

/* A frame of DL/T 645 may hold a password. */
static struct hidden find_hidden(const uint8_t *buf, size_t len) {
    enum { HEAD_BYTES = DLT645_OVERHEAD - 2 };
    struct dlt645_frame frame;
    struct dlt645_explanation explained;
    if (dlt645_frame_decode(buf, len, &frame) != BRIDGE_OK) {
        return (struct hidden){0};
    }
    dlt645_explain(&frame, &explained);
    const size_t from = frame.preamble + HEAD_BYTES + explained.secret_at;
    return explained.secret_len == 0 ? (struct hidden){0}
                                     : (struct hidden){.from = from,
                                                       .to = from + explained.secret_len,
                                                       .sum = len - 2};
}

static void print(const struct trace *trace, int64_t at_us, char direction, const uint8_t *buf,
                  size_t len) {
    const int64_t us = at_us - trace->origin_us;
    const struct hidden hidden = find_hidden(buf, len);
    (void)fprintf(stderr, "%6" PRId64 ".%03" PRId64 " ms %c", us / 1000, us % 1000, direction);
    for (size_t i = 0; i < len; i++) {
        const bool is_hidden =
            (i >= hidden.from && i < hidden.to) || (hidden.to > 0 && i == hidden.sum);
        if (is_hidden) {
            (void)fputs(" **", stderr);
        } else {
            (void)fprintf(stderr, " %02x", buf[i]);
        }
    }
}

void trace_flush(struct trace *trace) {
    if (trace->heard_len > 0 && trace->is_verbose) {
        const int64_t us = trace->heard_us - trace->origin_us;
        print(trace, trace->heard_from_us, '<', trace->heard, trace->heard_len);
        (void)fprintf(stderr, " (until %" PRId64 ".%03" PRId64 " ms)\n", us / 1000, us % 1000);
    }
    trace->heard_len = 0;
}

static void hear(struct trace *trace, const uint8_t *buf, size_t len) {
    trace->heard_us = now_us(trace);
    for (size_t i = 0; i < len; i++) {
        if (trace->heard_len == sizeof trace->heard) {
            trace_flush(trace);
        }
        if (trace->heard_len == 0) {
            trace->heard_from_us = trace->heard_us;
        }
        trace->heard[trace->heard_len++] = buf[i];
    }
}

static enum bridge_status trace_set(struct line *line, const struct line_settings *settings) {
    struct line *inner = trace_of(line)->inner;
    return inner->ops->set(inner, settings);
}

static enum bridge_status trace_write(struct line *line, const uint8_t *buf, size_t len) {
    struct trace *trace = trace_of(line);
    trace_flush(trace);
    trace->sent_us = now_us(trace);
    if (trace->is_verbose) {
        print(trace, trace->sent_us, '>', buf, len);
        (void)fputc('\n', stderr);
    }
    return trace->inner->ops->write(trace->inner, buf, len);
}

static enum bridge_status trace_read(struct line *line, uint8_t *buf, size_t cap,
                                     int64_t deadline_us, size_t *got) {
    struct trace *trace = trace_of(line);
    const enum bridge_status status =
        trace->inner->ops->read(trace->inner, buf, cap, deadline_us, got);
    line->broken = trace->inner->broken;
    if (status == BRIDGE_OK) {
        hear(trace, buf, *got);
    }
    return status;
}

static void trace_sleep_until(struct line *line, int64_t until_us) {
    struct line *inner = trace_of(line)->inner;
    inner->ops->sleep_until(inner, until_us);
}

static void trace_close(struct line *line) {
    struct trace *trace = trace_of(line);
    trace_flush(trace);
    line_close(trace->inner);
    trace->inner = NULL;
}

void trace_init(struct trace *trace, struct line *inner, bool is_verbose) {
    static const struct line_ops ops = {.set = trace_set,
                                        .write = trace_write,
                                        .read = trace_read,
                                        .sleep_until = trace_sleep_until,
                                        .close = trace_close};
    *trace = (struct trace){.line = *inner, .inner = inner, .is_verbose = is_verbose};
    trace->line.ops = &ops;
    trace->origin_us = now_us(trace);
}
