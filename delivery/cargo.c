/* cargo.c: see the header. Without compression results stand in `body` as they come: one copy from the log's memory. */
#include "delivery/cargo.h"

#include "base/mem.h"

enum { SMALL_BYTES = 64 * 1024 };

void cargo_init(struct cargo *c, enum compression compression, bool with_records, struct bytes name)
{
    *c = (struct cargo){.compression = compression, .with_records = with_records, .name = name};
    buf_init(&c->plain, SIZE_MAX / 2);
    buf_init(&c->body, SIZE_MAX / 2);
}

void cargo_fini(struct cargo *c)
{
    compressor_free(c->compressor);
    c->compressor = NULL;
    buf_fini(&c->plain);
    buf_fini(&c->body);
    mem_free(c->records);
    c->records = NULL;
    c->room = 0;
}

static enum status note_record(struct cargo *c, struct position at, uint64_t time_ms, size_t len)
{
    if (c->count == c->room) {
        uint32_t room = c->room ? 2 * c->room : 64;
        struct parcel_record *grown = mem_resize_try(c->records, room * sizeof(*grown));
        if (!grown)
            return NO_MEMORY;
        c->records = grown;
        c->room = room;
    }
    c->records[c->count] = (struct parcel_record){
        .offset = at.offset, .sub = at.sub, .time_ms = time_ms, .at = c->body.len, .len = len};
    return OK;
}

/* From the small buffer into a compressor, which then is there. */
static enum status start_compressor(struct cargo *c)
{
    enum status st =
        compressor_new(c->compression, c->name, c->columnar, &c->body, &c->compressor, NULL);
    if (st != OK)
        return st;
    compressor_feed(c->compressor, buf_view(&c->plain));
    buf_fini(&c->plain);
    buf_init(&c->plain, SIZE_MAX / 2);
    return c->body.status;
}

static enum status put(struct cargo *c, struct bytes data)
{
    if (c->compression == COMPRESSION_NONE) {
        buf_append(&c->body, data);
        return c->body.status;
    }
    if (!c->compressor && c->plain.len + data.len <= SMALL_BYTES) {
        buf_append(&c->plain, data);
        return c->plain.status;
    }
    enum status st = c->compressor ? OK : start_compressor(c);
    if (st != OK)
        return st;
    compressor_feed(c->compressor, data);
    return c->body.status;
}

enum status cargo_add(struct cargo *c, struct position at, uint64_t time_ms, struct bytes data)
{
    enum status st = c->with_records ? note_record(c, at, time_ms, data.len) : OK;
    if (st == OK)
        st = put(c, data);
    if (st != OK)
        return st;
    if (c->count == 0) {
        c->first = at;
        c->first_ms = time_ms;
    }
    c->first_ms = time_ms < c->first_ms ? time_ms : c->first_ms;
    c->last = at;
    c->count++;
    c->bytes += data.len;
    return OK;
}

enum status cargo_close(struct cargo *c)
{
    c->closed = true;
    if (c->compression == COMPRESSION_NONE)
        return c->body.status;
    enum status st = c->compressor ? OK : start_compressor(c);
    if (st != OK)
        return st;
    compressor_finish(c->compressor);
    compressor_free(c->compressor);
    c->compressor = NULL;
    return c->body.status;
}

uint64_t cargo_memory(const struct cargo *c)
{
    return c->plain.room + c->body.room + c->room * sizeof(*c->records) +
           (c->compressor ? compressor_memory(c->compressor) : 0);
}

struct bytes cargo_body(const struct cargo *c)
{
    return buf_view(&c->body);
}
