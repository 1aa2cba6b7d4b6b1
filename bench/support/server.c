/* server.c: the server under measurement.
 *
 * Its first start on a folder prints the root key; that is read from its output and used from then
 * on, so every request is verified as a user's would be (B4). */
#include "bench/support/server.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/must.h"
#include "bench/support/http.h"

#include <unistd.h>

enum { READY_MS_MAX = 60000, LOOK_AGAIN_US = 200, OUTPUT_BYTES_MAX = 1 << 20, TOLD_BYTES = 800 };

void server_init(struct server *s, const struct bench *b, const char *name)
{
    *s = (struct server){
        .folder = text_of("%s/%s", b->folder, name),
        .output = text_of("%s/%s.output", b->folder, name),
    };
}

static struct buf output_of(const struct server *s)
{
    struct buf out;
    struct fault f;
    buf_init(&out, OUTPUT_BYTES_MAX);
    if (file_read(s->output, &out, &f) != OK)
        die("%s", f.text);
    return out;
}

/* The value of NAME='value' in what the server said. */
static void find_word(struct bytes said, const char *name, char *out, size_t room)
{
    const uint8_t *at = memmem(said.at, said.len, name, strlen(name));
    const uint8_t *from = at ? at + strlen(name) : NULL;
    const uint8_t *end = from ? memchr(from, '\'', (size_t)(said.at + said.len - from)) : NULL;
    if (!end || (size_t)(end - from) >= room)
        die("the server's first start did not print %s", name);
    memcpy(out, from, (size_t)(end - from));
    out[end - from] = '\0';
}

static void read_root_key(struct server *s)
{
    struct buf said = output_of(s);
    struct caller *c = &s->caller;
    find_word(buf_view(&said), "AWS_ACCESS_KEY_ID='", c->access_key, sizeof(c->access_key));
    find_word(buf_view(&said), "AWS_SECRET_ACCESS_KEY='", c->secret, sizeof(c->secret));
    buf_fini(&said);
}

static bool healthy(const struct server *s)
{
    static const struct bytes request =
        BYTES_LITERAL("GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n");
    struct buf got;
    struct http_answer answer;
    buf_init(&got, MIB(1));
    bool yes = http_call(s->port, request, &got, &answer) && answer.status == 200;
    buf_fini(&got);
    return yes;
}

static void server_failed(const struct server *s, const char *what)
{
    struct buf said = output_of(s);
    size_t told = said.len < TOLD_BYTES ? said.len : TOLD_BYTES;
    die("the server %s; it said: %.*s", what, (int)told, (const char *)said.at + said.len - told);
}

void server_start(struct server *s)
{
    s->port = s->caller.port = free_port();
    const char *const argv[] = {bench_program("sluice"),
                                "serve",
                                "--plain",
                                "--data",
                                s->folder,
                                "--listen-port",
                                text_of("%u", (unsigned)s->port),
                                s->tail_memory ? "--tail-memory" : NULL,
                                s->tail_memory,
                                NULL};
    uint64_t began_us = clock_mono_us(&clock_system);
    s->pid = process_start(argv, s->output);
    while (!healthy(s)) {
        if (process_ended(s->pid))
            server_failed(s, "did not start");
        if (clock_mono_us(&clock_system) - began_us > READY_MS_MAX * 1000ull)
            server_failed(s, "does not become healthy");
        usleep(LOOK_AGAIN_US);
    }
    s->ready_s = (double)(clock_mono_us(&clock_system) - began_us) / 1e6;
    if (!s->caller.access_key[0])
        read_root_key(s);
}

void server_stop(struct server *s)
{
    process_stop(s->pid, "the server");
    s->pid = 0;
}

void server_kill(struct server *s)
{
    process_kill(s->pid);
    s->pid = 0;
}

struct process_usage server_usage(const struct server *s)
{
    return process_usage(s->pid);
}
