/* main.c: arguments and signals.
 *
 *   starting --opened--> serving --SIGTERM, SIGINT--> finishing --closed--> exit 0
 *                        | SIGHUP: certificates,    | a second one:
 *                        | keys, faults, log level  | exit 1 at once
 *
 * Signals are blocked in every thread and read from a descriptor by the main thread's loop, which
 * else serves the admin socket only: so nothing ever runs inside a signal handler, but for leaving
 * at once.
 *
 * I1. Exit codes: 0 done, 1 failed, 2 not understood.
 * I2. A root key goes to stdout and nowhere else.
 *
 * Thread: main. */
#include "base/mem.h"
#include "base/trace.h"
#include "cli/cli.h"
#include "delivery/query_helper.h"
#include "server/banner.h"
#include "server/keys_command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { DONE = 0, FAILED = 1, MISUSED = 2, HELP_BYTES_MAX = 64 * 1024, SAME_WISH_US = 500000 };

extern char **environ;

static void print(FILE *to, struct buf *text)
{
    fwrite(text->at, 1, text->len, to);
    fflush(to);
}

/* ---- serve ---- */

struct serving {
    const struct server_words *words;
    struct server_settings *settings;
    struct server *server;
    struct loop *loop;
    struct loop_watch signals;
};

static void serve_help(void)
{
    struct buf out;
    buf_init(&out, HELP_BYTES_MAX);
    buf_append_text(
        &out,
        "sluice serve: Kinesis Data Streams from this machine, for every AWS SDK.\n\n"
        "  sluice serve --dev                    to try it: any credentials, this machine only\n"
        "  sluice serve --data /var/lib/sluice --listen-address 0.0.0.0 --tls-names "
        "streams.example.org\n"
        "                                        in earnest: the first start prints the first "
        "access key\n\n"
        "Point an SDK at it with AWS_ENDPOINT_URL_KINESIS=https://HOST:4567.\n\n"
        "  --config FILE                   a JSON object of settings, by their names below\n"
        "  --print-config                  prints the settings in force as such a file, and ends\n"
        "  --help                          this\n\n"
        "A setting may stand in the file, in the environment (--listen-port as SLUICE_LISTEN_PORT) "
        "or here;\n"
        "the later wins. Sizes are written 64MiB or 1GiB, times 250ms, 5s or 2m.\n");
    server_settings_help(&out);
    buf_append_text(
        &out,
        "\nSignals: SIGTERM or SIGINT finishes what is in flight, then ends; a "
        "second one ends at once.\n"
        "SIGHUP rereads the certificates, the master keys, the file of --inject, and log-level.\n");
    print(stdout, &out);
    buf_fini(&out);
}

static void reload(struct serving *s)
{
    struct server_settings now;
    struct fault f = {.status = OK};
    int used = 0;
    trace(TRACE_INFO, "server",
          "SIGHUP: rereading certificates, master keys, faults and log-level");
    if (server_reload_tls(s->server, &f) != OK)
        trace(TRACE_WARN, "server", "the certificates in force stay: %s", f.text);
    if (server_reload_master_keys(s->server, &f) != OK)
        trace(TRACE_WARN, "server", "the master keys in force stay: %s", f.text);
    if (server_reload_inject(s->server, &f) != OK)
        trace(TRACE_WARN, "server", "the faults in force stay: %s", f.text);
    if (server_settings_load(s->words, environ, &now, &used, &f) != OK) {
        trace(TRACE_WARN, "server", "the log level in force stays: %s", f.text);
        return;
    }
    trace_set_level((enum trace_level)now.log_level);
    server_settings_free(&now);
}

static void signal_ready(struct loop_watch *w, uint32_t events)
{
    (void)events;
    struct serving *s = LIST_OWNER(w, struct serving, signals);
    struct signalfd_siginfo info;
    if (read(w->fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return;
    if (info.ssi_signo == SIGHUP) {
        reload(s);
        return;
    }
    trace(TRACE_INFO, "server", "%s: finishing what is in flight",
          info.ssi_signo == SIGINT ? "SIGINT" : "SIGTERM");
    loop_stop(s->loop);
}

static uint64_t finishing_since_us; /* written before the handler is armed */

/* A signal that comes with the first is the same wish said twice: timeout(1) sends one to the
 * process and one to its group. */
static void leave_at_once(int number)
{
    static const char words[] = "sluice: a second signal: leaving at once\n";
    (void)number;
    if (clock_mono_us(&clock_system) - finishing_since_us < SAME_WISH_US)
        return;
    ssize_t ignored = write(STDERR_FILENO, words, sizeof(words) - 1);
    (void)ignored;
    _exit(FAILED);
}

static sigset_t our_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

/* From now on a signal ends the program wherever it is. What is acknowledged is synced: that is
 * safe at any moment. */
static void arm_second_signal(void)
{
    struct sigaction act = {.sa_handler = leave_at_once, .sa_flags = SA_RESTART};
    sigset_t set = our_signals();
    finishing_since_us = clock_mono_us(&clock_system);
    sigdelset(&set, SIGHUP);
    sigaction(SIGTERM, &act, NULL);
    sigaction(SIGINT, &act, NULL);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static enum status watch_signals(struct serving *s, struct fault *f)
{
    sigset_t set = our_signals();
    s->signals = (struct loop_watch){.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK),
                                     .ready = signal_ready};
    if (s->signals.fd < 0)
        return fault_set(f, IO_FAILED, "signalfd: %s", strerror(errno));
    return loop_watch(s->loop, &s->signals, EPOLLIN, f);
}

static void tell_root_key(void *arg, const char *access_key, const char *secret)
{
    (void)arg;
    struct buf out;
    buf_init(&out, BANNER_BYTES_MAX);
    banner_root_key(access_key, secret, &out);
    print(stdout, &out); /* I2 */
    explicit_bzero(out.at, out.len);
    buf_fini(&out);
    *(bool *)arg = true;
}

static void tell_start(const struct serving *s, bool root_key_made)
{
    struct server_facts facts;
    struct buf out;
    server_describe(s->server, &facts);
    buf_init(&out, BANNER_BYTES_MAX);
    if (root_key_made) {
        banner_root_endpoint(s->settings, &facts, &out);
        print(stdout, &out);
        buf_clear(&out);
    }
    if (s->settings->log_format == TRACE_JSON) {
        banner_line(s->settings, &facts, &out);
        trace(TRACE_INFO, "server", "%.*s", BYTES_ARGS(buf_view(&out)));
    } else {
        banner_print(s->settings, &facts, &out);
        print(stderr, &out);
    }
    buf_fini(&out);
}

static int serve(struct serving *s)
{
    bool root_key_made = false;
    const struct server_teller teller = {.root_key = tell_root_key, .arg = &root_key_made};
    struct fault f = {.status = OK};
    sigset_t set = our_signals();
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN); /* a client that went away is an outcome of write() */
    trace_set_level((enum trace_level)s->settings->log_level);
    trace_set_format((enum trace_format)s->settings->log_format);
    s->signals.fd = -1;
    enum status st = loop_new(&s->loop, &clock_system, &f);
    if (st == OK)
        st = watch_signals(s, &f);
    if (st == OK)
        st = server_open(s->settings, s->loop, &teller, &s->server, &f);
    if (st == OK) {
        tell_start(s, root_key_made);
        loop_run(s->loop);
        arm_second_signal();
        server_close(s->server);
        trace(TRACE_INFO, "server", "all is written; ended");
    } else {
        fprintf(stderr, "sluice serve: %s\n", f.text);
    }
    if (s->signals.watched)
        loop_unwatch(s->loop, &s->signals);
    if (s->signals.fd >= 0)
        close(s->signals.fd);
    loop_free(s->loop);
    return st == OK ? DONE : FAILED;
}

static int serve_command(int argc, char **argv)
{
    struct server_words words;
    struct server_settings settings;
    struct fault f = {.status = OK};
    if (server_words_read(argc, argv, &words, &f) != OK) {
        fprintf(stderr, "sluice serve: %s\n", f.text);
        return MISUSED;
    }
    if (words.help) {
        serve_help();
        return DONE;
    }
    enum status st = OK;
    if (words.force || words.account)
        st = fault_set(&f, INVALID_ARGUMENT, "there is no --%s; see sluice keys --help",
                       words.force ? "force" : "account");
    if (st == OK)
        st = server_settings_load(&words, environ, &settings, NULL, &f);
    if (st != OK) {
        fprintf(stderr, "sluice serve: %s\nTry: sluice serve --help\n", f.text);
        return MISUSED;
    }
    int outcome = DONE;
    if (words.print_config) {
        struct buf out;
        buf_init(&out, HELP_BYTES_MAX);
        server_settings_print(&settings, &out);
        print(stdout, &out);
        buf_fini(&out);
    } else {
        struct serving serving = {.words = &words, .settings = &settings};
        outcome = serve(&serving);
    }
    server_settings_free(&settings);
    return outcome;
}

/* ---- the commands ---- */

static int keys(int argc, char **argv)
{
    return keys_command(argc, argv, environ);
}

static int version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("sluice %s\n", SLUICE_VERSION);
    return DONE;
}

static int help(int argc, char **argv);

static const struct command {
    const char *name, *flag;
    int (*run)(int argc, char **argv);
    const char *what;
} commands[] = {
    {"serve", NULL, serve_command, "serves streams: start here, with: sluice serve --dev"},
    {"keys", NULL, keys, "adds, lists and removes access keys"},
    {"version", "--version", version, "prints the version"},
    {"help", "--help", help, "prints this, or the help of a command: sluice help serve"},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static const struct command *command_find(const char *word)
{
    for (size_t i = 0; i < COMMANDS; i++) {
        if (strcmp(commands[i].name, word) == 0 ||
            (commands[i].flag && strcmp(commands[i].flag, word) == 0))
            return &commands[i];
    }
    return strcmp(word, "-h") == 0 ? command_find("help") : NULL;
}

static int help(int argc, char **argv)
{
    static char flag[] = "--help";
    char *words[] = {flag};
    const struct command *about = argc > 0 ? command_find(argv[0]) : NULL;
    if (about && about->run != help && about->run != version)
        return about->run(1, words);
    if (argc > 0 && cli_has(argv[0])) {
        char *asked[] = {argv[0], argc > 1 ? argv[1] : flag, flag};
        return cli_run(argc > 1 ? 3 : 2, asked);
    }
    fputs("sluice: Kinesis Data Streams on your own machines.\n\n", stdout);
    for (size_t i = 0; i < COMMANDS; i++)
        printf("  sluice %-10s %s\n", commands[i].name, commands[i].what);
    fputs("\nClients of a service, Sluice's or AWS's (--local: of `sluice serve --dev` on this "
          "machine):\n\n",
          stdout);
    cli_list(stdout);
    return DONE;
}

static int unknown(const char *word)
{
    const char *nearest = cli_nearest(word);
    for (size_t i = 0; i < COMMANDS; i++)
        nearest = cli_nearer(word, commands[i].name, nearest);
    fprintf(stderr, "sluice: there is no command \"%.80s\"", word);
    if (nearest)
        fprintf(stderr, "; is it \"%s\"?", nearest);
    fputs("\nTry: sluice help\n", stderr);
    return MISUSED;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(0, NULL);
        return MISUSED;
    }
    if (strcmp(argv[1], QUERY_HELPER_WORD) == 0)
        return query_helper_main(); /* begun by the server itself; not for people */
    if (cli_has(argv[1]))
        return cli_run(argc - 1, argv + 1);
    const struct command *command = command_find(argv[1]);
    return command ? command->run(argc - 2, argv + 2) : unknown(argv[1]);
}
