/* caller.c: signed requests, and the calls that prepare a measurement.
 *
 * The head carries what an SDK signs (Host, Content-Type, X-Amz-Date, X-Amz-Target), so the server
 * has as much to verify as with one. */
#include "bench/support/caller.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/must.h"
#include "bench/support/bench.h"
#include "bench/support/http.h"
#include "shards/stream_view.h"
#include "wire/sigv4.h"

#include <stdio.h>
#include <unistd.h>

enum { SIGNING_BYTES_MAX = 64 * 1024, ACTIVE_MS_MAX = 60000, LOOK_AGAIN_US = 1000, DAY_LEN = 8 };
enum { TIMESTAMP_BYTES = 17 };

void caller_head(const struct caller *c, const char *operation, struct bytes body, struct buf *out)
{
    char timestamp[TIMESTAMP_BYTES], host[32], target[96];
    struct arena arena;
    struct bytes authorization;
    struct fault f;
    sigv4_timestamp(clock_wall_ms(&clock_system), timestamp);
    snprintf(host, sizeof(host), "127.0.0.1:%u", (unsigned)c->port);
    snprintf(target, sizeof(target), "Kinesis_20131202.%s", operation);
    const struct sigv4_header headers[] = {
        {BYTES_LITERAL("Host"), bytes_text(host)},
        {BYTES_LITERAL("Content-Type"), c->cbor ? BYTES_LITERAL("application/x-amz-cbor-1.1")
                                                : BYTES_LITERAL("application/x-amz-json-1.1")},
        {BYTES_LITERAL("X-Amz-Date"), bytes_text(timestamp)},
        {BYTES_LITERAL("X-Amz-Target"), bytes_text(target)},
    };
    enum { HEADERS = sizeof(headers) / sizeof(headers[0]) };
    const struct sigv4_request r = {.method = BYTES_LITERAL("POST"),
                                    .path = BYTES_LITERAL("/"),
                                    .headers = headers,
                                    .header_count = HEADERS,
                                    .body = body};
    struct sigv4_signer s = {.access_key = bytes_text(c->access_key),
                             .region = BYTES_LITERAL("us-east-1"),
                             .service = BYTES_LITERAL("kinesis"),
                             .timestamp = bytes_text(timestamp)};
    sigv4_derive_key(bytes_text(c->secret), bytes_of(timestamp, DAY_LEN), s.region, s.service,
                     s.key);
    arena_init(&arena, SIGNING_BYTES_MAX);
    if (sigv4_sign(&r, &s, &arena, &authorization, &f) != OK)
        die("cannot sign: %s", f.text);
    buf_append_text(out, "POST / HTTP/1.1\r\n");
    for (unsigned i = 0; i < HEADERS; i++)
        buf_printf(out, "%.*s: %.*s\r\n", BYTES_ARGS(headers[i].name),
                   BYTES_ARGS(headers[i].value));
    buf_printf(out, "Authorization: %.*s\r\nContent-Length: %zu\r\n\r\n", BYTES_ARGS(authorization),
               body.len);
    must(out->status == OK);
    arena_fini(&arena);
}

struct bytes caller_call(const struct caller *c, const char *operation, const char *body,
                         struct buf *got)
{
    struct buf request;
    struct http_answer answer;
    buf_init(&request, MIB(1));
    buf_init(got, MIB(1));
    caller_head(c, operation, bytes_text(body), &request);
    buf_append_text(&request, body);
    if (!http_call(c->port, buf_view(&request), got, &answer))
        die("%s was not answered", operation);
    if (answer.status != 200)
        die("%s was answered with %d: %.*s", operation, answer.status, BYTES_ARGS(answer.body));
    buf_fini(&request);
    return answer.body;
}

struct bytes json_text_member(struct bytes body, const char *name)
{
    char wanted[64];
    int len = snprintf(wanted, sizeof(wanted), "\"%s\":\"", name);
    must(len > 0 && (size_t)len < sizeof(wanted));
    const uint8_t *at = memmem(body.at, body.len, wanted, (size_t)len);
    if (!at)
        return BYTES_NONE;
    at += len;
    const uint8_t *end = memchr(at, '"', (size_t)(body.at + body.len - at));
    return end ? bytes_of(at, (size_t)(end - at)) : BYTES_NONE;
}

static bool is_active(const struct caller *c, const char *name)
{
    struct buf got;
    struct bytes body =
        caller_call(c, "DescribeStreamSummary", text_of("{\"StreamName\":\"%s\"}", name), &got);
    bool active = bytes_equal(json_text_member(body, "StreamStatus"), BYTES_LITERAL("ACTIVE"));
    buf_fini(&got);
    return active;
}

void caller_create_stream(const struct caller *c, const char *name, unsigned shards)
{
    struct buf got;
    caller_call(c, "CreateStream",
                text_of("{\"StreamName\":\"%s\",\"ShardCount\":%u}", name, shards), &got);
    buf_fini(&got);
    uint64_t until_us = clock_mono_us(&clock_system) + ACTIVE_MS_MAX * 1000ull;
    while (!is_active(c, name)) {
        if (clock_mono_us(&clock_system) > until_us)
            die("stream %s does not become ACTIVE", name);
        usleep(LOOK_AGAIN_US);
    }
}

void caller_iterator(const struct caller *c, const char *stream, unsigned shard, const char *type,
                     char out[ITERATOR_BYTES_MAX])
{
    struct buf got;
    char id[SHARD_ID_BYTES];
    shard_id_print(shard, id);
    struct bytes body = caller_call(
        c, "GetShardIterator",
        text_of("{\"StreamName\":\"%s\",\"ShardId\":\"%s\",\"ShardIteratorType\":\"%s\"}", stream,
                id, type),
        &got);
    struct bytes iterator = json_text_member(body, "ShardIterator");
    must(iterator.len > 0 && iterator.len < ITERATOR_BYTES_MAX);
    memcpy(out, iterator.at, iterator.len);
    out[iterator.len] = '\0';
    buf_fini(&got);
}
