/* tally.c: counters that two threads add to, and what is made of them. */
#include "cli/tally.h"

#include "base/clock.h"

#include <unistd.h>

enum { COMPLAINTS_MAX = 10, SHOW_US = 500000 };

void tally_init(struct tally *t, const struct invocation *words)
{
    *t = (struct tally){.words = words,
                        .json = invocation_has(words, "json"),
                        .on_terminal = isatty(STDERR_FILENO) != 0,
                        .began_us = clock_mono_us(&clock_system)};
    t->shown_us = t->began_us;
}

static double seconds_of(const struct tally *t, uint64_t now_us)
{
    return (double)(now_us - t->began_us) / 1e6;
}

void tally_read(struct tally *t, size_t bytes)
{
    uint64_t now = clock_mono_us(&clock_system);
    t->lines++;
    t->bytes += bytes;
    if (!t->on_terminal || now - t->shown_us < SHOW_US)
        return;
    t->shown_us = now;
    fprintf(stderr, "\r%llu read, %llu stored, %llu failed, %.1f MB/s ",
            (unsigned long long)t->lines, (unsigned long long)t->stored,
            (unsigned long long)t->failed, (double)t->bytes / 1e6 / seconds_of(t, now));
}

/* Counts; whether this one is still to be said. */
static bool one_failed(struct tally *t, enum cli_exit means)
{
    int none = 0;
    atomic_compare_exchange_strong(&t->first, &none, (int)means);
    unsigned long long before = atomic_fetch_add(&t->failed, 1);
    if (before == COMPLAINTS_MAX)
        fputs("sluice: further failures are only counted\n", stderr);
    return before < COMPLAINTS_MAX;
}

void tally_refused(struct tally *t, uint64_t line, const char *why)
{
    if (one_failed(t, CLI_FAILED))
        session_say(t->words, CLI_FAILED, "line %llu: %s", (unsigned long long)line, why);
}

void tally_broken(struct tally *t, const char *path, const char *why)
{
    t->broken = true;
    session_say(t->words, CLI_FAILED, "%s: %s", path, why);
}

void tally_stored(struct tally *t)
{
    atomic_fetch_add(&t->stored, 1);
}

void tally_failed(struct tally *t, uint64_t line, const struct sluice_error *error)
{
    enum cli_exit means = session_exit_of(error);
    if (!one_failed(t, means == CLI_MISUSED ? CLI_FAILED : means))
        return;
    session_say(t->words, means, "line %llu: %s%s%s%s%s%s", (unsigned long long)line, error->type,
                error->type[0] ? ": " : "", error->message,
                error->request_id[0] ? " (request " : "", error->request_id,
                error->request_id[0] ? ")" : "");
}

enum cli_exit tally_end(struct tally *t)
{
    unsigned long long stored = t->stored, failed = t->failed;
    double seconds = seconds_of(t, clock_mono_us(&clock_system));
    fprintf(stderr, "%s%llu record%s stored, %llu failed, %.1f MB in %.1f s\n",
            t->on_terminal ? "\r" : "", stored, stored == 1 ? "" : "s", failed,
            (double)t->bytes / 1e6, seconds);
    if (failed > 0)
        return stored > 0 ? CLI_PARTLY : (enum cli_exit)t->first;
    return t->broken ? CLI_FAILED : CLI_DONE;
}
