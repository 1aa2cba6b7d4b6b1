/* banner.c: what a start says: where it listens, where its data is, whom to trust, what an answer
 * promises.
 *
 * I1. Relaxed durability and --dev are never silent: each changes what an answer is worth.
 * I2. What is printed for a shell can be pasted as it stands.
 *
 * Thread: its caller's. */
#include "server/banner.h"

#include <stdio.h>

static bool serves_plain(const struct server_settings *s)
{
    return s->plain || s->dev;
}

void banner_endpoint(const struct server_settings *s, uint16_t port, char out[ENDPOINT_BYTES_MAX])
{
    const char *host = address_is_any(s->listen_address) ? "localhost" : s->listen_address;
    bool six = strchr(host, ':') != NULL;
    snprintf(out, ENDPOINT_BYTES_MAX, "%s://%s%s%s:%u", serves_plain(s) ? "http" : "https",
             six ? "[" : "", host, six ? "]" : "", port);
}

/* In single quotes, as a shell wants it. */
static void append_quoted(struct buf *out, const char *text)
{
    buf_append_byte(out, '\'');
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            buf_append_text(out, "'\\'");
        buf_append_byte(out, (uint8_t)*text);
    }
    buf_append_byte(out, '\'');
}

static void print_durability(const struct server_settings *s, struct buf *out)
{
    if (s->durability == DURABILITY_SYNCED)
        buf_append_text(
            out,
            "  durability  synced: a put is answered after its bytes are synced to the disk\n");
    else
        buf_printf(
            out,
            "  DURABILITY  RELAXED: puts are answered before they are synced (every %llu ms).\n"
            "              When the machine fails, records that were acknowledged CAN BE LOST.\n",
            (unsigned long long)s->relaxed_sync);
}

static void print_tls(const struct server_settings *s, const struct server_facts *facts,
                      struct buf *out)
{
    const char *both = serves_plain(s) ? "https on the same port too; " : "";
    if (facts->ca) {
        buf_printf(out, "  TLS         %sclients trust it with AWS_CA_BUNDLE=", both);
        append_quoted(out, facts->ca);
        buf_append_byte(out, '\n');
    } else {
        buf_printf(out, "  TLS         %swith the certificate of %s\n", both, s->tls_certificate);
    }
}

static void print_next(const struct server_settings *s, const char *endpoint, struct buf *out)
{
    buf_printf(out,
               "\nNext, in another terminal:\n\n"
               "  export AWS_ENDPOINT_URL_KINESIS=%s AWS_DEFAULT_REGION=%s\n"
               "  export AWS_ACCESS_KEY_ID=dev AWS_SECRET_ACCESS_KEY=dev\n"
               "  aws kinesis create-stream --stream-name first --shard-count 1\n"
               "  aws kinesis put-record --stream-name first --partition-key a --data aGVsbG8=\n"
               "  aws kinesis get-records --shard-iterator $(aws kinesis get-shard-iterator "
               "--stream-name first \\\n"
               "    --shard-id shardId-000000000000 --shard-iterator-type TRIM_HORIZON --query "
               "ShardIterator --output text)\n"
               "\nor, in Python (pip install boto3):\n\n"
               "  import boto3\n"
               "  kinesis = boto3.client('kinesis', endpoint_url='%s', region_name='%s',\n"
               "                         aws_access_key_id='dev', aws_secret_access_key='dev')\n"
               "  kinesis.put_record(StreamName='first', PartitionKey='a', Data=b'hello')\n"
               "\nCtrl-C ends it; the data stays.\n",
               endpoint, s->region, endpoint, s->region);
}

void banner_print(const struct server_settings *s, const struct server_facts *facts,
                  struct buf *out)
{
    char endpoint[ENDPOINT_BYTES_MAX];
    banner_endpoint(s, facts->port, endpoint);
    buf_printf(out, "sluice %s serves %s (ready in %llu ms)\n", SLUICE_VERSION, endpoint,
               (unsigned long long)facts->opened_ms);
    if (s->dev)
        buf_append_text(
            out,
            "  DEVELOPMENT any credentials and any region are taken, from this machine only\n");
    else
        buf_printf(
            out, "  listens on  %s%s\n", s->listen_address,
            s->plain ? ", also without TLS: credentials are signed, records can be read on the way"
                     : "");
    buf_printf(out, "  data        %s (%llu stream%s)\n", facts->data,
               (unsigned long long)facts->streams, facts->streams == 1 ? "" : "s");
    print_durability(s, out);
    print_tls(s, facts, out);
    if (s->dev)
        print_next(s, endpoint, out);
}

void banner_line(const struct server_settings *s, const struct server_facts *facts, struct buf *out)
{
    char endpoint[ENDPOINT_BYTES_MAX];
    banner_endpoint(s, facts->port, endpoint);
    buf_printf(out, "sluice %s serves %s on %s%s, data %s, durability %s, CA %s", SLUICE_VERSION,
               endpoint, s->listen_address, s->dev ? " for DEVELOPMENT (any credentials)" : "",
               facts->data,
               s->durability == DURABILITY_SYNCED ? "synced"
                                                  : "RELAXED (acknowledged records can be lost)",
               facts->ca ? facts->ca : "the operator's own");
}

void banner_root_key(const char *access_key, const char *secret, struct buf *out)
{
    buf_printf(out,
               "# The first access key of this server. It is shown this once: keep it.\n"
               "# (More: sluice keys add. These lines can be sourced by a shell.)\n"
               "export AWS_ACCESS_KEY_ID='%s'\n"
               "export AWS_SECRET_ACCESS_KEY='%s'\n",
               access_key, secret);
}

void banner_root_endpoint(const struct server_settings *s, const struct server_facts *facts,
                          struct buf *out)
{
    char endpoint[ENDPOINT_BYTES_MAX];
    banner_endpoint(s, facts->port, endpoint);
    buf_printf(out, "export AWS_DEFAULT_REGION='%s'\nexport AWS_ENDPOINT_URL_KINESIS='%s'\n",
               s->region, endpoint);
    if (facts->ca) {
        buf_append_text(out, "export AWS_CA_BUNDLE=");
        append_quoted(out, facts->ca);
        buf_append_byte(out, '\n');
    }
}
