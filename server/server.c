/* server.c: opens everything in order, closes it in reverse.
 *
 * The order stands in one table. Each part may use those above it, and only those; so closing from
 * the bottom up never takes away what somebody still uses. The network is last: who can reach the
 * server reaches all of it.
 *
 * I1. What did not open is not closed; what opened is, once, also when a later part fails to open.
 * I2. A root key is told as soon as it is durable, before anything else can fail; it is neither
 * kept nor traced. I3. Nothing made here can be read by other users (umask 077).
 *
 * Thread: main. */
#include "server/server.h"

#include "api/group_keeper.h"
#include "api/inject.h"
#include "api/network.h"
#include "api/service.h"
#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "retention/retention.h"
#include "server/data_folder.h"
#include "server/server_delivery.h"
#include "server/server_keys.h"
#include "shards/log_leveldb.h"

#include <stdio.h>
#include <sys/stat.h>

struct server {
    /* fixed at birth */
    const struct server_settings *settings;
    struct loop *main_loop;
    const struct server_teller *teller;
    const struct clock *clock;

    size_t opened; /* parts */
    uint64_t opened_ms;
    struct data_folder folder;
    struct log_engine *logs;
    struct stream_table *streams;
    struct master_keys *master_keys;
    struct catalog *catalog;
    struct keys *keys;
    struct server_keys server_keys;
    struct tls *tls;
    struct retention *retention;
    struct server_delivery delivery;
    struct group_keeper *groups;
    struct inject *inject; /* NULL: neither --inject nor --dev */
    struct service service;
    struct admin *admin;
    _Atomic(struct network *)
        network; /* atomic: the status page may ask while it opens and closes */
};

/* ---- the parts ---- */

static enum status open_folder(struct server *s, struct fault *f)
{
    enum status st = data_folder_open_or_make(&s->folder, s->settings->data, f);
    if (st != OK)
        data_folder_close(&s->folder);
    return st;
}

static void close_folder(struct server *s)
{
    data_folder_close(&s->folder);
}

static enum status open_logs(struct server *s, struct fault *f)
{
    const struct server_settings *from = s->settings;
    struct log_leveldb_settings to;
    log_leveldb_defaults(&to);
    to.folder = s->folder.log;
    to.clock = s->clock;
    to.segment_bytes = from->segment_size;
    to.memtables_bytes_max = from->memtable_memory;
    to.tail_bytes_max = from->tail_memory;
    to.queue_bytes_max = from->queue_memory;
    to.disk_reserve_bytes = from->disk_reserve;
    to.committers = (uint32_t)from->committers;
    to.relaxed = from->durability == DURABILITY_RELAXED;
    to.relaxed_ms = from->relaxed_sync;
    return log_leveldb_open(&to, &s->logs, f);
}

static void close_logs(struct server *s)
{
    s->logs->ops->close(s->logs);
}

static enum status open_streams(struct server *s, struct fault *f)
{
    (void)f;
    s->streams = stream_table_new();
    return OK;
}

static void close_streams(struct server *s)
{
    stream_table_free(s->streams);
}

static enum status open_master_keys(struct server *s, struct fault *f)
{
    const char *own = s->settings->master_key_file;
    return master_keys_open(own[0] ? own : s->folder.master_keys, !own[0], &s->master_keys, f);
}

static void close_master_keys(struct server *s)
{
    master_keys_close(s->master_keys);
}

/* What belongs to no other account and region is of this one. */
static struct scope home_of(const struct server_settings *s)
{
    struct scope home;
    must(scope_set(&home, bytes_text(s->account_id), bytes_text(s->region))); /* was checked */
    return home;
}

static enum status open_catalog(struct server *s, struct fault *f)
{
    const struct catalog_settings to = {
        .folder = s->folder.catalog,
        .logs = s->logs,
        .streams = s->streams,
        .clock = s->clock,
        .master_keys = s->master_keys,
        .home = home_of(s->settings),
        .shard_limit = s->settings->shard_limit,
        .on_demand_limit = s->settings->on_demand_limit,
        .state_delay_ms = s->settings->state_delay,
    };
    return catalog_open(&to, &s->catalog, f);
}

static void close_catalog(struct server *s)
{
    catalog_close(s->catalog);
}

static void close_keys(struct server *s)
{
    server_keys_fini(&s->server_keys);
    keys_free(s->keys);
}

static enum status make_root_key(struct server *s, struct fault *f)
{
    struct admin_keys *admin = &s->server_keys.admin;
    char access_key[ACCESS_KEY_BYTES], secret[SECRET_KEY_BYTES];
    keys_make(access_key, secret);
    enum status st = admin->add(admin, bytes_text(access_key), bytes_text(secret), BYTES_NONE, f);
    if (st == OK)
        s->teller->root_key(s->teller->arg, access_key, secret); /* I2 */
    explicit_bzero(secret, sizeof(secret));
    return st;
}

static enum status open_keys(struct server *s, struct fault *f)
{
    s->keys = keys_new();
    server_keys_init(&s->server_keys, s->catalog, s->keys);
    if (s->settings->dev || s->server_keys.names.count > 0)
        return OK;
    enum status st = make_root_key(s, f);
    if (st != OK)
        close_keys(s);
    return st;
}

/* The names that the certificate must hold beside the usual: the operator's, and the address
 * listened on. */
static void certificate_names(const struct server_settings *s, struct buf *names)
{
    bool own = !address_is_loopback(s->listen_address) && !address_is_any(s->listen_address);
    buf_append_text(names, s->tls_names);
    if (own && names->len > 0)
        buf_append_byte(names, ',');
    if (own)
        buf_append_text(names, s->listen_address);
    buf_append_byte(names, '\0');
}

static enum status open_tls(struct server *s, struct fault *f)
{
    const struct server_settings *from = s->settings;
    struct buf names;
    buf_init(&names, 64 * 1024);
    certificate_names(from, &names);
    enum status st = names.status;
    if (st == OK) {
        const struct tls_settings to = {
            .folder = s->folder.tls,
            .certificate = from->tls_certificate[0] ? from->tls_certificate : NULL,
            .key = from->tls_key[0] ? from->tls_key : NULL,
            .names = (const char *)names.at,
        };
        st = tls_open(&to, &s->tls, f);
    } else {
        fault_set(f, st, "--tls-names is too long");
    }
    buf_fini(&names);
    return st;
}

static void close_tls(struct server *s)
{
    tls_close(s->tls);
}

static enum status open_retention(struct server *s, struct fault *f)
{
    struct retention_settings to;
    retention_defaults(&to);
    to.logs = s->logs;
    to.streams = s->streams;
    to.catalog = s->catalog;
    to.clock = s->clock;
    to.shard_limit = s->settings->shard_limit;
    to.scale_window_ms = s->settings->on_demand_window;
    to.scale_quiet_ms = s->settings->on_demand_quiet;
    to.scale_memory_ms = s->settings->on_demand_memory;
    return retention_open(&to, &s->retention, f);
}

static void close_retention(struct server *s)
{
    retention_close(s->retention);
}

static enum status open_delivery(struct server *s, struct fault *f)
{
    const struct server_delivery_parts from = {
        .settings = s->settings,
        .folder = s->folder.delivery,
        .clock = s->clock,
        .logs = s->logs,
        .streams = s->streams,
        .catalog = s->catalog,
        .master_keys = s->master_keys,
    };
    return server_delivery_open(&from, &s->delivery, f);
}

static void close_delivery(struct server *s)
{
    server_delivery_close(&s->delivery);
}

static enum status open_groups(struct server *s, struct fault *f)
{
    const struct group_keeper_settings to = {
        .folder = s->folder.groups, .streams = s->streams, .clock = s->clock};
    return group_keeper_open(&to, &s->groups, f);
}

static void close_groups(struct server *s)
{
    group_keeper_close(s->groups);
}

/* Puts the rules of --inject in force, if it names a file; those before stay when it cannot be read. */
static enum status read_rules(struct server *s, struct fault *f)
{
    const char *path = s->settings->inject;
    struct inject_rules *rules;
    struct fault why = {0};
    struct buf text;
    if (path[0] == '\0')
        return OK;
    buf_init(&text, INJECT_BYTES_MAX);
    enum status st = file_read(path, &text, &why);
    if (st == OK)
        st = inject_rules_parse(buf_view(&text), &rules, &why);
    buf_fini(&text);
    if (st != OK)
        return fault_set(f, st, "--inject %.500s: %.1400s", path, why.text);
    inject_set(s->inject, rules);
    return OK;
}

static enum status open_inject(struct server *s, struct fault *f)
{
    if (s->settings->inject[0] == '\0' && !s->settings->dev)
        return OK;
    s->inject = inject_new();
    enum status st = read_rules(s, f);
    if (st != OK)
        inject_free(s->inject);
    return st;
}

static void close_inject(struct server *s)
{
    inject_free(s->inject);
}

static uint64_t connections(void *arg)
{
    struct network *network = ((struct server *)arg)->network;
    return network ? network_connections(network) : 0;
}

static enum status open_service(struct server *s, struct fault *f)
{
    (void)f;
    const struct server_settings *from = s->settings;
    s->service = (struct service){
        .catalog = s->catalog,
        .streams = s->streams,
        .logs = s->logs,
        .master_keys = s->master_keys,
        .deliveries = s->delivery.table,
        .delivery_control = s->delivery.control,
        .groups = s->groups,
        .clock = s->clock,
        .auth = {.keys = s->keys,
                 .home = home_of(from),
                 .any_region = from->dev,
                 .any_credentials = from->dev,
                 .clock = s->clock},
        .shard_limit = from->shard_limit,
        .on_demand_limit = from->on_demand_limit,
        .inject = s->inject,
        .durability = from->durability == DURABILITY_RELAXED ? "relaxed" : "synced",
        .connections = connections,
        .connections_arg = s,
        .started_ms = clock_wall_ms(s->clock),
        .quotas = from->quotas == QUOTAS_AWS ? quotas_new(s->clock) : NULL,
    };
    service_init(&s->service);
    return OK;
}

static void close_service(struct server *s)
{
    service_fini(&s->service);
}

static enum status open_admin(struct server *s, struct fault *f)
{
    return admin_open(s->folder.path, s->main_loop, &s->server_keys.admin, &s->admin, f);
}

static void close_admin(struct server *s)
{
    admin_close(s->admin);
}

static enum status open_network(struct server *s, struct fault *f)
{
    const struct server_settings *from = s->settings;
    struct network_settings to;
    struct network *network = NULL;
    network_defaults(&to);
    to.address = from->listen_address;
    to.port = (uint16_t)from->listen_port;
    to.loops = (uint32_t)from->threads;
    to.connections_max = from->connections_max;
    to.body_bytes_max = from->body_memory;
    to.idle_ms = from->idle_timeout;
    to.request_ms = from->request_timeout;
    to.plain = from->plain || from->dev;
    to.tls = s->tls;
    to.handler = &s->service.handler;
    to.clock = s->clock;
    enum status st = network_open(&to, &network, f);
    s->network = network;
    return st;
}

static void close_network(struct server *s)
{
    struct network *network = s->network;
    s->network = NULL;
    network_close(network, s->settings->shutdown_grace);
}

/* ---- their order ---- */

static const struct part {
    const char *name;
    enum status (*open)(struct server *, struct fault *);
    void (*close)(struct server *);
} parts[] = {
    {"data folder", open_folder, close_folder},
    {"log engine", open_logs, close_logs},
    {"streams", open_streams, close_streams},
    {"master keys", open_master_keys, close_master_keys},
    {"catalog", open_catalog, close_catalog},
    {"access keys", open_keys, close_keys},
    {"TLS", open_tls, close_tls},
    {"retention", open_retention, close_retention},
    {"delivery", open_delivery, close_delivery},
    {"consumer groups", open_groups, close_groups},
    {"faults", open_inject, close_inject},
    {"service", open_service, close_service},
    {"admin socket", open_admin, close_admin},
    {"network", open_network, close_network},
};
enum { PARTS = sizeof(parts) / sizeof(parts[0]) };

enum status server_open(const struct server_settings *settings, struct loop *main_loop,
                        const struct server_teller *teller, struct server **out, struct fault *f)
{
    struct server *s = MEM_NEW(struct server);
    s->settings = settings;
    s->main_loop = main_loop;
    s->teller = teller;
    s->clock = &clock_system;
    uint64_t began_us = clock_mono_us(s->clock);
    umask(077); /* I3 */
    enum status st = OK;
    while (st == OK && s->opened < PARTS) {
        uint64_t part_us = clock_mono_us(s->clock);
        st = parts[s->opened].open(s, f);
        if (st != OK)
            break;
        trace(TRACE_DEBUG, "server", "opened the %s in %llu us", parts[s->opened].name,
              (unsigned long long)(clock_mono_us(s->clock) - part_us));
        s->opened++;
    }
    s->opened_ms = (clock_mono_us(s->clock) - began_us) / 1000;
    if (st != OK) {
        server_close(s);
        s = NULL;
    }
    *out = s;
    return st;
}

void server_close(struct server *s)
{
    if (!s)
        return;
    while (s->opened > 0) {
        s->opened--;
        trace(TRACE_DEBUG, "server", "closing the %s", parts[s->opened].name);
        parts[s->opened].close(s);
    }
    mem_free(s);
}

enum status server_reload_tls(struct server *s, struct fault *f)
{
    return tls_reload(s->tls, f);
}

enum status server_reload_master_keys(struct server *s, struct fault *f)
{
    enum status st = master_keys_reload(s->master_keys, f);
    if (st == OK)
        catalog_rewrap(s->catalog);
    return st;
}

enum status server_reload_inject(struct server *s, struct fault *f)
{
    return read_rules(s, f);
}

void server_describe(const struct server *s, struct server_facts *out)
{
    struct stream_totals totals;
    stream_table_totals(s->streams, NULL, &totals);
    *out = (struct server_facts){
        .data = s->folder.path,
        .ca = tls_ca_path(s->tls),
        .port = network_port(s->network),
        .streams = totals.streams,
        .opened_ms = s->opened_ms,
    };
}
