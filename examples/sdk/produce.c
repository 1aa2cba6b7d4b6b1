/* produce.c: lines of standard input into a stream: `produce STREAM`. Each line is a record; what stands before its first tab is the
 * partition key (the whole line, when there is none).
 *
 * Where the service is and who we are: the environment (AWS_ENDPOINT_URL_KINESIS, AWS_ACCESS_KEY_ID, ...) or ~/.aws.
 *
 * The producer gathers, aggregates, sends and retries on a thread of its own, and keeps the order of the lines of a key; a put waits only when 64 MiB are under way. The result of each
 * record comes to `delivered`, with the number of its line as its context. */
#include <sluice/producer.h>

#include <stdio.h>

struct tally {
    unsigned long stored, failed;
};

/* On the producer's thread. */
static void delivered(void *context, void *record_context, const struct sluice_delivered *result)
{
    struct tally *t = context;
    if (result->status == SLUICE_OK) {
        t->stored++;
        return;
    }
    t->failed++;
    fprintf(stderr, "line %lu: %s %s: %s\n", (unsigned long)(uintptr_t)record_context,
            sluice_status_name(result->status), result->error->type, result->error->message);
}

/* 0: all lines were taken. */
static int put_lines(sluice_producer *producer)
{
    struct sluice_error error = {0};
    static char line[64 * 1024]; /* longer lines come in pieces */
    int failed = 0;
    for (uintptr_t number = 1; !failed && fgets(line, sizeof(line), stdin) != NULL; number++) {
        size_t len = strcspn(line, "\n");
        const char *tab = memchr(line, '\t', len);
        size_t key_len = tab != NULL ? (size_t)(tab - line) : len;
        size_t data_at = tab != NULL ? key_len + 1 : 0;
        const struct sluice_record record = {
            .partition_key = sluice_view(line, key_len),
            .data = sluice_view(line + data_at, len - data_at),
            .context = (void *)number,
        };
        if (sluice_producer_put(producer, &record, &error) != SLUICE_OK) {
            fprintf(stderr, "line %lu: %s\n", (unsigned long)number, error.message);
            failed = 1;
        }
    }
    return failed;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: produce STREAM < lines\n");
        return 2;
    }
    struct tally tally = {0, 0};
    struct sluice_error error = {0};
    struct sluice_producer_options options;
    sluice_producer *producer;
    sluice_producer_options_init(&options);
    options.stream = argv[1];
    options.aggregate = true;
    options.ordered = true;
    options.run_thread = true;
    options.delivered = delivered;
    options.context = &tally;
    if (sluice_producer_new(&options, &producer, &error) != SLUICE_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    int failed = put_lines(producer);
    if (sluice_producer_close(producer, 60000) != SLUICE_OK) /* every line has its result now */
        fprintf(stderr, "not all was stored within a minute\n");
    printf("%lu stored, %lu failed\n", tally.stored, tally.failed);
    return failed || tally.failed > 0;
}
