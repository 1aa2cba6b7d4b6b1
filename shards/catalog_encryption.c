/* catalog_encryption.c: encryption turned on, turned over and turned off; and data keys wrapped anew when a master key has a new version.
 *
 *   ACTIVE --start, stop: the new state is written and published at once, UPDATING when there is a state delay--> (delay) --> ACTIVE
 *
 * The data key in force changes with the view: whatever is put by the view published is sealed by it, so once a start is answered nothing more is stored
 * plain, but for puts that were under way.
 *
 * Rewrapping walks all streams in turns of TURN, as messages to the catalog's own loop, so that commands pass between. It needs no state of its own:
 * what a crash or a failed write cut short is found by the next walk, at start or at SIGHUP.
 * Thread: the catalog's; catalog_rewrap any. */
#include "shards/catalog_internal.h"
#include "shards/stream_fault.h"

#include "base/mem.h"
#include "base/trace.h"

enum { TURN = 32 };

int catalog_set_encryption(struct catalog *c, struct catalog_command *command)
{
    struct fault *f = &command->fault;
    struct stream *stream;
    struct stream_view *v;
    enum status st = catalog_find(c, command, &stream, &v);
    if (st != OK)
        return st;
    struct stream_settings settings = v->settings;
    struct encryption_owner owner = stream_settings_owner(&settings);
    struct stream_encryption *next = NULL;
    uint64_t now_ms = clock_wall_ms(c->settings.clock);
    if (settings.status != STREAM_ACTIVE)
        st = fault_stream_busy(f, command->stream, command->scope.account, settings.status);
    else if (command->encryption.start)
        st = stream_encryption_start(settings.encryption, c->settings.master_keys, &owner,
                                     command->encryption.key_id, now_ms, &next, f);
    else
        st = stream_encryption_stop(settings.encryption, c->settings.master_keys, &owner,
                                    command->encryption.key_id, now_ms, &next, f);
    bool changes = st == OK && next != settings.encryption;
    if (changes) {
        bool dwells = catalog_dwell_ms(c, &settings.scope) > 0;
        settings.encryption = next;
        settings.status = dwells ? STREAM_UPDATING : STREAM_ACTIVE;
        st = catalog_change_settings(c, stream, v, &settings, f);
        if (st == OK && dwells)
            catalog_activate_later(c, stream);
    }
    stream_encryption_unref(next);
    stream_view_unref(v);
    stream_unref(stream);
    return st;
}

/* ---- wrapping anew ---- */

struct rewrapping {
    struct message message;
    struct catalog *catalog;
    struct stream_view *after; /* referenced: the last stream seen; NULL at the start */
    uint64_t changed;
};

/* False: it could not be written. */
static bool rewrap_stream(struct rewrapping *r, struct stream_view *seen)
{
    struct catalog *c = r->catalog;
    struct fault f;
    struct stream_settings settings = seen->settings;
    if (!settings.encryption)
        return true;
    struct encryption_owner owner = stream_settings_owner(&settings);
    struct stream *stream = stream_table_find_number(c->settings.streams, settings.number);
    struct stream_encryption *next =
        stream_encryption_rewrap(settings.encryption, c->settings.master_keys, &owner);
    enum status st = OK;
    if (stream && next != settings.encryption) {
        settings.encryption = next;
        st = catalog_change_settings(c, stream, seen, &settings, &f);
        r->changed += st == OK;
    }
    stream_encryption_unref(next);
    stream_unref(stream);
    if (st != OK)
        trace(TRACE_WARN, "catalog", "data keys of %s stay as they are wrapped: %s", owner.name,
              f.text);
    return st == OK;
}

static void rewrap_turn(struct message *m)
{
    struct rewrapping *r = LIST_OWNER(m, struct rewrapping, message);
    struct catalog *c = r->catalog;
    struct stream_view *views[TURN];
    bool more = false;
    thread_must_be(THREAD_CATALOG);
    size_t count =
        c->closing ? 0
                   : stream_table_walk(c->settings.streams, r->after ? &r->after->settings : NULL,
                                       views, TURN, &more);
    for (size_t i = 0; i < count; i++) {
        more = rewrap_stream(r, views[i]) && more;
        stream_view_unref(r->after);
        r->after = views[i];
    }
    if (more && count) {
        loop_send(c->loop, &r->message);
        return;
    }
    if (r->changed)
        trace(TRACE_INFO, "catalog", "data keys of %llu streams are wrapped anew",
              (unsigned long long)r->changed);
    stream_view_unref(r->after);
    mem_free(r);
}

void catalog_rewrap(struct catalog *c)
{
    struct rewrapping *r = MEM_NEW(struct rewrapping);
    *r = (struct rewrapping){.message = {.handle = rewrap_turn}, .catalog = c};
    loop_send(c->loop, &r->message);
}
