/* load.c: see the header. */
#include "cli/load.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/random.h"

#include <sluice/kinesis.h>

#include <string.h>

enum {
    TURN_MS = 100,
    RECORD_BYTES = 1024,
    SECONDS = 10,
    CONNECTIONS = 16,
    RECORD_BYTES_MAX = 10 << 20
};

struct one {
    struct load *load;
    uint64_t due_us;
};

enum cli_exit load_init(struct load *l, struct invocation *words, sluice_client *client)
{
    *l = (struct load){.words = words,
                       .client = client,
                       .rate = invocation_number(words, "rate", 0),
                       .connections = invocation_number(words, "connections", CONNECTIONS),
                       .seconds = invocation_number(words, "seconds", SECONDS)};
    size_t bytes = invocation_number(words, "record-bytes", RECORD_BYTES);
    buf_init(&l->record, RECORD_BYTES_MAX);
    uint8_t *at = buf_reserve(&l->record, bytes);
    if (at == NULL)
        return session_say(words, CLI_FAILED, "no memory for a record");
    for (size_t i = 0; i < bytes; i++)
        at[i] = (uint8_t)('a' + i % 26);
    buf_add(&l->record, bytes);
    return CLI_DONE;
}

void load_fini(struct load *l)
{
    buf_fini(&l->record);
}

static void ended(void *context, const void *output, sluice_reply *reply,
                  const struct sluice_error *error)
{
    struct one *one = context;
    struct load *l = one->load;
    (void)output;
    l->under_way--;
    if (error->status == SLUICE_OK) {
        l->stored++;
        histogram_add(&l->latency, clock_mono_us(&clock_system) - one->due_us);
    } else if (error->status != SLUICE_CANCELLED && l->failed++ == 0) {
        l->error = *error;
    }
    sluice_reply_free(reply);
    mem_free(one);
}

static void start(struct load *l, uint64_t due_us)
{
    char key[32], stamp[LOAD_STAMP_BYTES + 1];
    uint64_t noise;
    struct sluice_error error = {0};
    random_noise(&noise, sizeof(noise));
    snprintf(key, sizeof(key), "%016llx", (unsigned long long)noise);
    snprintf(stamp, sizeof(stamp), "%020llu", (unsigned long long)due_us);
    memcpy(l->record.at, stamp,
           l->record.len < LOAD_STAMP_BYTES ? l->record.len : LOAD_STAMP_BYTES);
    const char *stream = l->words->arguments[0];
    const struct sluice_kinesis_put_record_input in = {
        .stream_name = sluice_text(stream),
        .partition_key = sluice_text(key),
        .data = sluice_view(l->record.at, l->record.len)};
    struct one *one = MEM_NEW(struct one);
    *one = (struct one){l, due_us};
    l->started++;
    l->under_way++;
    if (sluice_kinesis_put_record_start(l->client, &in, NULL, ended, one, NULL, &error) !=
        SLUICE_OK)
        ended(one, NULL, NULL, &error);
}

void load_begin(struct load *l)
{
    l->begin_us = clock_mono_us(&clock_system);
    l->end_us = l->begin_us + l->seconds * 1000000;
}

/* L1 */
static uint64_t due_of(const struct load *l, uint64_t number, uint64_t now)
{
    return l->rate ? l->begin_us + (uint64_t)((double)number * 1e6 / (double)l->rate) : now;
}

/* L1: what was due and could not be sent any more counts with the time that it has waited already. */
static void count_unsent(struct load *l, uint64_t now)
{
    uint64_t unsent = 0;
    for (; l->rate && !session_interrupted() && l->failed == 0; unsent++) {
        uint64_t due = due_of(l, l->started + unsent, now);
        if (due >= l->end_us)
            break;
        histogram_add(&l->latency, now - due);
    }
    if (unsent > 0)
        session_say(
            l->words, CLI_DONE,
            "%llu puts were due and could not be sent in time: the percentiles count them as "
            "late as they were at the end",
            (unsigned long long)unsent);
}

bool load_step(struct load *l)
{
    uint64_t now = clock_mono_us(&clock_system);
    uint64_t due = due_of(l, l->started, now);
    bool over = session_interrupted() || l->failed > 0 || now >= l->end_us;
    while (!over && due <= now && due < l->end_us && l->under_way < l->connections) {
        start(l, due);
        due = due_of(l, l->started, now);
        over = l->failed > 0;
    }
    over = over || due >= l->end_us;
    if (over && l->under_way == 0) {
        count_unsent(l, now);
        return false;
    }
    int wait_ms = due > now && !over ? (int)((due - now) / 1000) : TURN_MS;
    wait_ms = l->under_way == l->connections || wait_ms > TURN_MS ? TURN_MS : wait_ms;
    return sluice_client_turn(l->client, wait_ms) == SLUICE_OK;
}

void load_report(const struct invocation *words, const char *what, uint64_t records, uint64_t bytes,
                 uint64_t failed, double seconds, const struct histogram *h)
{
    static const struct {
        const char *name;
        double percent;
    } rows[] = {{"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}, {"max", 100}};
    bool json = invocation_has(words, "json");
    double rate = seconds > 0 ? (double)records / seconds : 0;
    printf(json ? "{\"what\":\"%s\",\"records\":%llu,\"failed\":%llu,\"seconds\":%.3f,"
                  "\"records_per_second\":%.1f,\"bytes_per_second\":%.0f,\"latency_ms\":{"
                : "%s: %llu records, %llu failed, in %.1f s: %.0f records/s, %.0f bytes/s; ms:",
           what, (unsigned long long)records, (unsigned long long)failed, seconds, rate,
           rate * (double)bytes);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double ms = (double)histogram_at(h, rows[i].percent) / 1000;
        printf(json ? "%s\"%s\":%.3f" : "%s %s %.2f", i ? "," : "", rows[i].name, ms);
    }
    fputs(json ? "}}\n" : "\n", stdout);
}
