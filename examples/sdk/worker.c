/* worker.c: one worker of a group: `worker STREAM GROUP`. Prints each record, a line each: shard, partition key, data.
 *
 * Start it as often as you like, on as many machines: they share the stream's shards, and take over from each other when one ends or dies. What
 * was printed is checkpointed every second and at the end. SIGINT ends it.
 *
 * Where the service is and who we are: the environment (AWS_ENDPOINT_URL_KINESIS, AWS_ACCESS_KEY_ID, ...) or ~/.aws.
 * SLUICE_LEASES=/path/to/file keeps leases and checkpoints in that file: for a service without consumer groups, like AWS. */
#include <sluice/consumer.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static sluice_worker *worker;

static void interrupt(int number)
{
    (void)number;
    sluice_worker_stop(worker); /* may be called from a signal handler */
}

static void begins(void *context, sluice_shard *shard)
{
    (void)context;
    fprintf(stderr, "%s begins after '%s'\n", sluice_shard_id(shard),
            sluice_shard_checkpoint(shard, NULL));
}

/* One batch of a shard at a time, in order. It may be empty: then nothing is new. */
static enum sluice_status records(void *context, sluice_shard *shard,
                                  const struct sluice_batch *batch)
{
    (void)context;
    for (size_t i = 0; i < batch->count; i++) {
        const struct sluice_received *r = &batch->records[i];
        printf("%s\t%.*s\t%.*s\n", sluice_shard_id(shard), (int)r->partition_key.len,
               (const char *)r->partition_key.at, (int)r->data.len, (const char *)r->data.at);
    }
    /* What is checkpointed must have gone out: a failure here ends the worker, and the records come again. */
    return fflush(stdout) == 0 ? SLUICE_OK : SLUICE_IO;
}

static void ends(void *context, sluice_shard *shard, enum sluice_end why)
{
    static const char *const words[] = {"it was split or merged, and this was all of it",
                                        "another worker has it now", "its lease was lost",
                                        "this worker stops"};
    (void)context;
    fprintf(stderr, "%s ends: %s\n", sluice_shard_id(shard), words[why]);
}

static void notice(void *context, const char *shard_id, const char *text)
{
    (void)context;
    fprintf(stderr, "%s: %s\n", shard_id[0] ? shard_id : "worker", text);
}

static int complain(const struct sluice_error *e)
{
    fprintf(stderr, "worker: %s %s: %s\n", sluice_status_name(e->status), e->type, e->message);
    return 1;
}

int main(int argc, char **argv)
{
    struct sluice_worker_options options;
    struct sluice_error error;
    sluice_lease_store *store = NULL;
    const char *leases = getenv("SLUICE_LEASES");
    if (argc != 3) {
        fprintf(stderr, "usage: worker STREAM GROUP\n");
        return 2;
    }
    if (leases && sluice_file_leases_new(leases, &store, &error) != SLUICE_OK)
        return complain(&error);

    sluice_worker_options_init(&options);
    options.stream = argv[1];
    options.group = argv[2];
    options.store = store; /* NULL: the service's own groups */
    options.checkpoint_every_ms = 1000;
    options.handler = (struct sluice_handler){begins, records, ends, notice};
    if (sluice_worker_new(&options, &worker, &error) != SLUICE_OK)
        return complain(&error);
    signal(SIGINT, interrupt);
    enum sluice_status status = sluice_worker_run(worker, &error);
    sluice_worker_free(worker);
    sluice_file_leases_free(store);
    return status == SLUICE_OK ? 0 : complain(&error);
}
