/* put.c: lines to the producer.
 *
 * The producer has a thread of its own; this one reads, and waits in sluice_producer_put when 64 MiB are under way. What became of a
 * line comes to `delivered` on the producer's thread: it counts, prints with --json, and says what failed, the first times.
 *
 * I1. Every line that was read is counted as stored or as failed before the summary, Ctrl-C or not. */
#include "cli/ask.h"
#include "cli/commands.h"
#include "cli/key.h"
#include "cli/lines.h"
#include "cli/tally.h"

#include <sluice/kinesis.h>
#include <sluice/producer.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { LEAVE_MS = 5000 };

struct put {
    struct invocation *words;
    struct tally tally;
    struct key key;
    struct lines lines;
    sluice_producer *producer;
};

/* Thread: the producer's. */
static void delivered(void *context, void *record_context, const struct sluice_delivered *result)
{
    struct put *p = context;
    uint64_t line = (uint64_t)(uintptr_t)record_context;
    if (result->status != SLUICE_OK) {
        tally_failed(&p->tally, line, result->error);
        return;
    }
    tally_stored(&p->tally);
    if (p->tally.json)
        printf("{\"line\":%llu,\"shardId\":\"%s\",\"sequenceNumber\":\"%s\",\"subSequenceNumber\":%"
               "llu}\n",
               (unsigned long long)line, result->shard_id, result->sequence_number,
               (unsigned long long)result->sub_sequence_number);
}

/* A producer is patient: it would try for two minutes to reach a service that is not there. One call beforehand says so at once. Who may
 * put but not describe is let through. */
static enum cli_exit look_first(struct put *p)
{
    struct sluice_error error;
    sluice_client *client;
    json_t *answer;
    enum cli_exit done = session_open(p->words, &client);
    if (done != CLI_DONE)
        return done;
    json_t *request = json_object();
    ask_set_stream(request, p->words->arguments[0]);
    done = ask_once(p->words, client, &sluice_kinesis_describe_stream_summary_operation, request,
                    &answer, &error);
    json_decref(request);
    json_decref(answer);
    sluice_client_free(client);
    if (done == CLI_DONE || strncmp(error.type, "AccessDenied", strlen("AccessDenied")) == 0)
        return CLI_DONE;
    return session_failed(p->words, &error);
}

static enum cli_exit open_producer(struct put *p)
{
    struct sluice_producer_options options;
    struct sluice_error error = {0};
    sluice_producer_options_init(&options);
    enum cli_exit done = session_options(p->words, &options.client);
    if (done != CLI_DONE)
        return done;
    options.stream = p->words->arguments[0];
    options.aggregate = invocation_has(p->words, "aggregate");
    options.ordered = invocation_has(p->words, "ordered");
    options.idempotent = invocation_has(p->words, "idempotent");
    options.run_thread = true;
    options.delivered = delivered;
    options.context = p;
    if (sluice_producer_new(&options, &p->producer, &error) == SLUICE_OK)
        return CLI_DONE;
    session_failed(p->words, &error);
    return session_exit_of(&error);
}

static void put_line(struct put *p, struct bytes line)
{
    struct bytes key = BYTES_NONE;
    struct sluice_error error = {0};
    uint64_t number = p->lines.number;
    const char *why = key_of(&p->key, line, &key);
    if (why) {
        tally_refused(&p->tally, number, why);
        return;
    }
    const struct sluice_record record = {.data = sluice_view(line.at, line.len),
                                         .partition_key = sluice_view(key.at, key.len),
                                         .context = (void *)(uintptr_t)number};
    if (sluice_producer_put(p->producer, &record, &error) != SLUICE_OK)
        tally_failed(&p->tally, number, &error);
    tally_read(&p->tally, line.len);
}

/* All lines, until their end or Ctrl-C. */
static void put_lines(struct put *p)
{
    enum status st = OK;
    struct bytes line;
    while (!session_interrupted() && (st = lines_next(&p->lines, &line)) != END) {
        if (st == OK)
            put_line(p, line);
        else if (st == TOO_LARGE)
            tally_refused(&p->tally, p->lines.number, "it is longer than any record may be");
        else if (st != CLOSING) {
            tally_broken(&p->tally, p->lines.failed,
                         st == IO_FAILED ? strerror(errno) : "there is no memory for it");
            return;
        }
    }
}

int put_run(struct invocation *words)
{
    static struct put p;
    if (invocation_has(words, "delivery"))
        return delivery_put_run(words);
    p = (struct put){.words = words};
    tally_init(&p.tally, words);
    lines_init(&p.lines, words->arguments + 1, words->argument_count - 1);
    enum cli_exit done = key_init(&p.key, words);
    if (done == CLI_DONE)
        done = look_first(&p);
    if (done == CLI_DONE)
        done = open_producer(&p);
    if (done == CLI_DONE) {
        session_interruptible(NULL);
        put_lines(&p);
        sluice_producer_close(p.producer, session_interrupted() ? LEAVE_MS : -1);
        done = tally_end(&p.tally);
    }
    key_fini(&p.key);
    lines_fini(&p.lines);
    return (int)done;
}
