/* process_decompress.c: Decompression: each record is a GZIP file of its own.
 *
 * Members behind one another are one, as gunzip has it. What does not read so, or becomes more than INFLATED_BYTES_MAX, fails:
 * a record of a megabyte can hold a gigabyte of zeros. So can the records within one aggregated record: together they have RECORD_BYTES_MAX.
 * A batch ends with the record that took it over BATCH_BYTES: the rest comes again, in the lane's own time (F5). So what a record becomes
 * depends on nothing but itself (F3).
 *
 * Thread: the lane's. */
#include "delivery/process_internal.h"

#include <zlib.h>

enum {
    GZIP_WINDOW = 15 + 16,
    CHUNK_BYTES = 64 * 1024,
    BATCH_BYTES = 16 * 1024 * 1024,
    RECORD_BYTES_MAX = 64 * 1024 * 1024
};

/* One turn of inflate into `out`. END: the member is over. */
static enum status inflate_some(z_stream *z, struct buf *out)
{
    size_t room = INFLATED_BYTES_MAX + 1 - out->len;
    room = room < CHUNK_BYTES ? room : CHUNK_BYTES;
    uint8_t *at = room ? buf_reserve(out, room) : NULL;
    if (!at)
        return room && out->status == NO_MEMORY ? NO_MEMORY : TOO_LARGE;
    z->next_out = at;
    z->avail_out = (uInt)room;
    int r = inflate(z, Z_NO_FLUSH);
    buf_add(out, room - z->avail_out);
    if (out->len > INFLATED_BYTES_MAX)
        return TOO_LARGE;
    if (r == Z_STREAM_END)
        return END;
    if (r == Z_MEM_ERROR)
        return NO_MEMORY;
    return r == Z_OK ? OK : MALFORMED; /* Z_BUF_ERROR: it is cut off */
}

enum status gunzip(struct bytes data, struct buf *out)
{
    z_stream z = {.next_in = (Bytef *)(uintptr_t)data.at, .avail_in = (uInt)data.len};
    if (data.len == 0 || data.len > UINT32_MAX)
        return MALFORMED;
    if (inflateInit2(&z, GZIP_WINDOW) != Z_OK)
        return NO_MEMORY;
    enum status st = OK;
    while (st == OK) {
        st = inflate_some(&z, out);
        if (st == END && z.avail_in)
            st = inflateReset(&z) == Z_OK ? OK : MALFORMED;
    }
    inflateEnd(&z);
    return st == END ? OK : st;
}

/* What was inflated of a batch, or of a record, counts even where it failed: it took its time. */
struct inflated {
    size_t of_batch, of_record;
};

static enum status inflate_item(struct process_work *w, struct process_item *i,
                                struct inflated *all)
{
    struct buf out;
    buf_init(&out, INFLATED_BYTES_MAX + CHUNK_BYTES);
    enum status st = all->of_record < RECORD_BYTES_MAX ? gunzip(i->data, &out) : TOO_LARGE;
    all->of_batch += out.len;
    all->of_record += out.len;
    if (st == OK && all->of_record > RECORD_BYTES_MAX)
        st = TOO_LARGE;
    if (st == OK) {
        i->data = arena_copy(&w->batch->arena, out.len ? buf_view(&out) : BYTES_LITERAL(""));
        st = bytes_present(i->data) ? OK : NO_MEMORY;
    } else if (st != NO_MEMORY) {
        st = item_fail(w, i, "Decompression.Failed",
                       st == TOO_LARGE ? "The decompressed record is too large"
                                       : "The record could not be decompressed as GZIP");
    }
    buf_fini(&out);
    return st;
}

static enum status run(void *own, struct process_work *w)
{
    (void)own;
    enum status st = OK;
    struct inflated all = {0};
    for (uint32_t n = 0; n < w->count && st == OK; n++) {
        bool another = n > 0 && w->items[n - 1].record != w->items[n].record;
        if (another && all.of_batch > BATCH_BYTES) {
            process_take_less(w, n);
            break;
        }
        if (another)
            all.of_record = 0;
        if (w->items[n].fate == ITEM_GOES_ON)
            st = inflate_item(w, &w->items[n], &all);
    }
    return st;
}

const struct process_step_kind process_inflate = {.processor = "Decompression", .run = run};
