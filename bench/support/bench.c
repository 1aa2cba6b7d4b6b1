/* bench.c: the frame of a benchmark.
 *
 *   bench_main -> options -> folder -> fork: the child runs the benchmark, the parent waits
 *   the child ends | SIGINT, SIGTERM | limit_s is over -> the child is killed, its children die by
 *   PR_SET_PDEATHSIG (process.c) and are waited for -> the folder is removed -> exit
 *
 * Two processes, so that B1 and B2 hold however the measuring one ends: a failed assertion, a
 * wrong answer, a server that hangs.
 *
 * Thread: main. */
#include "bench/support/bench.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/limits.h"
#include "base/must.h"
#include "bench/support/disk.h"
#include "bench/support/process.h"
#include "bench/support/report.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TEXTS_BYTES_MAX = 16 * 1024 * 1024, QUICK_ROUNDS = 2, QUICK_MIB_MIN = 32, QUICK_LESS = 8 };

const char *text_of(const char *format, ...)
{
    static struct arena texts; /* never freed: figures and folders are named until the end */
    char text[PATH_MAX];
    va_list args;
    if (!texts.ceiling)
        arena_init(&texts, TEXTS_BYTES_MAX);
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    must(len >= 0 && (size_t)len < sizeof(text));
    struct bytes kept = arena_copy(&texts, bytes_of(text, (size_t)len));
    must(bytes_present(kept));
    return (const char *)kept.at;
}

/* BUILD/release/bench/put_bench, for depth 0; its folder for 1, and so on. */
static const char *own_path(unsigned depth)
{
    char path[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
    must(len > 0);
    path[len] = '\0';
    while (depth-- > 0) {
        char *slash = strrchr(path, '/');
        must(slash);
        *slash = '\0';
    }
    return text_of("%s", path);
}

const char *bench_program(const char *name)
{
    const char *path = text_of("%s/%s", own_path(2), name);
    if (access(path, X_OK) != 0)
        die("%s is not there: ./dev bench builds it", path);
    return path;
}

/* ---- options ---- */

struct options {
    bool quick;
    const char *write;
    double seconds, rounds, connections, mib; /* 0: not given */
};

static const char usage[] = "  --quick            a short look: fewer rounds, less data\n"
                            "  --write FILE       puts the figures into FILE, as rows of a table\n"
                            "  --seconds S        how long one load lasts\n"
                            "  --rounds N         how often all is measured; figures are medians\n"
                            "  --connections N    how many connections make the load\n"
                            "  --mib N            how much is put, where that is what counts\n";

/* Those that take a number; at most this much. */
static double *number_option(struct options *o, const char *name, double *most)
{
    const struct {
        const char *name;
        double *at, most;
    } rows[] = {
        {"--seconds", &o->seconds, 3600},
        {"--rounds", &o->rounds, ROUNDS_MAX},
        {"--connections", &o->connections, 10000},
        {"--mib", &o->mib, 1 << 20},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        *most = rows[i].most;
        if (strcmp(name, rows[i].name) == 0)
            return rows[i].at;
    }
    return NULL;
}

static bool read_number(const char *text, double most, double *out)
{
    char *end;
    *out = strtod(text, &end);
    return *text && !*end && *out > 0 && *out <= most;
}

static bool read_options(struct options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        double most, *number = number_option(o, argv[i], &most);
        if (strcmp(argv[i], "--quick") == 0)
            o->quick = true;
        else if (i + 1 == argc)
            return false;
        else if (strcmp(argv[i], "--write") == 0)
            o->write = argv[++i];
        else if (!number || !read_number(argv[++i], most, number))
            return false;
    }
    return true;
}

/* What the program has no use for stays 0. */
static double chosen(double given, double usual, double quick, bool is_quick)
{
    if (usual == 0)
        return 0;
    if (given > 0)
        return given;
    return is_quick && quick < usual ? quick : usual;
}

static void apply(struct bench *b, const struct options *o)
{
    double seconds = chosen(o->seconds, b->seconds, 0.5, o->quick);
    double rounds = chosen(o->rounds, b->rounds, QUICK_ROUNDS, o->quick);
    double less = (double)b->mib / QUICK_LESS;
    double mib =
        chosen(o->mib, (double)b->mib, less > QUICK_MIB_MIN ? less : QUICK_MIB_MIN, o->quick);
    double more = 1; /* than it does by itself: its limit in time grows with that */
    if (b->seconds > 0 && b->rounds > 0)
        more = seconds * rounds / (b->seconds * b->rounds);
    if (b->mib > 0 && mib / (double)b->mib > more)
        more = mib / (double)b->mib;
    b->limit_s = (unsigned)(b->limit_s * (more > 1 ? more : 1));
    b->connections = (unsigned)chosen(o->connections, b->connections, b->connections, false);
    b->seconds = seconds;
    b->rounds = (unsigned)rounds;
    b->mib = (uint64_t)mib;
    b->quick = o->quick;
}

/* ---- the two processes ---- */

static void make_folder(struct bench *b, const char *name)
{
    const char *all = text_of("%s/bench-data", own_path(3));
    (void)mkdir(all, 0700);
    b->folder = text_of("%s/%s-%d", all, name, (int)getpid());
    if (mkdir(b->folder, 0700) != 0)
        die("cannot make %s: %m", b->folder);
}

static void remove_folder(struct bench *b)
{
    disk_remove(b->folder);
    *strrchr((char *)(uintptr_t)b->folder, '/') = '\0';
    (void)rmdir(b->folder); /* unless another benchmark has data there */
}

static void measure(struct bench *b, const struct options *o, void (*run)(struct bench *))
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    report_open(o->write);
    run(b);
    report_close();
    exit(EXIT_SUCCESS);
}

/* Waits until the child has ended, but not longer than it may take. Gives its exit code. */
static int wait_for(pid_t child, unsigned limit_s, const sigset_t *signals)
{
    uint64_t until_us = clock_mono_us(&clock_system) + limit_s * 1000000ull;
    int outcome;
    while (waitpid(child, &outcome, WNOHANG) != child) {
        uint64_t now_us = clock_mono_us(&clock_system);
        uint64_t left_us = until_us > now_us ? until_us - now_us : 0;
        const struct timespec left = {(time_t)(left_us / 1000000),
                                      (long)(left_us % 1000000) * 1000};
        int number = sigtimedwait(signals, NULL, &left);
        if (number == SIGCHLD || (number < 0 && errno == EINTR))
            continue;
        fprintf(stderr, number < 0 ? "It took longer than %u s.\n" : "Interrupted.\n", limit_s);
        process_kill(child);
        return EXIT_FAILURE;
    }
    return WIFEXITED(outcome) ? WEXITSTATUS(outcome) : EXIT_FAILURE;
}

int bench_main(struct bench *b, const char *what, int argc, char **argv,
               void (*run)(struct bench *b))
{
    struct options o = {0};
    const char *name = strrchr(argv[0], '/');
    if (!read_options(&o, argc, argv)) {
        fprintf(stderr, "%s: %s\n%s", argv[0], what, usage);
        return 2;
    }
    apply(b, &o);
    make_folder(b, name ? name + 1 : argv[0]);
    printf("%s\n", what);
    fflush(stdout);
    sigset_t signals, before;
    sigemptyset(&signals);
    sigaddset(&signals, SIGCHLD);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, &before);
    must(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0); /* the child's children become ours */
    pid_t child = process_fork();
    if (child == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        measure(b, &o, run);
    }
    int outcome = wait_for(child, b->limit_s, &signals);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    remove_folder(b);
    return outcome;
}
