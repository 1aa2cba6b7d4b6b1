/* wal_fuzz.c: any bytes as a LevelDB log, with the checks of its pieces set right when the first
 * byte says so, so that what is behind them is reached. Whatever it holds: what is told whole and
 * what is torn must agree with a second look at the part that was called whole. */
#include "base/digest.h"
#include "base/mem.h"
#include "base/must.h"
#include "shards/store_wal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void entry(void *arg, const struct wal_entry *e)
{
    size_t *sum = arg;
    *sum += e->key.len + e->value.len;
}

static void tell(void *arg, enum wal_state state, struct bytes record)
{
    size_t sum = 0;
    if (state != WAL_LOST)
        wal_batch_walk(record, entry, &sum);
    must(sum <= record.len);
    *(uint64_t *)arg += state == WAL_WHOLE;
}

static struct wal_facts scan(struct bytes bytes, uint64_t *whole)
{
    struct wal_scan s;
    *whole = 0;
    wal_scan_init(&s, tell, whole);
    for (size_t at = 0; at <= bytes.len; at += WAL_BLOCK_BYTES) {
        size_t left = bytes.len - at;
        wal_scan_block(&s,
                       bytes_of(bytes.at + at, left < WAL_BLOCK_BYTES ? left : WAL_BLOCK_BYTES));
    }
    wal_scan_end(&s);
    must(s.facts.records == *whole && s.facts.whole_bytes <= bytes.len);
    struct wal_facts facts = s.facts;
    wal_scan_fini(&s);
    return facts;
}

/* Makes every piece's check fit, as far as the lengths lead. */
static void make_sound(uint8_t *bytes, size_t len)
{
    for (size_t at = 0; at + WAL_HEADER_BYTES <= len;) {
        size_t left = WAL_BLOCK_BYTES - at % WAL_BLOCK_BYTES,
               data = bytes[at + 4] | (size_t)bytes[at + 5] << 8;
        if (left < WAL_HEADER_BYTES) {
            at += left;
            continue;
        }
        if (data > left - WAL_HEADER_BYTES || at + WAL_HEADER_BYTES + data > len)
            return;
        uint32_t crc = crc32c_extend(0, bytes_of(bytes + at + 6, 1 + data));
        uint32_t masked = ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
        for (int i = 0; i < 4; i++)
            bytes[at + (size_t)i] = (uint8_t)(masked >> 8 * i);
        at += WAL_HEADER_BYTES + data;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t whole, again;
    if (size == 0)
        return 0;
    uint8_t *bytes = mem_must(size);
    memcpy(bytes, data + 1, size - 1);
    if (data[0] & 1)
        make_sound(bytes, size - 1);
    struct wal_facts facts = scan(bytes_of(bytes, size - 1), &whole);
    struct wal_facts part = scan(bytes_of(bytes, facts.whole_bytes), &again);
    must(!part.flawed && part.whole_bytes == facts.whole_bytes && again <= whole);
    mem_free(bytes);
    return 0;
}
