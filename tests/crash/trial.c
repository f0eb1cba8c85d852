/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/trial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/crash/disk_vfs.h"

enum {
    HUNG_MS = 60000, /* without a word: no run takes a second */
    PIPE_BYTES = 65536,
    PATH_BYTES = 128,
    LINE_BYTES = 256
};

extern char **environ;

/* LeakSanitizer's, where there is one */
int __lsan_do_recoverable_leak_check(void) /* NOLINT(readability-identifier-naming) */
    __attribute__((weak));

/* --- life -------------------------------------------------------------------------------- */

static void *share(size_t size) {
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return memory == MAP_FAILED ? NULL : memory;
}

static void path_in(const struct trial *trial, const char *name, char path[PATH_BYTES]) {
    (void)snprintf(path, PATH_BYTES, "%s/%s", trial->folder, name);
}

static bool make_folder(struct trial *trial) {
    char image[PATH_BYTES];
    const char *fast = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(trial->folder, sizeof trial->folder, "%s/metergate-crash-XXXXXX", fast);
    const bool is_made = mkdtemp(trial->folder) != NULL;
    path_in(trial, "image", image);
    return is_made && mkdir(image, 0700) == 0;
}

bool trial_init(struct trial *trial, const struct flow *flow, const char *oracle) {
    *trial = (struct trial){.flow = flow, .oracle = oracle, .label = ""};
    trial->disk = disk_new();
    trial->memory = share(FLOW_MEMORY_BYTES);
    trial->alloc = share(sizeof *trial->alloc);
    if (!trial->disk || !trial->memory || !trial->alloc || !make_folder(trial)) {
        (void)fprintf(stderr, "crash: no room for a trial: %s\n", strerrordesc_np(errno));
        return false;
    }
    char path[PATH_BYTES];
    path_in(trial, "witness", path);
    trial->witness = fopen(path, "we");
    return trial->witness != NULL;
}

static void empty_folder(const char *folder) {
    DIR *dir = opendir(folder);
    const struct dirent *entry;
    /* NOLINTNEXTLINE(concurrency-mt-unsafe): there is one thread */
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] != '.') {
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
        }
    }
    if (dir) {
        (void)closedir(dir);
    }
}

static void remove_folder(const struct trial *trial) {
    char image[PATH_BYTES];
    path_in(trial, "image", image);
    empty_folder(image);
    (void)rmdir(image);
    empty_folder(trial->folder);
    (void)rmdir(trial->folder);
}

void trial_done(struct trial *trial) {
    if (trial->witness) {
        (void)fclose(trial->witness);
    }
    if (trial->folder[0]) {
        remove_folder(trial);
    }
    disk_free(trial->disk);
}

void trial_begin(struct trial *trial, const struct flow_chain *chain) {
    trial->chain = *chain;
    trial->told_head = 0;
    trial->now_ms = 0;
    disk_clear(trial->disk);
    memset(trial->memory, 0, FLOW_MEMORY_BYTES);
    memset(trial->told, 0, sizeof trial->told);
    rewind(trial->witness);
    if (ftruncate(fileno(trial->witness), 0) != 0) {
        trial_violated(trial, "the witness cannot forget: %s", strerrordesc_np(errno));
    }
}

/* --- violations -------------------------------------------------------------------------- */

void trial_violated(struct trial *trial, const char *format, ...) {
    trial->tally.violations++;
    if (trial->is_quiet) {
        return;
    }
    char text[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    printf("VIOLATION %s\n    repeat: %s\n", text, trial->label);
    (void)fflush(stdout);
}

static bool begins_with_any(const char *text, const char *const *words) {
    while (*words && strncmp(text, *words, strlen(*words)) != 0) {
        words++;
    }
    return *words != NULL;
}

/* A line of the oracle. */
static void take_verdict(struct trial *trial, const char *line) {
    static const char *const lost[] = {
        "lost",        "beginning lost", "head went back", "everything is",
        "mirror lost", "mirror is gone", "not contiguous", NULL};
    static const char *const twice[] = {"stored twice", "number used twice", "reading numbered",
                                        "mirror stored twice", NULL};
    trial->tally.lost += begins_with_any(line, lost);
    trial->tally.twice += begins_with_any(line, twice);
    trial_violated(trial, "%s", line);
}

static void show_log(const struct trial *trial) {
    char path[PATH_BYTES];
    path_in(trial, "log", path);
    FILE *log = trial->is_quiet ? NULL : fopen(path, "re");
    char line[LINE_BYTES];
    for (int i = 0; log && i < 40 && fgets(line, sizeof line, log); i++) {
        printf("    | %s", line);
    }
    if (log) {
        (void)fclose(log);
    }
}

/* --- a run ------------------------------------------------------------------------------- */

static void live(struct trial *trial, const struct run_plan *plan, int fd) {
    char log[PATH_BYTES];
    path_in(trial, "log", log);
    const int log_fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    (void)dup2(log_fd, STDERR_FILENO);
    (void)signal(SIGINT, SIG_IGN); /* the runner ends it all */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    const struct witness witness = {.fd = fd};
    const struct flow_run run = {.chain = &trial->chain,
                                 .folder = trial->folder,
                                 .seed = plan->seed,
                                 .cycles = plan->cycles,
                                 .is_left = plan->is_left,
                                 .witness = &witness,
                                 .memory = trial->memory};
    if (disk_mount(trial->disk, plan->seed) != 0) {
        _exit(1);
    }
    alloc_arm(trial->alloc);
    const int code = trial->flow->run(&run);
    alloc_arm(NULL);
    const bool leaks = trial->checks_leaks && !plan->is_left &&
                       __lsan_do_recoverable_leak_check &&
                       __lsan_do_recoverable_leak_check() != 0;
    if (leaks) {
        witness_broken(&witness, "memory was left behind");
    }
    _exit(code);
}

static uint64_t hash_of(const char *text) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    for (; *text; text++) {
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* A line for the witness, unless it is word for word what it was told last of this number:
 * whatever is sent is told again, and the oracle reads every word. */
static void note_line(struct trial *trial, const char *line) {
    const uint64_t seq = strtoull(line, NULL, 10); /* 0: another kind of line */
    const uint64_t hash = hash_of(line);
    uint64_t *told = seq < TOLD_MAX ? &trial->told[seq] : NULL;
    if (told && *told == hash) {
        return;
    }
    if (told) {
        *told = hash;
    }
    trial->tally.readings += seq > trial->told_head ? seq - trial->told_head : 0;
    trial->told_head = seq > trial->told_head ? seq : trial->told_head;
    (void)fprintf(trial->witness, "%s\n", line);
}

/* The store is open: "took_us head acked". */
static void note_start(struct trial *trial, const char *numbers, struct ending *ending) {
    char *rest;
    const int64_t took_us = strtoll(numbers, &rest, 10);
    const uint64_t head = strtoull(rest, NULL, 10);
    int64_t *slowest = &trial->tally.slowest_start_us;
    *slowest = took_us > *slowest ? took_us : *slowest;
    if (head < trial->told_head) {
        take_verdict(trial, "head went back: at the start");
        ending->is_broken = true;
    }
}

/* A line of the run: for the witness, or for us. */
static void take_line(struct trial *trial, const char *line, struct ending *ending) {
    if (line[0] != '!') {
        note_line(trial, line);
    } else if (strncmp(line, "!now ", 5) == 0) {
        trial->now_ms = strtoll(line + 5, NULL, 10);
    } else if (strncmp(line, "!started ", 9) == 0) {
        note_start(trial, line + 9, ending);
    } else {
        trial_violated(trial, "%s", line + 1);
        ending->is_broken = true;
    }
}

/* Takes the lines that are whole; the rest stays for the next time. */
static size_t take_lines(struct trial *trial, char *text, size_t len, struct ending *ending) {
    char *line = text;
    for (char *end; (end = memchr(line, '\n', len - (size_t)(line - text))); line = end + 1) {
        *end = '\0';
        take_line(trial, line, ending);
    }
    const size_t rest = len - (size_t)(line - text);
    memmove(text, line, rest);
    return rest;
}

static void listen_to(struct trial *trial, int fd, pid_t child, struct ending *ending) {
    static char text[PIPE_BYTES];
    size_t len = 0;
    for (;;) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        const int polled = poll(&ready, 1, HUNG_MS);
        if (polled == 0) {
            (void)kill(child, SIGKILL);
            trial_violated(trial, "the run hangs");
            ending->is_broken = true;
            return;
        }
        const ssize_t got = polled > 0 ? read(fd, text + len, sizeof text - len) : -1;
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return;
        }
        len = take_lines(trial, text, len + (got > 0 ? (size_t)got : 0), ending);
    }
}

static void wait_for(pid_t child, int *state) {
    while (waitpid(child, state, 0) < 0 && errno == EINTR) {
    }
}

static void judge_end(struct trial *trial, int state, struct ending *ending) {
    ending->exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    ending->signal = WIFSIGNALED(state) ? WTERMSIG(state) : 0;
    if (ending->exit_code < 0 && !ending->is_broken) {
        trial_violated(trial, "the run died of signal %d", ending->signal);
        ending->is_broken = true;
    }
    if (ending->is_broken) {
        show_log(trial);
    }
}

struct ending trial_run(struct trial *trial, const struct run_plan *plan) {
    struct ending ending = {.exit_code = -1};
    int fds[2];
    *trial->alloc = plan->alloc;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        trial_violated(trial, "no pipe: %s", strerrordesc_np(errno));
        return ending;
    }
    (void)fflush(stdout);
    (void)fflush(trial->witness);
    const pid_t child = fork();
    if (child == 0) {
        live(trial, plan, fds[1]);
    }
    (void)close(fds[1]);
    listen_to(trial, fds[0], child, &ending);
    (void)close(fds[0]);
    int state = 0;
    wait_for(child, &state);
    disk_reap(trial->disk);
    trial->tally.runs++;
    judge_end(trial, state, &ending);
    return ending;
}

void trial_power_cut(struct trial *trial, unsigned machines, uint64_t seed) {
    disk_power_up(trial->disk, machines, seed);
    trial->tally.cuts++;
}

/* --- judging ----------------------------------------------------------------------------- */

/* Runs the oracle with its words into a pipe. */
static pid_t spawn_oracle(const struct trial *trial, char *const *arguments, int *out) {
    int fds[2];
    posix_spawn_file_actions_t actions;
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return -1;
    }
    /* Ctrl-C is for the runner, which lets the oracle finish */
    posix_spawnattr_t attributes;
    sigset_t blocked;
    (void)sigemptyset(&blocked);
    (void)sigaddset(&blocked, SIGINT);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &blocked);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fds[1], STDOUT_FILENO);
    pid_t pid = -1;
    errno = posix_spawn(&pid, trial->oracle, &actions, &attributes, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    (void)close(fds[1]);
    *out = fds[0];
    return errno == 0 ? pid : -1;
}

static pid_t ask(const struct trial *trial, int *out) {
    enum { PATHS = 3 };
    const char *const names[PATHS] = {trial->flow->gateway_file, trial->flow->cloud_file, NULL};
    char paths[PATHS][2 * PATH_BYTES];
    char keep[32];
    char now[32];
    for (int i = 0; names[i]; i++) {
        (void)snprintf(paths[i], sizeof paths[i], "%s/image/%s", trial->folder, names[i]);
    }
    (void)snprintf(paths[2], sizeof paths[2], "%s/witness", trial->folder);
    (void)snprintf(keep, sizeof keep, "--keep-ms=%" PRId64, trial->chain.keep_ms);
    /* short of room, what the cloud has may go at once, and the rest leaves gaps */
    const bool may_thin = trial->chain.readings_max > 0;
    (void)snprintf(now, sizeof now, "--now-ms=%" PRId64, may_thin ? 0 : trial->now_ms);
    char program[] = "oracle";
    char mirror[] = "--mirror";
    char no_gaps[] = "--no-gaps";
    char *arguments[] = {program, mirror, paths[1], keep, now, paths[0], paths[2], NULL, NULL};
    arguments[7] = may_thin ? NULL : no_gaps;
    return spawn_oracle(trial, arguments, out);
}

static void hear(struct trial *trial, int fd) {
    FILE *words = fdopen(fd, "r");
    char line[LINE_BYTES];
    while (words && fgets(line, sizeof line, words)) {
        line[strcspn(line, "\n")] = '\0';
        take_verdict(trial, line);
    }
    if (words) {
        (void)fclose(words);
    }
}

bool trial_judge(struct trial *trial) {
    (void)fflush(trial->witness);
    char image[PATH_BYTES];
    path_in(trial, "image", image);
    empty_folder(image); /* also of what the last oracle left */
    const int error = disk_export(trial->disk, DISK_BOTH, image);
    int out = -1;
    const pid_t pid = error ? -1 : ask(trial, &out);
    if (pid < 0) { /* without an oracle nothing is worth the trouble */
        (void)fprintf(stderr, "crash: %s or the folder %s: %s\n", trial->oracle, trial->folder,
                      strerrordesc_np(error ? error : errno));
        trial_done(trial);
        _exit(1);
    }
    const uint64_t before = trial->tally.violations;
    hear(trial, out);
    int state = 0;
    wait_for(pid, &state);
    const int code = WIFEXITED(state) ? WEXITSTATUS(state) : -1;
    if (code != 0 && trial->tally.violations == before) {
        trial_violated(trial, "the oracle failed with %d", code);
    }
    return code == 0;
}
