/* http2_bench.c: what PutRecord of 1 KiB costs over HTTP/2, beside HTTP/1.1 on as many connections, in turns.
 *
 * One client makes both loads, h2load (nghttp2's own): one thread, kept connections, closed loop, the same signed request again and again, so all
 * records go to one shard; which is all the same to the question. On each HTTP/2 connection one request is in flight at a time, as on HTTP/1.1;
 * that is the harder case for HTTP/2, which exists to have many, so a second figure shows a quarter of the connections with four each.
 *
 * Left to others: what PutRecord reaches with a client that is not in the way (put_bench.c). */
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "bench/support/disk.h"
#include "bench/support/http.h"
#include "bench/support/report.h"
#include "bench/support/server.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHARDS = 16, RECORD_BYTES = 1024, HEADERS_MAX = 8, MANY = 4, OUTPUT_BYTES_MAX = 64 * 1024 };

struct load_figure {
    double calls_per_s, server_us; /* processor time of a call in the server */
};

struct compared {
    struct bench *bench;
    struct server server;
    struct buf head, body;          /* signed; the head's lines are h2load's options */
    const char *body_path, *output; /* output: of the last load */
    unsigned loads;
};

static void write_body(struct compared *t)
{
    struct buf *b = &t->body;
    buf_init(b, MIB(1));
    buf_append_text(b, "{\"StreamName\":\"one-0\",\"PartitionKey\":\"k\",\"Data\":\"");
    for (size_t i = 0; i < RECORD_BYTES * 4 / 3 / 4 * 4; i++)
        buf_append_byte(b, (uint8_t)('A' + i * 7 % 26));
    buf_append_text(b, "\"}");
    must(b->status == OK);
    t->body_path = text_of("%s/body.json", t->bench->folder);
    FILE *file = fopen(t->body_path, "w");
    if (!file || fwrite(b->at, 1, b->len, file) != b->len || fclose(file) != 0)
        die("%s cannot be written: %m", t->body_path);
}

/* "Name: value" of each line of the head but the first, and but Host and Content-Length, which h2load writes. */
static size_t header_options(const struct compared *t, const char **out)
{
    size_t count = 0;
    char *line, *rest = (char *)(uintptr_t)text_of("%.*s", (int)t->head.len, (char *)t->head.at);
    strtok_r(rest, "\r\n", &rest);
    while ((line = strtok_r(NULL, "\r\n", &rest)) != NULL) {
        if (strncmp(line, "Host:", 5) == 0 || strncmp(line, "Content-Length:", 15) == 0)
            continue;
        must(count < HEADERS_MAX);
        out[count++] = text_of("-H%s", line);
    }
    return count;
}

/* The number behind `before` in what h2load said. */
static double number_after(const char *text, const char *before)
{
    const char *at = strstr(text, before);
    if (!at)
        die("h2load said nothing of \"%s\":\n%s", before, text);
    return strtod(at + strlen(before), NULL);
}

/* B3: whatever was not answered with 200 ends the benchmark. */
static struct load_figure read_output(const struct compared *t, double cpu_s)
{
    static char text[OUTPUT_BYTES_MAX];
    int fd = open(t->output, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (len < 0)
        die("%s cannot be read: %m", t->output);
    close(fd);
    text[len] = '\0';
    double all = number_after(text, "requests: "), good = number_after(text, "status codes: ");
    const char *said = strstr(text, "finished in ");
    if (!said || all < 1 || good < all || !strstr(text, " 0 failed, 0 errored, 0 timeout"))
        die("h2load met errors:\n%s", text);
    return (struct load_figure){.calls_per_s = number_after(said, ", "),
                                .server_us = cpu_s * 1e6 / all};
}

static struct load_figure load(struct compared *t, bool http2, unsigned connections,
                               unsigned streams)
{
    const char *argv[32] = {"/usr/bin/h2load", "-t1"};
    size_t count = 2;
    argv[count++] = text_of("-c%u", connections);
    argv[count++] = text_of("-m%u", streams);
    argv[count++] = text_of("-D%.0f", t->bench->seconds);
    argv[count++] = http2 ? "-ph2c" : "--h1";
    argv[count++] = text_of("-d%s", t->body_path);
    count += header_options(t, argv + count);
    argv[count++] = text_of("http://127.0.0.1:%u/", (unsigned)t->server.port);
    argv[count] = NULL;
    t->output = text_of("%s/h2load-%u.output", t->bench->folder, t->loads++);
    double cpu_s = process_cpu_s(t->server.pid);
    pid_t client = process_start(argv, t->output);
    while (!process_ended(client))
        usleep(10000);
    process_kill(client); /* has ended: nothing is left of it */
    cpu_s = process_cpu_s(t->server.pid) - cpu_s;
    return read_output(t, cpu_s);
}

static void compare(struct compared *t, unsigned connections, unsigned streams, bool held)
{
    struct series http1 = {0}, http2 = {0}, cpu1 = {0}, cpu2 = {0};
    for (unsigned i = 0; i < t->bench->rounds; i++) {
        struct load_figure one = load(t, false, t->bench->connections, 1);
        struct load_figure two = load(t, true, connections, streams);
        disk_settle(t->bench->folder, 5);
        series_add(&http1, one.calls_per_s);
        series_add(&http2, two.calls_per_s);
        series_add(&cpu1, one.server_us);
        series_add(&cpu2, two.server_us);
        printf(
            "  round %u: HTTP/2, %u connections of %u: %.0f calls/s, server %.1f us; HTTP/1.1, %u "
            "connections: %.0f calls/s, server %.1f us\n",
            i + 1, connections, streams, two.calls_per_s, two.server_us, t->bench->connections,
            one.calls_per_s, one.server_us);
    }
    report(&(struct figure){
        .what = text_of("PutRecord over HTTP/2, 1 KiB, %u connections, %u in flight on each",
                        connections, streams),
        .id = "",
        .value = series_median(&http2),
        .unit = "calls/s",
        .limit_what = text_of("HTTP/1.1, %u connections", t->bench->connections),
        .limit = series_median(&http1),
        .ratio = series_ratio(&http2, &http1),
        .kind = held ? FIGURE_RATIO_LEAST : FIGURE_SHOWN,
        .target = 0.8,
        .note =
            text_of("%s; processor time in the server %.1f us a call, over HTTP/1.1 %.1f",
                    spread("", &http2, "calls/s"), series_median(&cpu2), series_median(&cpu1))});
}

static void run(struct bench *b)
{
    struct compared *t = mem_must(sizeof(*t));
    t->bench = b;
    if (access("/usr/bin/h2load", X_OK) != 0)
        die("h2load is not there: install nghttp2-client");
    server_init(&t->server, b, "server");
    server_start(&t->server);
    caller_create_stream(&t->server.caller, "one-0", SHARDS);
    write_body(t);
    buf_init(&t->head, KIB(16));
    caller_head(&t->server.caller, "PutRecord", buf_view(&t->body), &t->head);
    compare(t, b->connections, 1, true);
    compare(t, b->connections / MANY, MANY, false);
    buf_fini(&t->head);
    buf_fini(&t->body);
    server_stop(&t->server);
    mem_free(t);
}

int main(int argc, char **argv)
{
    struct bench b = {.seconds = 3, .rounds = 5, .connections = 64, .limit_s = 300};
    return bench_main(&b, "PutRecord over HTTP/2 beside HTTP/1.1", argc, argv, run);
}
