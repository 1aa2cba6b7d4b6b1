/* delivery_put.c: lines to a delivery stream, by PutRecordBatch: one call at a time, as full as its bounds allow, or as soon as
 * nothing more is there to be read. What AWS says has failed of a batch is sent again, a few times, with pauses.
 *
 * Each line keeps its newline, so that a delivered object has lines again. Thread: main. */
#include "cli/commands.h"
#include "cli/lines.h"
#include "cli/tally.h"

#include <sluice/firehose.h>

#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <string.h>

enum { BATCH_RECORDS_MAX = 500, BATCH_BYTES_MAX = 4 * 1000 * 1000, ROUNDS_MAX = 5, PAUSE_MS = 100 };

struct waiting {
    size_t from, len; /* in the batch's bytes */
    uint64_t line;
};

struct delivery_put {
    struct invocation *words;
    sluice_client *client;
    struct lines lines;
    struct tally tally;
    bool must_be_json;
    struct buf bytes;
    struct waiting waiting[BATCH_RECORDS_MAX];
    unsigned count;
};

static void fail_all(struct delivery_put *p, const struct sluice_error *error)
{
    for (unsigned i = 0; i < p->count; i++)
        tally_failed(&p->tally, p->waiting[i].line, error);
    p->count = 0;
}

static void copy_text(char *out, size_t room, struct sluice_bytes text)
{
    snprintf(out, room, "%.*s", (int)text.len, text.at ? (const char *)text.at : "");
}

/* Keeps what failed, for the next round; in the last one it has failed. */
static void take_answer(struct delivery_put *p,
                        const struct sluice_firehose_put_record_batch_output *out, bool last)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < p->count && i < out->request_responses.count; i++) {
        const struct sluice_firehose_put_record_batch_response_entry *r =
            &out->request_responses.at[i];
        if (r->error_code.at == NULL) {
            tally_stored(&p->tally);
        } else if (last) {
            struct sluice_error error = {.status = SLUICE_SERVICE};
            copy_text(error.type, sizeof(error.type), r->error_code);
            copy_text(error.message, sizeof(error.message), r->error_message);
            tally_failed(&p->tally, p->waiting[i].line, &error);
        } else {
            p->waiting[kept++] = p->waiting[i];
        }
    }
    p->count = kept;
}

static void send_round(struct delivery_put *p, bool last)
{
    struct sluice_firehose_record records[BATCH_RECORDS_MAX];
    for (unsigned i = 0; i < p->count; i++)
        records[i] = (struct sluice_firehose_record){
            .data = sluice_view(p->bytes.at + p->waiting[i].from, p->waiting[i].len)};
    const struct sluice_firehose_put_record_batch_input in = {
        .delivery_stream_name = sluice_text(p->words->arguments[0]),
        .records = {.count = p->count, .present = true, .at = records}};
    const struct sluice_firehose_put_record_batch_output *out;
    struct sluice_error error = {0};
    sluice_reply *reply;
    if (sluice_firehose_put_record_batch(p->client, &in, &reply, &out, &error) != SLUICE_OK) {
        fail_all(p, &error);
        return;
    }
    take_answer(p, out, last);
    sluice_reply_free(reply);
}

static void send_batch(struct delivery_put *p)
{
    for (int round = 1; p->count > 0; round++) {
        if (round > 1)
            poll(NULL, 0, PAUSE_MS << round);
        send_round(p, round == ROUNDS_MAX);
    }
    buf_clear(&p->bytes);
}

static void add_line(struct delivery_put *p, struct bytes line)
{
    if (p->must_be_json) {
        json_t *value = json_loadb((const char *)line.at, line.len, JSON_DECODE_ANY, NULL);
        if (value == NULL) {
            tally_refused(&p->tally, p->lines.number, "it is not JSON");
            return;
        }
        json_decref(value);
    }
    if (p->count == BATCH_RECORDS_MAX || p->bytes.len + line.len + 1 > BATCH_BYTES_MAX)
        send_batch(p);
    size_t from = p->bytes.len;
    buf_append(&p->bytes, line);
    buf_append_byte(&p->bytes, '\n');
    if (p->bytes.status != OK) {
        tally_refused(&p->tally, p->lines.number, "it is longer than any record may be");
        buf_clear(&p->bytes);
        return;
    }
    p->waiting[p->count++] = (struct waiting){from, line.len + 1, p->lines.number};
    tally_read(&p->tally, line.len + 1);
}

static void put_lines(struct delivery_put *p)
{
    enum status st = OK;
    struct bytes line;
    while (!session_interrupted()) {
        if (p->count > 0 && lines_would_wait(&p->lines))
            send_batch(p);
        st = lines_next(&p->lines, &line);
        if (st == OK)
            add_line(p, line);
        else if (st == TOO_LARGE)
            tally_refused(&p->tally, p->lines.number, "it is longer than any record may be");
        else if (st != CLOSING)
            break;
    }
    if (st == IO_FAILED || st == NO_MEMORY)
        tally_broken(&p->tally, p->lines.failed,
                     st == IO_FAILED ? strerror(errno) : "there is no memory for it");
    send_batch(p);
}

int delivery_put_run(struct invocation *words)
{
    static struct delivery_put p;
    p = (struct delivery_put){.words = words, .must_be_json = invocation_has(words, "jsonl")};
    enum cli_exit done = session_open(words, &p.client);
    if (done != CLI_DONE)
        return (int)done;
    tally_init(&p.tally, words);
    lines_init(&p.lines, words->arguments + 1, words->argument_count - 1);
    buf_init(&p.bytes, 5 * BATCH_BYTES_MAX);
    session_interruptible(p.client);
    put_lines(&p);
    done = tally_end(&p.tally);
    session_forget();
    buf_fini(&p.bytes);
    lines_fini(&p.lines);
    sluice_client_free(p.client);
    return (int)done;
}
