/* fans.c: reads subscriptions with as little work as finding the partition keys takes, since the server has the same cores: chunks are
 * taken apart, frames and JSON are not. That every record came to everybody is counted at the end.
 *
 * Thread: main; read_all its own, which alone touches fans and latency while it runs. */
#include "bench/support/fans.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/thread.h"
#include "bench/support/bench.h"
#include "bench/support/http.h"
#include "shards/stream_view.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    FANS_MAX = 1024,
    READ_BYTES = 128 * 1024,
    KEY_ROOM = 64,
    PATIENCE_US = 30000000,
    LOOK_US = 500
};

struct fan {
    int fd;
    size_t chunk_left;  /* of the chunk that is being read */
    struct buf wire;    /* read, not taken apart yet: less than the line before a chunk */
    struct buf payload; /* taken apart, not looked through yet */
};

struct fans {
    const struct caller *caller;
    unsigned count;
    int epoll_fd;
    struct thread thread;
    _Atomic bool ends;
    _Atomic uint64_t records, counts_from_us;
    struct latency latency;
    struct fan fans[FANS_MAX];
};

/* ---- reading ---- */

static void drop_front(struct buf *b, size_t len)
{
    memmove(b->at, b->at + len, b->len - len);
    b->len -= len;
}

/* Takes the keys out of the payload; what may be the beginning of one stays. */
static void look_through(struct fans *f, struct fan *one, uint64_t now_us)
{
    static const char wanted[] = "\"PartitionKey\":\"";
    struct buf *b = &one->payload;
    uint64_t from_us = atomic_load_explicit(&f->counts_from_us, memory_order_relaxed), found = 0;
    size_t done = 0;
    const uint8_t *at;
    while ((at = memmem(b->at + done, b->len - done, wanted, sizeof(wanted) - 1)) != NULL) {
        const uint8_t *digits = at + sizeof(wanted) - 1;
        const uint8_t *end = memchr(digits, '"', (size_t)(b->at + b->len - digits));
        uint64_t sent_us;
        if (end == NULL)
            break;
        if (!bytes_to_u64(bytes_of(digits, (size_t)(end - digits)), &sent_us))
            die("a record came that nobody put");
        if (sent_us >= from_us)
            latency_add(&f->latency, now_us - sent_us);
        found++;
        done = (size_t)(end - b->at);
    }
    if (at == NULL && b->len - done > KEY_ROOM)
        done = b->len - KEY_ROOM;
    drop_front(b, done);
    atomic_fetch_add_explicit(&f->records, found, memory_order_relaxed);
}

/* The line before a chunk; false: it is not whole yet. */
static bool take_line(struct fan *one)
{
    struct buf *b = &one->wire;
    size_t skip = b->len >= 2 && b->at[0] == '\r' ? 2 : 0; /* the end of the chunk before */
    const uint8_t *end = b->len > skip ? memmem(b->at + skip, b->len - skip, "\r\n", 2) : NULL;
    if (end == NULL)
        return false;
    one->chunk_left = strtoul((const char *)b->at + skip, NULL, 16);
    if (one->chunk_left == 0)
        die("a subscription ended");
    drop_front(b, (size_t)(end - b->at) + 2);
    return true;
}

static void take_apart(struct fan *one)
{
    struct buf *b = &one->wire;
    while (b->len > 0 && (one->chunk_left > 0 || take_line(one))) {
        size_t len = b->len < one->chunk_left ? b->len : one->chunk_left;
        buf_append(&one->payload, bytes_of(b->at, len));
        drop_front(b, len);
        one->chunk_left -= len;
    }
    must(one->payload.status == OK);
}

static void read_one(struct fans *f, struct fan *one)
{
    uint8_t *to = buf_reserve(&one->wire, READ_BYTES);
    must(to != NULL);
    ssize_t got = recv(one->fd, to, READ_BYTES, MSG_DONTWAIT);
    uint64_t now_us = clock_mono_us(&clock_system);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0)
        die("a subscription was cut");
    buf_add(&one->wire, (size_t)got);
    take_apart(one);
    look_through(f, one, now_us);
}

static void read_all(void *arg)
{
    struct fans *f = arg;
    while (!atomic_load_explicit(&f->ends, memory_order_relaxed)) {
        struct epoll_event events[64];
        int count = epoll_wait(f->epoll_fd, events, 64, 50);
        must(count >= 0 || errno == EINTR);
        for (int i = 0; i < count; i++)
            read_one(f, events[i].data.ptr);
    }
}

/* ---- beginning and end ---- */

/* The head of the answer, and nothing behind it. */
static void read_head(struct fan *one)
{
    char got[4096];
    size_t len = 0;
    char *end = NULL;
    while (end == NULL) {
        ssize_t more = recv(one->fd, got + len, sizeof(got) - len, 0);
        if (more <= 0)
            die("SubscribeToShard was not answered");
        len += (size_t)more;
        end = memmem(got, len, "\r\n\r\n", 4);
    }
    if (len < 12 || memcmp(got, "HTTP/1.1 200", 12) != 0)
        die("SubscribeToShard was answered with %.*s", (int)len, got);
    buf_append(&one->wire, bytes_of(end + 4, len - (size_t)(end + 4 - got)));
}

static void subscribe(struct fans *f, struct bytes arn, unsigned shard)
{
    struct fan *one = &f->fans[f->count++];
    struct buf request;
    char id[SHARD_ID_BYTES];
    shard_id_print(shard, id);
    const char *body = text_of("{\"ConsumerARN\":\"%.*s\",\"ShardId\":\"%s\","
                               "\"StartingPosition\":{\"Type\":\"LATEST\"}}",
                               BYTES_ARGS(arn), id);
    buf_init(&one->wire, MIB(8));
    buf_init(&one->payload, MIB(8));
    buf_init(&request, MIB(1));
    caller_head(f->caller, "SubscribeToShard", bytes_text(body), &request);
    buf_append_text(&request, body);
    one->fd = http_connect(f->caller->port);
    if (one->fd < 0 || send(one->fd, request.at, request.len, 0) != (ssize_t)request.len)
        die("cannot subscribe");
    read_head(one);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = one};
    must(epoll_ctl(f->epoll_fd, EPOLL_CTL_ADD, one->fd, &event) == 0);
    buf_fini(&request);
}

struct fans *fans_open(const struct caller *c, const char *stream, unsigned shards,
                       unsigned consumers)
{
    struct fans *f = MEM_NEW(struct fans);
    must(consumers * shards <= FANS_MAX);
    f->caller = c;
    f->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    must(f->epoll_fd >= 0);
    atomic_store(&f->counts_from_us, UINT64_MAX);
    for (unsigned i = 0; i < consumers; i++) {
        struct buf got;
        const char *body =
            text_of("{\"StreamARN\":\"arn:aws:kinesis:us-east-1:000000000000:stream/%s\","
                    "\"ConsumerName\":\"c%u\"}",
                    stream, i);
        struct bytes arn =
            json_text_member(caller_call(c, "RegisterStreamConsumer", body, &got), "ConsumerARN");
        for (unsigned shard = 0; shard < shards; shard++)
            subscribe(f, arn, shard);
        buf_fini(&got);
    }
    thread_start(&f->thread, THREAD_MAIN, "fans", read_all, f);
    return f;
}

void fans_count(struct fans *f)
{
    atomic_store(&f->counts_from_us, clock_mono_us(&clock_system));
}

void fans_close(struct fans *f, uint64_t records, struct latency *out)
{
    uint64_t until_us = clock_mono_us(&clock_system) + PATIENCE_US;
    while (atomic_load(&f->records) < records && clock_mono_us(&clock_system) < until_us)
        usleep(LOOK_US);
    atomic_store(&f->ends, true);
    thread_join(&f->thread);
    if (f->records != records)
        die("%llu records were to come, %llu came", (unsigned long long)records,
            (unsigned long long)f->records);
    *out = f->latency;
    for (unsigned i = 0; i < f->count; i++) {
        close(f->fans[i].fd);
        buf_fini(&f->fans[i].wire);
        buf_fini(&f->fans[i].payload);
    }
    close(f->epoll_fd);
    mem_free(f);
}
