/* transform_answer_fuzz.c: any bytes as a transform's answer, as a body and as lines: each record has a fate, and what is refused marks nothing. */
#include "delivery/transform.h"

#include "base/must.h"

enum { RECORDS = 4 };

static volatile unsigned seen;

static void check(enum status (*read)(struct transform_reading *, struct bytes), struct bytes data)
{
    struct process_record records[RECORDS];
    struct process_item all[RECORDS], *items[RECORDS];
    struct process_batch batch = {.records = records, .count = RECORDS};
    struct process_work work = {.batch = &batch, .items = all, .count = RECORDS};
    struct partition_names names = {.count = 1, .at = {BYTES_LITERAL("k")}};
    arena_init(&batch.arena, 64 * 1024 * 1024);
    for (uint32_t i = 0; i < RECORDS; i++) {
        records[i] = (struct process_record){.offset = i / 2, .data = BYTES_LITERAL("x")};
        all[i] = (struct process_item){.record = i, .sub = i % 2, .data = records[i].data};
        items[i] = &all[i];
    }
    struct arena scratch;
    arena_init(&scratch, 64 * 1024 * 1024);
    struct transform_reading r = {.work = &work,
                                  .items = items,
                                  .count = RECORDS,
                                  .names = &names,
                                  .scratch = &scratch,
                                  .attempts = 1};
    enum status st = read(&r, data);
    arena_fini(&scratch);
    must(st == OK || st == MALFORMED || st == NO_MEMORY);
    for (uint32_t i = 0; i < RECORDS; i++) {
        must(st == OK || all[i].fate == ITEM_GOES_ON);
        must((all[i].fate == ITEM_FAILED) == (all[i].failure != NULL));
        must(st != OK || all[i].fate != ITEM_GOES_ON || bytes_present(all[i].from_transform));
        for (size_t n = 0; st == OK && n < all[i].data.len; n++)
            seen += all[i].data.at[n]; /* it is still there */
    }
    arena_fini(&batch.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(transform_read_body, bytes_of(data, size));
    check(transform_read_lines, bytes_of(data, size));
    return 0;
}
