/* tail.c: prints what comes into a stream, from now on, one record a line: `tail STREAM`.
 *
 * Where the service is and who we are: the environment (AWS_ENDPOINT_URL_KINESIS, AWS_ACCESS_KEY_ID, ...) or ~/.aws.
 * It asks each shard in turn by GetRecords, all at once, in one thread: a call's completion starts the next one. Shards that a
 * split or merge makes later are not looked for: the worker of <sluice/consumer.h> does that. Ends with SIGINT. */
#include <sluice/kinesis.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SHARDS_MAX = 1000, PAUSE_US = 200 * 1000 };

struct shard {
    sluice_client *client;
    sluice_reply *reply; /* of the latest answer: the iterator lies in it */
    struct sluice_bytes iterator;
    bool asked, over;
};

static struct shard shards[SHARDS_MAX];
static unsigned shard_count;
static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

static int complain(const char *what, const struct sluice_error *e)
{
    fprintf(stderr, "%s: %s %s: %s\n", what, sluice_status_name(e->status), e->type, e->message);
    return 1;
}

static void keep(struct shard *s, sluice_reply *reply, struct sluice_bytes iterator)
{
    sluice_reply_free(s->reply);
    s->reply = reply;
    s->iterator = iterator;
    s->over = iterator.at == NULL; /* the shard was split or merged, and this was all */
}

static void got_records(void *context, const void *output, sluice_reply *reply,
                        const struct sluice_error *error)
{
    struct shard *s = context;
    const struct sluice_kinesis_get_records_output *out = output;
    s->asked = false;
    if (error->status != SLUICE_OK) { /* the next round asks again, from the same place */
        complain("GetRecords", error);
        s->over = !error->retryable;
        return;
    }
    for (uint32_t i = 0; i < out->records.count; i++) {
        const struct sluice_kinesis_record *r = &out->records.at[i];
        printf("%.*s\t%.*s\n", (int)r->partition_key.len, (const char *)r->partition_key.at,
               (int)r->data.len, (const char *)r->data.at);
    }
    fflush(stdout);
    keep(s, reply, out->next_shard_iterator);
}

static void ask(struct shard *s)
{
    struct sluice_error error = {0};
    const struct sluice_kinesis_get_records_input in = {.shard_iterator = s->iterator};
    if (s->asked || s->over)
        return;
    if (sluice_kinesis_get_records_start(s->client, &in, NULL, got_records, s, NULL, &error) ==
        SLUICE_OK)
        s->asked = true;
    else
        complain("GetRecords", &error);
}

/* Every shard of the stream, from its end. */
static int find_shards(sluice_client *client, const char *stream)
{
    struct sluice_error error = {0};
    sluice_reply *reply;
    const struct sluice_kinesis_list_shards_output *list;
    const struct sluice_kinesis_list_shards_input in = {.stream_name = sluice_text(stream)};
    if (sluice_kinesis_list_shards(client, &in, &reply, &list, &error) != SLUICE_OK)
        return complain("ListShards", &error);
    int failed = 0;
    for (uint32_t i = 0; i < list->shards.count && i < SHARDS_MAX && !failed; i++) {
        sluice_reply *from;
        const struct sluice_kinesis_get_shard_iterator_output *out;
        const struct sluice_kinesis_get_shard_iterator_input where = {
            .stream_name = sluice_text(stream),
            .shard_id = list->shards.at[i].shard_id,
            .shard_iterator_type = sluice_text(SLUICE_KINESIS_SHARD_ITERATOR_TYPE_LATEST)};
        if (sluice_kinesis_get_shard_iterator(client, &where, &from, &out, &error) != SLUICE_OK) {
            failed = complain("GetShardIterator", &error);
        } else {
            struct shard *s = &shards[shard_count++];
            s->client = client;
            keep(s, from, out->shard_iterator);
        }
    }
    sluice_reply_free(reply);
    return failed;
}

static unsigned shards_left(void)
{
    unsigned left = 0;
    for (unsigned i = 0; i < shard_count; i++)
        left += !shards[i].over;
    return left;
}

int main(int argc, char **argv)
{
    sluice_client *client;
    struct sluice_error error = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: tail STREAM\n");
        return 2;
    }
    if (sluice_client_new(NULL, &client, &error) != SLUICE_OK)
        return complain("the client", &error);
    signal(SIGINT, interrupt);
    int failed = find_shards(client, argv[1]);
    if (!failed)
        fprintf(stderr, "%u shards\n", shard_count);
    while (!failed && !interrupted && shards_left() > 0) {
        for (unsigned i = 0; i < shard_count; i++)
            ask(&shards[i]);
        while (sluice_client_calls(client) > 0 && !interrupted)
            sluice_client_turn(client, 100);
        usleep(PAUSE_US); /* five reads a second and shard is what AWS allows */
    }
    sluice_client_free(client);
    for (unsigned i = 0; i < shard_count; i++)
        sluice_reply_free(shards[i].reply);
    return failed;
}
