/* process_delimit.c: AppendDelimiterToRecord: a newline, or what its Delimiter says, behind each record. Thread: the lane's. */
#include "base/mem.h"
#include "delivery/process_internal.h"

struct bytes delimiter_unescape(struct arena *a, struct bytes text)
{
    static const char from[] = "nrt\\", to[] = "\n\r\t\\";
    uint8_t *out = arena_take(a, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; out && i < text.len; i++) {
        const char *meant =
            text.at[i] == '\\' && i + 1 < text.len ? strchr(from, text.at[i + 1]) : NULL;
        bool is_escape = meant && *meant;
        out[len++] = is_escape ? (uint8_t)to[meant - from] : text.at[i];
        i += is_escape;
    }
    return out ? bytes_of(out, len) : BYTES_NONE;
}

struct delimit {
    struct arena arena;
    struct bytes delimiter;
};

static void close_delimit(void *own)
{
    struct delimit *d = own;
    arena_fini(&d->arena);
    mem_free(d);
}

static enum status open(const struct process_parameters *p, void **out, struct fault *f)
{
    struct delimit *d = MEM_NEW(struct delimit);
    *out = d;
    arena_init(&d->arena, SIZE_MAX / 2);
    struct bytes text = processor_parameter(p->processor, "Delimiter");
    d->delimiter = bytes_present(text) ? delimiter_unescape(&d->arena, text) : BYTES_LITERAL("\n");
    return bytes_present(d->delimiter) ? OK
                                       : fault_set(f, NO_MEMORY, "no memory to process records");
}

static enum status run(void *own, struct process_work *w)
{
    const struct delimit *d = own;
    for (uint32_t n = 0; n < w->count; n++) {
        struct process_item *i = &w->items[n];
        if (i->fate != ITEM_GOES_ON)
            continue;
        uint8_t *at = arena_take(&w->batch->arena, i->data.len + d->delimiter.len + 1);
        if (!at)
            return NO_MEMORY;
        if (i->data.len)
            memcpy(at, i->data.at, i->data.len);
        memcpy(at + i->data.len, d->delimiter.at, d->delimiter.len);
        i->data = bytes_of(at, i->data.len + d->delimiter.len);
    }
    return OK;
}

const struct process_step_kind process_delimit = {
    .processor = "AppendDelimiterToRecord", .open = open, .close = close_delimit, .run = run};
