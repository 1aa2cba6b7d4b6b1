/* configure_delivery.c: makes a delivery stream to an HTTP endpoint, waits until it is active, sends it some records and shows how
 * it is set up: `configure_delivery NAME HTTPS-URL BUCKET`.
 *
 * Where the service is and who we are: the environment (AWS_ENDPOINT_URL_FIREHOSE, AWS_ACCESS_KEY_ID, ...) or ~/.aws.
 * Requests and answers are plain structs of <sluice/firehose.h>: what is not set is not sent. */
#include <sluice/firehose.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { LOOKS_MAX = 600, PAUSE_US = 100 * 1000 };

static int complain(const char *what, const struct sluice_error *e)
{
    fprintf(stderr, "%s: %s %s: %s\n", what, sluice_status_name(e->status), e->type, e->message);
    return 1;
}

static int create(sluice_client *client, const char *name, const char *url, const char *bucket)
{
    char arn[256];
    snprintf(arn, sizeof(arn), "arn:aws:s3:::%s", bucket);
    const struct sluice_firehose_http_endpoint_configuration endpoint = {
        .url = sluice_text(url), .name = sluice_text("example")};
    const struct sluice_firehose_http_endpoint_buffering_hints hints = {
        .size_in_mbs = sluice_int(1), .interval_in_seconds = sluice_int(1)};
    /* What the endpoint refuses for good lies in the bucket afterwards. */
    const struct sluice_firehose_s3_destination_configuration backup = {
        .role_arn = sluice_text("arn:aws:iam::000000000000:role/delivery"),
        .bucket_arn = sluice_text(arn)};
    const struct sluice_firehose_http_endpoint_destination_configuration to = {
        .endpoint_configuration = &endpoint,
        .buffering_hints = &hints,
        .s3_configuration = &backup,
        .s3_backup_mode =
            sluice_text(SLUICE_FIREHOSE_HTTP_ENDPOINT_S3_BACKUP_MODE_FAILED_DATA_ONLY)};
    const struct sluice_firehose_create_delivery_stream_input in = {
        .delivery_stream_name = sluice_text(name),
        .delivery_stream_type = sluice_text(SLUICE_FIREHOSE_DELIVERY_STREAM_TYPE_DIRECT_PUT),
        .http_endpoint_destination_configuration = &to};
    struct sluice_error error = {0};
    sluice_reply *reply;
    const struct sluice_firehose_create_delivery_stream_output *made;
    if (sluice_firehose_create_delivery_stream(client, &in, &reply, &made, &error) != SLUICE_OK)
        return complain("CreateDeliveryStream", &error);
    printf("made %.*s\n", (int)made->delivery_stream_arn.len,
           (const char *)made->delivery_stream_arn.at);
    sluice_reply_free(reply);
    return 0;
}

/* 0: it is; 1: not yet; -1: it cannot be asked. */
static int look(sluice_client *client, const char *name)
{
    static const char active[] = SLUICE_FIREHOSE_DELIVERY_STREAM_STATUS_ACTIVE;
    struct sluice_error error = {0};
    sluice_reply *reply;
    const struct sluice_firehose_describe_delivery_stream_output *out;
    const struct sluice_firehose_describe_delivery_stream_input in = {.delivery_stream_name =
                                                                          sluice_text(name)};
    if (sluice_firehose_describe_delivery_stream(client, &in, &reply, &out, &error) != SLUICE_OK) {
        complain("DescribeDeliveryStream", &error);
        return -1;
    }
    const struct sluice_firehose_delivery_stream_description *is = out->delivery_stream_description;
    struct sluice_bytes status = is->delivery_stream_status;
    bool there = status.len == sizeof(active) - 1 && memcmp(status.at, active, status.len) == 0;
    for (uint32_t i = 0; there && i < is->destinations.count; i++) {
        const struct sluice_firehose_http_endpoint_destination_description *to =
            is->destinations.at[i].http_endpoint_destination_description;
        if (to != NULL)
            printf("active: to %.*s, every %lld s or %lld MiB\n",
                   (int)to->endpoint_configuration->url.len,
                   (const char *)to->endpoint_configuration->url.at,
                   (long long)to->buffering_hints->interval_in_seconds.value,
                   (long long)to->buffering_hints->size_in_mbs.value);
    }
    sluice_reply_free(reply);
    return there ? 0 : 1;
}

static int send_some(sluice_client *client, const char *name)
{
    struct sluice_firehose_record records[3] = {{.data = sluice_text("one\n")},
                                                {.data = sluice_text("two\n")},
                                                {.data = sluice_text("three\n")}};
    const struct sluice_firehose_put_record_batch_input in = {
        .delivery_stream_name = sluice_text(name),
        .records = {.count = 3, .present = true, .at = records}};
    struct sluice_error error = {0};
    sluice_reply *reply;
    const struct sluice_firehose_put_record_batch_output *out;
    if (sluice_firehose_put_record_batch(client, &in, &reply, &out, &error) != SLUICE_OK)
        return complain("PutRecordBatch", &error);
    int failed = out->failed_put_count.value != 0;
    printf("sent 3 records, %lld refused\n", (long long)out->failed_put_count.value);
    sluice_reply_free(reply);
    return failed;
}

int main(int argc, char **argv)
{
    sluice_client *client;
    struct sluice_error error = {0};
    if (argc != 4) {
        fprintf(stderr, "usage: configure_delivery NAME HTTPS-URL BUCKET\n");
        return 2;
    }
    if (sluice_client_new(NULL, &client, &error) != SLUICE_OK)
        return complain("the client", &error);
    int failed = create(client, argv[1], argv[2], argv[3]);
    int looked = 1;
    for (int i = 0; !failed && looked == 1 && i < LOOKS_MAX; i++) {
        looked = look(client, argv[1]);
        if (looked == 1)
            usleep(PAUSE_US);
    }
    if (!failed)
        failed = looked != 0 || send_some(client, argv[1]);
    sluice_client_free(client);
    return failed;
}
