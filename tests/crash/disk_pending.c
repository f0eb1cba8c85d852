/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tests/crash/dice.h"
#include "tests/crash/disk_inside.h"

/* --- one operation ----------------------------------------------------------------------- */

void disk_resize(uint8_t *content, size_t *size, size_t new_size) {
    if (new_size < *size) {
        memset(content + new_size, 0, *size - new_size);
    }
    *size = new_size;
}

/* Bytes [from, to) of a write become durable. */
static void settle_bytes(struct disk *disk, const struct disk_pending_op *write, size_t from,
                         size_t to) {
    struct disk_inode *file = &disk->files[write->file];
    const size_t through = write->offset + to;
    memcpy(disk->durable[write->file] + write->offset + from, disk->log + write->log_at + from,
           to - from);
    file->durable_size = through > file->durable_size ? through : file->durable_size;
}

static void settle(struct disk *disk, const struct disk_pending_op *op) {
    struct disk_inode *file = &disk->files[op->file];
    switch (op->kind) {
    case PENDING_WRITE:
        settle_bytes(disk, op, 0, op->len);
        break;
    case PENDING_TRUNCATE:
        disk_resize(disk->durable[op->file], &file->durable_size, op->offset);
        break;
    case PENDING_LINK:
        disk->names[op->name].durable = op->file;
        break;
    case PENDING_UNLINK:
        disk->names[op->name].durable = DISK_NONE;
        break;
    }
}

static bool is_of_names(const struct disk_pending_op *op) {
    return op->kind == PENDING_LINK || op->kind == PENDING_UNLINK;
}

/* --- the list ---------------------------------------------------------------------------- */

/* Which operations are meant. */
struct which {
    int file;               /* contents of this one */
    unsigned name_machines; /* names of these machines */
    unsigned machines;      /* all of these machines */
};

static bool is_meant(const struct which *which, const struct disk_pending_op *op) {
    if (op->machine & which->machines) {
        return true;
    }
    return is_of_names(op) ? (op->machine & which->name_machines) != 0
                           : op->file == which->file;
}

typedef void take_pending(struct disk *disk, const struct disk_pending_op *op, void *context);

/* Takes operations off the list and shows them to take (NULL: nobody). */
static void drain(struct disk *disk, const struct which *which, take_pending *take,
                  void *context) {
    size_t kept = 0;
    for (size_t i = 0; i < disk->pending_count; i++) {
        if (!is_meant(which, &disk->pending[i])) {
            disk->pending[kept++] = disk->pending[i];
        } else if (take) {
            take(disk, &disk->pending[i], context);
        }
    }
    disk->pending_count = kept;
    disk->log_used = kept == 0 ? 0 : disk->log_used;
}

static void take_whole(struct disk *disk, const struct disk_pending_op *op, void *context) {
    (void)context;
    settle(disk, op);
}

/* A kernel writes back when it likes; here when it must. */
static void make_room(struct disk *disk, size_t bytes) {
    const struct which all = {.file = DISK_NONE, .machines = DISK_BOTH};
    if (disk->pending_count == DISK_PENDING_MAX || disk->log_used + bytes > DISK_LOG_BYTES) {
        drain(disk, &all, take_whole, NULL);
    }
}

void pending_add(struct disk *disk, const struct disk_pending_op *op, const void *bytes) {
    make_room(disk, op->len);
    struct disk_pending_op *last = &disk->pending[disk->pending_count++];
    *last = *op;
    if (op->len > 0) {
        last->log_at = disk->log_used;
        memcpy(disk->log + disk->log_used, bytes, op->len);
        disk->log_used += op->len;
    }
}

void pending_settle_file(struct disk *disk, int file) {
    const struct which of_file = {.file = file};
    drain(disk, &of_file, take_whole, NULL);
}

void pending_settle_names(struct disk *disk, unsigned machine) {
    const struct which names = {.file = DISK_NONE, .name_machines = machine};
    drain(disk, &names, take_whole, NULL);
    disk_sweep(disk);
}

void pending_drop_file(struct disk *disk, int file) {
    const struct which of_file = {.file = file};
    drain(disk, &of_file, NULL, NULL);
}

size_t disk_pending(const struct disk *disk, unsigned machines) {
    size_t sum = 0;
    for (size_t i = 0; i < disk->pending_count; i++) {
        sum += (disk->pending[i].machine & machines) != 0;
    }
    return sum;
}

/* Is there a name for this file, now or after some power cut? */
static bool is_reachable(const struct disk *disk, int file) {
    for (int i = 0; i < DISK_NAMES; i++) {
        if (disk->names[i].file == file || disk->names[i].durable == file) {
            return true;
        }
    }
    for (size_t i = 0; i < disk->pending_count; i++) {
        if (is_of_names(&disk->pending[i]) && disk->pending[i].file == file) {
            return true;
        }
    }
    return false;
}

void disk_sweep(struct disk *disk) {
    for (int i = 0; i < DISK_FILES; i++) {
        struct disk_inode *file = &disk->files[i];
        if (file->machine && file->open_count == 0 && !is_reachable(disk, i)) {
            pending_drop_file(disk, i);
            memset(disk->content[i], 0, file->touched);
            memset(disk->durable[i], 0, file->touched);
            *file = (struct disk_inode){0};
        }
    }
}

/* --- power ------------------------------------------------------------------------------- */

/* What of the pending operations survives. */
enum survival {
    NOTHING,
    EVERYTHING,
    PREFIX,     /* the first, and one more that is torn */
    OPERATIONS, /* any of them, out of order */
    SECTORS,    /* any of their sectors */
    SURVIVALS
};

struct cut {
    struct dice dice;
    enum survival survival;
    uint64_t odds; /* one in so many is lost */
    uint64_t left; /* of PREFIX */
    bool is_over;
};

/* Torn at the sectors of the disk, wherever the write began. */
static void tear(struct disk *disk, const struct disk_pending_op *op, struct cut *cut) {
    size_t from = 0;
    while (from < op->len) {
        const size_t to_sector_end = DISK_SECTOR - (op->offset + from) % DISK_SECTOR;
        const size_t left = op->len - from;
        const size_t to = from + (to_sector_end < left ? to_sector_end : left);
        if (!dice_once_in(&cut->dice, cut->odds)) {
            settle_bytes(disk, op, from, to);
        }
        from = to;
    }
}

static void take_prefix(struct disk *disk, const struct disk_pending_op *op, struct cut *cut) {
    if (cut->left > 0) {
        cut->left--;
        settle(disk, op);
    } else if (!cut->is_over) {
        cut->is_over = true;
        tear(disk, op, cut);
    }
}

static void take_by_chance(struct disk *disk, const struct disk_pending_op *op, void *context) {
    struct cut *cut = context;
    if (cut->survival == PREFIX) {
        take_prefix(disk, op, cut);
    } else if (cut->survival == SECTORS && op->kind == PENDING_WRITE) {
        tear(disk, op, cut);
    } else if (cut->survival == EVERYTHING ||
               (cut->survival != NOTHING && !dice_once_in(&cut->dice, cut->odds))) {
        settle(disk, op);
    }
}

/* What is read from now on is what is durable. */
static void forget_cache(struct disk *disk, unsigned machines) {
    for (int i = 0; i < DISK_NAMES; i++) {
        if (disk->names[i].machine & machines) {
            disk->names[i].file = disk->names[i].durable;
        }
    }
    for (int i = 0; i < DISK_FILES; i++) {
        struct disk_inode *file = &disk->files[i];
        if (file->machine & machines) {
            memcpy(disk->content[i], disk->durable[i], file->touched);
            file->size = file->durable_size;
        }
    }
}

void disk_power_up(struct disk *disk, unsigned machines, uint64_t seed) {
    struct cut cut = {.dice = dice_for(seed, machines)};
    cut.survival = (enum survival)dice_roll(&cut.dice, SURVIVALS);
    cut.odds = 2 + dice_roll(&cut.dice, 6);
    cut.left = dice_roll(&cut.dice, disk_pending(disk, machines) + 1);
    const struct which lost = {.file = DISK_NONE, .machines = machines};
    drain(disk, &lost, take_by_chance, &cut);
    forget_cache(disk, machines);
    disk_reap(disk);
}

void disk_reap(struct disk *disk) {
    for (int i = 0; i < DISK_FILES; i++) {
        disk->files[i].open_count = 0;
    }
    disk_sweep(disk);
}
