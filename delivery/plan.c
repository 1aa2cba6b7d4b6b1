/* plan.c: rows as JSON, by jansson: they are few, and a person may want to read them. */
#include "delivery/plan.h"

#include "base/json_text.h"
#include "base/mem.h"
#include "base/must.h"
#include "wire/uri.h"

#include <jansson.h>
#include <stdio.h>

/* What a row becomes in memory: a refusal of 33 bytes at least has a room of 160 for its reason, and texts are copied twice. */
enum { ARENA_BYTES_LEAST = 1024 * 1024, ARENA_BYTES_A_BYTE = 16 };

static const char *const channels[] = {"main", "error", "backup"};
static const char *const kinds[] = {"cursor/", "mark/", "plan/", "rules/"};

void output_name(enum output_channel channel, struct bytes partition, struct buf *out)
{
    buf_append_text(out, channels[channel]);
    if (partition.len) {
        buf_append_byte(out, ':');
        uri_escape(out, partition, false);
    }
}

enum status output_parse(struct bytes name, enum output_channel *channel, struct bytes *partition,
                         struct arena *a)
{
    const uint8_t *colon = name.len ? memchr(name.at, ':', name.len) : NULL;
    struct bytes head = bytes_of(name.at, colon ? (size_t)(colon - name.at) : name.len);
    *partition = BYTES_LITERAL("");
    for (int i = 0; i < 3; i++) {
        if (!bytes_equal(head, bytes_text(channels[i])))
            continue;
        *channel = (enum output_channel)i;
        if (colon)
            *partition = uri_unescape(a, bytes_of(colon + 1, name.len - head.len - 1));
        return bytes_present(*partition) ? OK : NO_MEMORY;
    }
    return CORRUPT;
}

void row_prefix(enum delivery_row kind, uint64_t number, struct buf *out)
{
    buf_printf(out, "%s%020llu/", kinds[kind], (unsigned long long)number);
}

static bool has_output(enum delivery_row kind)
{
    return kind == ROW_MARK || kind == ROW_PLAN;
}

void row_key(enum delivery_row kind, uint64_t number, uint32_t shard, const char *output,
             struct position first, struct buf *out)
{
    row_prefix(kind, number, out);
    buf_printf(out, "%010u", shard);
    if (has_output(kind))
        buf_printf(out, "/%s", output);
    if (kind == ROW_PLAN)
        buf_printf(out, "/%020llu.%010u", (unsigned long long)first.offset, first.sub);
}

void rows_remove(struct delivery_change *c, uint64_t number, const uint32_t *shard)
{
    struct buf prefix;
    buf_init(&prefix, 256);
    for (int kind = ROW_CURSOR; kind < ROW_KINDS; kind++) {
        buf_clear(&prefix);
        row_prefix((enum delivery_row)kind, number, &prefix);
        if (shard)
            buf_printf(&prefix, "%010u", *shard);
        must(prefix.status == OK); /* a part of it would be a prefix of others' */
        delivery_change_remove_all(c, buf_view(&prefix));
    }
    buf_fini(&prefix);
}

bool row_key_parse(enum delivery_row kind, struct bytes key, uint32_t *shard, struct bytes *output)
{
    enum { SHARD_DIGITS = 10 };
    size_t head = strlen(kinds[kind]) + 21;
    uint64_t index = 0;
    *output = BYTES_NONE;
    if (key.len < head + SHARD_DIGITS ||
        !bytes_to_u64(bytes_of(key.at + head, SHARD_DIGITS), &index) || index > UINT32_MAX)
        return false;
    *shard = (uint32_t)index;
    struct bytes rest = bytes_of(key.at + head + SHARD_DIGITS, key.len - head - SHARD_DIGITS);
    if (!has_output(kind))
        return rest.len == 0;
    if (rest.len < 2 || rest.at[0] != '/')
        return false;
    rest = bytes_of(rest.at + 1, rest.len - 1);
    if (kind == ROW_PLAN) {
        const uint8_t *slash = memchr(rest.at, '/', rest.len);
        if (!slash)
            return false;
        rest.len = (size_t)(slash - rest.at);
    }
    *output = rest;
    return rest.len > 0;
}

/* ---- writing: what had no memory latches, as a row without it would be another plan's ---- */

struct writer {
    bool bad;
};

static void set(struct writer *w, json_t *object, const char *name, json_t *value)
{
    w->bad |= json_object_set_new(object, name, value) != 0;
}

static void set_escaped(struct writer *w, json_t *object, const char *name, struct bytes text)
{
    if (!bytes_present(text))
        return;
    struct buf escaped;
    buf_init(&escaped, SIZE_MAX / 2);
    uri_escape(&escaped, text, true);
    w->bad |= escaped.status != OK;
    set(w, object, name, json_stringn(escaped.at ? (const char *)escaped.at : "", escaped.len));
    buf_fini(&escaped);
}

static json_t *position_json(struct position p)
{
    return json_pack("[I, I]", (json_int_t)p.offset, (json_int_t)p.sub);
}

static void set_place(struct writer *w, json_t *object, const struct plan_place *p)
{
    set_escaped(w, object, "name", bytes_text(p->name));
    set_escaped(w, object, "bucket", bytes_text(p->bucket));
    set_escaped(w, object, "kms", bytes_text(p->kms_key));
    set(w, object, "compression", json_string(compression_name(p->compression)));
}

static json_t *failure_json(struct writer *w, const struct plan_failure *failure)
{
    json_t *o = json_object();
    set_place(w, o, &failure->place);
    set_escaped(w, o, "code", bytes_text(failure->code));
    set_escaped(w, o, "text", bytes_text(failure->text));
    set(w, o, "attempts", json_integer(failure->attempts));
    set(w, o, "ended_ms", json_integer((json_int_t)failure->ended_ms));
    if (!failure->only)
        return o;
    json_t *only = json_array();
    for (uint32_t i = 0; i < failure->only_count; i++) {
        const struct parcel_refusal *r = &failure->only[i];
        json_t *row = json_object();
        set(w, row, "record", json_integer(r->record));
        set_escaped(w, row, "code", bytes_text(r->code));
        set_escaped(w, row, "text", bytes_text(r->text));
        w->bad |= json_array_append_new(only, row) != 0;
    }
    set(w, o, "only", only);
    return o;
}

enum status plan_write(const struct plan_facts *p, struct buf *out)
{
    struct writer w = {.bad = false};
    json_t *o = json_object();
    set(&w, o, "first", position_json(p->first));
    set(&w, o, "last", position_json(p->last));
    set(&w, o, "channel", json_string(channels[p->channel]));
    set_escaped(&w, o, "partition", p->partition);
    set(&w, o, "s3", json_boolean(p->to_s3));
    set_place(&w, o, &p->place);
    set(&w, o, "first_ms", json_integer((json_int_t)p->first_ms));
    set_escaped(&w, o, "entry", bytes_text(p->entry));
    if (p->failure.is)
        set(&w, o, "failed", failure_json(&w, &p->failure));
    enum status st = w.bad ? NO_MEMORY : json_text_append(o, JSON_COMPACT, out);
    json_decref(o);
    return st;
}

/* ---- reading: whatever is missing or of another kind makes the whole row unreadable ---- */

struct reader {
    struct arena *arena;
    bool bad;
};

static struct bytes get_text(struct reader *r, const json_t *o, const char *name, bool needed)
{
    const json_t *v = json_object_get(o, name);
    if (!json_is_string(v)) {
        r->bad = r->bad || needed || v;
        return BYTES_NONE;
    }
    struct bytes text =
        uri_unescape(r->arena, bytes_of(json_string_value(v), json_string_length(v)));
    struct bytes copy = bytes_present(text) ? arena_copy(r->arena, text) : text;
    r->bad = r->bad || !bytes_present(copy);
    return copy;
}

static const char *get_name(struct reader *r, const json_t *o, const char *name, bool needed)
{
    return (const char *)get_text(r, o, name, needed).at;
}

static uint64_t get_number(struct reader *r, const json_t *v)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0) {
        r->bad = true;
        return 0;
    }
    return (uint64_t)json_integer_value(v);
}

static struct position get_position(struct reader *r, const json_t *o, const char *name)
{
    const json_t *pair = json_object_get(o, name);
    return (struct position){get_number(r, json_array_get(pair, 0)),
                             (uint32_t)get_number(r, json_array_get(pair, 1))};
}

static void get_place(struct reader *r, const json_t *o, struct plan_place *out)
{
    struct bytes extension;
    out->name = get_name(r, o, "name", true);
    out->bucket = get_name(r, o, "bucket", false);
    out->kms_key = get_name(r, o, "kms", false);
    struct bytes format = get_text(r, o, "compression", true);
    r->bad = r->bad || !compression_parse(format, &extension, &out->compression);
}

static void get_failure(struct reader *r, const json_t *o, struct plan_failure *out)
{
    out->is = true;
    get_place(r, o, &out->place);
    out->code = get_name(r, o, "code", true);
    out->text = get_name(r, o, "text", true);
    out->attempts = (uint32_t)get_number(r, json_object_get(o, "attempts"));
    out->ended_ms = get_number(r, json_object_get(o, "ended_ms"));
    const json_t *only = json_object_get(o, "only");
    if (!json_is_array(only))
        return;
    size_t count = json_array_size(only);
    struct parcel_refusal *rows = arena_zero(r->arena, (count + 1) * sizeof(*rows));
    r->bad = r->bad || !rows;
    for (size_t i = 0; rows && i < count; i++) {
        const json_t *row = json_array_get(only, i);
        const char *text = get_name(r, row, "text", true);
        rows[i].record = (uint32_t)get_number(r, json_object_get(row, "record"));
        rows[i].code = get_name(r, row, "code", true);
        snprintf(rows[i].text, sizeof(rows[i].text), "%s", text ? text : "");
    }
    out->only = rows;
    out->only_count = (uint32_t)count;
}

static void get_plan(struct reader *r, const json_t *o, struct plan_facts *out)
{
    out->first = get_position(r, o, "first");
    out->last = get_position(r, o, "last");
    r->bad = r->bad || position_before(out->last, out->first);
    struct bytes channel = get_text(r, o, "channel", true);
    int found = -1;
    for (int i = 0; i < 3; i++)
        if (bytes_equal(channel, bytes_text(channels[i])))
            found = i;
    r->bad = r->bad || found < 0;
    out->channel = found < 0 ? OUTPUT_MAIN : (enum output_channel)found;
    out->partition = get_text(r, o, "partition", false);
    out->to_s3 = json_is_true(json_object_get(o, "s3"));
    get_place(r, o, &out->place);
    out->first_ms = get_number(r, json_object_get(o, "first_ms"));
    out->entry = get_name(r, o, "entry", false);
    const json_t *failed = json_object_get(o, "failed");
    if (failed)
        get_failure(r, failed, &out->failure);
    bool refused = out->failure.is;
    r->bad = r->bad || (out->to_s3 && (refused || !out->place.bucket)) ||
             (refused && !out->failure.place.bucket);
}

enum status plan_read(struct bytes row, struct plan_facts *out, struct fault *f)
{
    *out = (struct plan_facts){0};
    arena_init(&out->arena, ARENA_BYTES_LEAST + ARENA_BYTES_A_BYTE * row.len);
    json_t *o = json_loadb((const char *)row.at, row.len, JSON_REJECT_DUPLICATES, NULL);
    struct reader r = {.arena = &out->arena, .bad = !json_is_object(o)};
    if (!r.bad)
        get_plan(&r, o, out);
    json_decref(o);
    if (!r.bad)
        return OK;
    arena_fini(&out->arena);
    return fault_set(f, CORRUPT, "a stored plan of a delivery cannot be read");
}

void place_write(const struct place_row *p, struct buf *out)
{
    buf_printf(out, "{\"next\": %llu, \"sub\": %u, \"stream\": %llu}",
               (unsigned long long)p->next.offset, p->next.sub, (unsigned long long)p->stream);
}

enum status place_read(struct bytes row, struct place_row *out, struct fault *f)
{
    json_t *o = json_loadb((const char *)row.at, row.len, JSON_REJECT_DUPLICATES, NULL);
    struct reader r = {.bad = !json_is_object(o)};
    if (!r.bad) {
        out->next.offset = get_number(&r, json_object_get(o, "next"));
        out->next.sub = (uint32_t)get_number(&r, json_object_get(o, "sub"));
        out->stream = get_number(&r, json_object_get(o, "stream"));
    }
    json_decref(o);
    return r.bad ? fault_set(f, CORRUPT, "a stored place of a delivery cannot be read") : OK;
}
