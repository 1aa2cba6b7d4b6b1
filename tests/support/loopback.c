/* loopback.c: see loopback.h. */
#include "support/loopback.h"

#include "api/group_keeper.h"
#include "api/inject.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/thread.h"
#include "support/log_memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void set_nothing(void *arg, struct delivery *d)
{
    (void)arg;
    (void)d;
}

static void remove_at_once(void *arg, struct delivery *d, void (*done)(void *), void *done_arg)
{
    (void)arg;
    (void)d;
    done(done_arg);
}

static void flush_at_once(void *arg, struct delivery *d, uint64_t within_ms,
                          void (*done)(void *, enum status, const struct fault *), void *done_arg)
{
    (void)arg;
    (void)d;
    (void)within_ms;
    done(done_arg, OK, NULL);
}

static void open_deliveries(struct loopback *l)
{
    struct fault f;
    struct service *s = &l->service;
    char folder[160];
    snprintf(folder, sizeof(folder), "%s-delivery", l->folder);
    must(delivery_store_open(folder, &l->deliveries, &f) == OK);
    s->deliveries = delivery_table_new();
    struct delivery_control_settings settings = {
        .clock = &l->clock.clock,
        .catalog = s->catalog,
        .streams = s->streams,
        .store = l->deliveries,
        .table = s->deliveries,
        .runner = l->runner,
        .limit = l->delivery_limit ? l->delivery_limit : DELIVERIES_MAX,
        .state_delay_ms = l->state_delay_ms,
        .plain_http = l->plain_http,
    };
    if (!l->runner.set)
        settings.runner =
            (struct delivery_runner){set_nothing, remove_at_once, flush_at_once, NULL};
    must(delivery_control_open(&settings, &s->delivery_control, &f) == OK);
}

static void close_deliveries(struct loopback *l)
{
    delivery_control_close(l->service.delivery_control);
    delivery_store_close(l->deliveries);
    delivery_table_free(l->service.deliveries);
}

static void open_groups(struct loopback *l)
{
    struct fault f;
    char folder[160];
    snprintf(folder, sizeof(folder), "%s-groups", l->folder);
    struct group_keeper_settings settings = {
        .folder = folder, .streams = l->service.streams, .clock = &l->clock.clock};
    enum status st = group_keeper_open(&settings, &l->service.groups, &f);
    if (st != OK)
        fprintf(stderr, "groups: %s\n", f.text);
    must(st == OK);
}

static void open_catalog(struct loopback *l)
{
    struct fault f;
    struct service *s = &l->service;
    s->streams = stream_table_new();
    s->master_keys = l->master_keys;
    struct catalog_settings settings = {
        .folder = l->folder,
        .logs = s->logs,
        .streams = s->streams,
        .clock = &l->clock.clock,
        .master_keys = l->master_keys,
        .home = s->auth.home,
        .shard_limit = s->shard_limit,
        .on_demand_limit = s->on_demand_limit,
        .state_delay_ms = l->state_delay_ms,
    };
    enum status st = catalog_open(&settings, &s->catalog, &f);
    if (st != OK)
        fprintf(stderr, "catalog: %s\n", f.text);
    must(st == OK);
    open_deliveries(l);
    open_groups(l);
}

void loopback_open(struct loopback *l)
{
    struct fault f;
    snprintf(l->folder, sizeof(l->folder), "%s",
             l->catalog_folder ? l->catalog_folder : "/tmp/sluice-test-XXXXXX");
    must(l->catalog_folder || mkdtemp(l->folder));
    clock_manual_init(&l->clock, l->begin_ms ? l->begin_ms : UINT64_C(1700000000000));
    thread_assume(THREAD_LOOP);
    must(loop_new(&l->loop, &clock_system, &f) == OK);
    l->keys = keys_new();
    struct service *s = &l->service;
    s->clock = &l->clock.clock;
    s->shard_limit = l->shard_limit ? l->shard_limit : 20000;
    s->on_demand_limit = l->on_demand_limit ? l->on_demand_limit : 50;
    s->auth = (struct auth_settings){.keys = l->keys,
                                     .home = {"000000000000", "us-east-1"},
                                     .any_region = true,
                                     .any_credentials = true,
                                     .clock = &l->clock.clock};
    s->logs = l->logs ? l->logs : log_memory_new(s->clock);
    s->inject = l->inject ? inject_new() : NULL;
    open_catalog(l);
    service_init(s);
}

static void close_catalog(struct loopback *l)
{
    group_keeper_close(l->service.groups);
    close_deliveries(l);
    catalog_close(l->service.catalog);
    stream_table_free(l->service.streams);
}

void loopback_reopen(struct loopback *l)
{
    close_catalog(l);
    open_catalog(l);
}

void loopback_reopen_torn(struct loopback *l)
{
    char command[512];
    close_catalog(l);
    /* A record of its full length whose bytes never reached the disk: its CRC does not fit. */
    snprintf(command, sizeof(command),
             "for f in %s/*.log; do printf '\\1\\2\\3\\4\\024\\000\\001aaaaaaaaaaaaaaaaaaaa' >> "
             "$f; done",
             l->folder);
    must(system(command) == 0);
    open_catalog(l);
}

void loopback_close(struct loopback *l)
{
    struct fault f;
    close_catalog(l);
    l->service.logs->ops->close(l->service.logs);
    inject_free(l->service.inject);
    service_fini(&l->service);
    keys_free(l->keys);
    loop_free(l->loop);
    char folder[160];
    snprintf(folder, sizeof(folder), "%s-delivery", l->folder);
    must(folder_remove(folder, &f) == OK);
    snprintf(folder, sizeof(folder), "%s-groups", l->folder);
    must(folder_remove(folder, &f) == OK);
    must(l->catalog_folder || folder_remove(l->folder, &f) == OK);
}

static void finished(struct exchange *x)
{
    struct call *c = x->transport;
    c->finished = true;
    c->status = x->http_status;
    if (x->source == NULL)
        buf_append_byte(&x->reply, 0);
    c->text = (const char *)x->reply.at;
    loop_stop(x->loop);
}

static void ready(struct exchange *x)
{
    struct call *c = x->transport;
    c->ready = true;
    loop_stop(x->loop);
}

void call_start(struct call *c, struct loopback *l, const char *operation, const char *json)
{
    call_start_as(c, l, operation, "application/x-amz-json-1.1", bytes_text(json));
}

void call_start_as(struct call *c, struct loopback *l, const char *operation,
                   const char *content_type, struct bytes body)
{
    static _Thread_local char target[128], scope[256];
    static _Thread_local struct sigv4_header headers[5];
    snprintf(target, sizeof(target), "%s%s", strchr(operation, '.') ? "" : "Kinesis_20131202.",
             operation);
    snprintf(scope, sizeof(scope),
             "AWS4-HMAC-SHA256 Credential=%s/20231114/%s/%s/aws4_request, "
             "SignedHeaders=host;x-amz-date, Signature=0000",
             l->access_key ? l->access_key : "AKIDEXAMPLE", l->region ? l->region : "us-east-1",
             strncmp(operation, "Firehose_", 9) == 0 ? "firehose" : "kinesis");
    headers[0] = (struct sigv4_header){BYTES_LITERAL("Content-Type"), bytes_text(content_type)};
    headers[1] = (struct sigv4_header){BYTES_LITERAL("X-Amz-Target"), bytes_text(target)};
    headers[2] = (struct sigv4_header){BYTES_LITERAL("Authorization"), bytes_text(scope)};
    headers[3] =
        (struct sigv4_header){BYTES_LITERAL("X-Amz-Date"), BYTES_LITERAL("20231114T221320Z")};
    headers[4] = (struct sigv4_header){BYTES_LITERAL("Host"), BYTES_LITERAL("localhost")};
    memset(c, 0, sizeof(*c));
    c->loopback = l;
    exchange_init(&c->exchange, l->loop, finished, c);
    c->exchange.ready = ready;
    c->body = mem_must(body.len + 1);
    memcpy(c->body, body.at, body.len);
    c->exchange.method = BYTES_LITERAL("POST");
    c->exchange.path = BYTES_LITERAL("/");
    c->exchange.query = BYTES_LITERAL("");
    c->exchange.headers = headers;
    c->exchange.header_count = 5;
    c->exchange.body = (uint8_t *)c->body;
    c->exchange.body_len = body.len;
    l->service.handler.handle(&l->service.handler, &c->exchange);
}

void call_wait(struct call *c)
{
    while (!c->finished)
        loop_run(c->loopback->loop);
}

void call_end(struct call *c)
{
    if (c->exchange.source != NULL)
        c->exchange.source->closed(c->exchange.source);
    exchange_fini(&c->exchange);
    mem_free(c->body);
}

char *call_text(struct loopback *l, const char *operation, const char *json, int *status)
{
    struct call c;
    call_start(&c, l, operation, json);
    call_wait(&c);
    char *text = mem_strdup(c.text);
    if (status)
        *status = c.status;
    call_end(&c);
    return text;
}
