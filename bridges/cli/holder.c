/* SPDX-License-Identifier: Apache-2.0 */
#include "bridges/cli/holder.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

enum { PROC_PATH_MAX = 64, LOCK_LINE_MAX = 256 };

/* What a program is called. */
static void name_of(long pid, char *name) {
    char path[PROC_PATH_MAX];
    (void)snprintf(path, sizeof path, "/proc/%ld/comm", pid);
    (void)snprintf(name, HOLDER_NAME_MAX, "another program");
    FILE *in = fopen(path, "re");
    if (!in) {
        return;
    }
    char line[HOLDER_NAME_MAX];
    if (fgets(line, sizeof line, in)) {
        line[strcspn(line, "\n")] = '\0';
        for (char *at = line; *at; at++) {
            *at = *at < ' ' || *at > '~' ? '?' : *at; /* a name may not steer a terminal */
        }
        memcpy(name, line, sizeof line);
    }
    (void)fclose(in);
}

/* "1: FLOCK  ADVISORY  WRITE 123 00:18:5 0 EOF" -> 123 when it is about this file, else 0. */
static long locker_in(char *line, const struct stat *port) {
    char where[PROC_PATH_MAX];
    (void)snprintf(where, sizeof where, "%02x:%02x:%lu", major(port->st_dev),
                   minor(port->st_dev), (unsigned long)port->st_ino);
    enum { AT_PID = 4, AT_WHERE = 5 };
    long pid = 0;
    char *rest = NULL;
    size_t i = 0;
    for (char *word = strtok_r(line, " \n", &rest); word; word = strtok_r(NULL, " \n", &rest)) {
        if (i == 1 && strcmp(word, "->") == 0) {
            return 0; /* waits for the lock */
        }
        if (i == AT_PID) {
            pid = strtol(word, NULL, 10);
        }
        if (i == AT_WHERE) {
            return strcmp(word, where) == 0 && pid > 0 ? pid : 0;
        }
        i++;
    }
    return 0;
}

static long find_locker(const struct stat *port) {
    FILE *in = fopen("/proc/locks", "re");
    long pid = 0;
    char line[LOCK_LINE_MAX];
    while (in && pid == 0 && fgets(line, sizeof line, in)) {
        pid = locker_in(line, port);
    }
    if (in) {
        (void)fclose(in);
    }
    return pid;
}

/* A device is the same wherever its node stands; a pty is one of its own file system. */
static bool is_same(const struct stat *a, const struct stat *b) {
    return S_ISCHR(a->st_mode) && a->st_rdev == b->st_rdev &&
           (a->st_dev == b->st_dev || (major(a->st_rdev) < 136 || major(a->st_rdev) > 143));
}

static bool has_open(long pid, const struct stat *port) {
    char path[PROC_PATH_MAX];
    (void)snprintf(path, sizeof path, "/proc/%ld/fd", pid);
    DIR *fds = opendir(path);
    if (!fds) {
        return false;
    }
    bool found = false;
    const struct dirent *entry;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
    while (!found && (entry = readdir(fds))) {
        struct stat info;
        found = entry->d_name[0] != '.' && fstatat(dirfd(fds), entry->d_name, &info, 0) == 0 &&
                is_same(&info, port);
    }
    (void)closedir(fds);
    return found;
}

static long find_opener(const struct stat *port) {
    DIR *processes = opendir("/proc");
    if (!processes) {
        return 0;
    }
    long found = 0;
    const struct dirent *entry;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): the stream is ours alone */
    while (found == 0 && (entry = readdir(processes))) {
        char *end = NULL;
        const long pid = strtol(entry->d_name, &end, 10);
        if (pid > 0 && *end == '\0' && pid != getpid() && has_open(pid, port)) {
            found = pid;
        }
    }
    (void)closedir(processes);
    return found;
}

bool holder_find(const char *path, struct holder *out) {
    struct stat port;
    if (stat(path, &port) != 0 || !S_ISCHR(port.st_mode)) {
        return false;
    }
    const long locker = find_locker(&port);
    out->pid = locker ? locker : find_opener(&port);
    if (out->pid == 0) {
        return false;
    }
    name_of(out->pid, out->name);
    return true;
}
