/* store_wal.c: LevelDB's write-ahead log as stored bytes, in a file of its own or taken out of
 * frames (store_frame.h).
 *
 * The log is a row of 32 KiB blocks. A record (for us: one commit) is one or more pieces; no piece
 * crosses a block, and a block's last bytes are zero when not even a piece's head fits.
 *
 *   piece:   | CRC-32C, masked, of type and data u32 | length u16 | type u8: 1 full, 2 first, 3 middle, 4 last | data |
 *   record:  | sequence u64 | count u32 | count entries: 1 put: key, value; 0 delete: key; each | varint length | bytes |
 *
 * A commit is synced before the next one begins. So a flaw behind which no record begins any more
 * is a last write that a crash cut short, and may go; a flaw with an intact beginning behind it
 * lies in what was acknowledged. With durability = relaxed syncs are rarer: each begins with an
 * empty batch, so what stands two of these before the end of the log was synced. Frames say what was
 * durable, and what was not is not shown here unless something is damaged.
 *
 * Behind a bad piece the next one is looked for where its length says; if nothing sound stands
 * there, the length itself is bad, and every place in the rest of the block is tried. A place
 * counts only if sound pieces follow from it up to the end of the block or the log: so that bytes
 * inside somebody's record are not taken for a piece.
 *
 * I1. A log that was cut short anywhere, or whose last record alone is flawed, is torn, never
 * damaged.
 * I2. A log with a flaw before its last record is damaged, never torn.
 * I3. Nothing outside
 * the bytes given is read, whatever they say.
 *
 * Left to others: what to do about damage (store_salvage.c). Thread: any. */
#include "shards/store_wal.h"

#include "base/digest.h"
#include "base/mem.h"
#include "base/must.h"
#include "shards/bytes_internal.h"

enum { PIECE_FULL = 1, PIECE_FIRST, PIECE_MIDDLE, PIECE_LAST };

/* Larger than any commit: an append of a whole request, with its neighbours. */
enum { RECORD_BYTES_MAX = 256 << 20 };

static uint32_t masked_crc(struct bytes type_and_data)
{
    uint32_t crc = crc32c_extend(0, type_and_data);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

/* Whether a piece whose head fits at `at` also ends within the block. */
static bool piece_fits(struct bytes block, size_t at)
{
    return block.len - at >= WAL_HEADER_BYTES &&
           block.len - at - WAL_HEADER_BYTES >= get_le16(block.at + at + 4);
}

static size_t piece_bytes(struct bytes block, size_t at)
{
    return WAL_HEADER_BYTES + (size_t)get_le16(block.at + at + 4);
}

static bool piece_sound(struct bytes block, size_t at)
{
    if (!piece_fits(block, at))
        return false;
    uint8_t type = block.at[at + 6];
    return type >= PIECE_FULL && type <= PIECE_LAST &&
           get_le32(block.at + at) ==
               masked_crc(bytes_of(block.at + at + 6, piece_bytes(block, at) - 6));
}

bool wal_begins_sound(struct bytes block)
{
    return piece_sound(block, 0);
}

static bool all_zero(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (b.at[i])
            return false;
    return true;
}

/* Nothing more can stand at `at`: the block is used up. */
static bool block_ends(struct bytes block, size_t at)
{
    return block.len - at < WAL_HEADER_BYTES && all_zero(bytes_of(block.at + at, block.len - at));
}

/* Sound pieces from `at` on, to the end of the block. */
static bool sound_to_end(struct bytes block, size_t at)
{
    while (!block_ends(block, at)) {
        if (!piece_sound(block, at))
            return false;
        at += piece_bytes(block, at);
    }
    return true;
}

/* The place behind a bad piece at which reading may go on; *trusted: the bad piece's own length led
 * there. */
static size_t resume_at(struct bytes block, size_t at, bool *trusted)
{
    *trusted = false;
    if (piece_fits(block, at) && block.at[at + 6] >= PIECE_FULL && block.at[at + 6] <= PIECE_LAST) {
        size_t next = at + piece_bytes(block, at);
        *trusted = block_ends(block, next) || piece_sound(block, next);
        if (*trusted)
            return next;
    }
    for (size_t next = at + 1; next + WAL_HEADER_BYTES <= block.len; next++)
        if (piece_sound(block, next) && sound_to_end(block, next))
            return next;
    return block.len;
}

void wal_scan_init(struct wal_scan *s, wal_record_fn *tell, void *arg)
{
    *s = (struct wal_scan){.tell = tell, .arg = arg};
    buf_init(&s->record, RECORD_BYTES_MAX);
}

void wal_scan_fini(struct wal_scan *s)
{
    buf_fini(&s->record);
}

static void gather(struct wal_scan *s, struct bytes data)
{
    s->record_bytes += data.len;
    if (s->tell)
        buf_append(&s->record, data);
}

static void begin(struct wal_scan *s, uint64_t at)
{
    s->inside = true;
    s->hurt = false;
    s->record_at = at;
    s->record_bytes = 0;
    buf_clear(&s->record);
}

static void flaw(struct wal_scan *s)
{
    s->facts.flawed = true;
}

static void tell_lost(struct wal_scan *s)
{
    flaw(s);
    s->inside = false;
    if (s->tell)
        s->tell(s->arg, WAL_LOST, BYTES_NONE);
}

static void finish(struct wal_scan *s, uint64_t end)
{
    bool marker = !s->hurt && s->record_bytes == WAL_BATCH_HEAD_BYTES;
    s->inside = false;
    if (s->hurt)
        flaw(s);
    else if (s->facts.flawed)
        s->facts.markers_after_flaw += marker;
    else
        s->facts.whole_bytes = end;
    if (!s->hurt && s->facts.records++ == 0)
        s->facts.relaxed = marker && !s->facts.flawed;
    if (s->tell)
        s->tell(s->arg, s->hurt ? WAL_HURT : WAL_WHOLE, buf_view(&s->record));
}

/* A piece that is sound, or bad with a length to trust. */
static void take_piece(struct wal_scan *s, uint8_t type, struct bytes data, uint64_t at, bool sound)
{
    bool starts = type == PIECE_FULL || type == PIECE_FIRST;
    if (starts == s->inside) { /* a beginning inside a record, or a rest without a beginning */
        tell_lost(s);
        if (!starts)
            return;
    }
    if (starts) {
        if (sound && s->facts.flawed)
            s->facts.starts_after_flaw++;
        begin(s, at);
    }
    if (!sound) {
        s->hurt = true;
        flaw(s);
    }
    gather(s, data);
    if (type == PIECE_FULL || type == PIECE_LAST)
        finish(s, at + WAL_HEADER_BYTES + data.len);
}

void wal_scan_block(struct wal_scan *s, struct bytes block)
{
    bool last_block = block.len < WAL_BLOCK_BYTES;
    size_t at = 0;
    while (!block_ends(block, at)) {
        struct bytes data = BYTES_NONE;
        if (piece_fits(block, at))
            data = bytes_of(block.at + at + WAL_HEADER_BYTES,
                            piece_bytes(block, at) - WAL_HEADER_BYTES);
        if (piece_sound(block, at)) {
            take_piece(s, block.at[at + 6], data, s->at + at, true);
            at += piece_bytes(block, at);
            continue;
        }
        bool trusted;
        size_t next = resume_at(block, at, &trusted);
        if (trusted)
            take_piece(s, block.at[at + 6], data, s->at + at, false);
        else
            tell_lost(s);
        at = next;
    }
    if (last_block && at < block.len)
        flaw(s); /* the beginning of a head */
    s->at += block.len;
}

void wal_scan_end(struct wal_scan *s)
{
    if (s->inside)
        tell_lost(s);
}

bool wal_is_damaged(const struct wal_facts *facts)
{
    if (!facts->flawed)
        return false;
    if (facts->lost)
        return true;
    if (facts->relaxed && !facts->framed)
        return facts->markers_after_flaw >= 2;
    return facts->starts_after_flaw > 0;
}

/* ---- batches ---- */

static bool take_varint(struct bytes *rest, uint32_t *out)
{
    uint32_t n = 0;
    for (unsigned shift = 0; shift <= 28; shift += 7) {
        if (rest->len == 0)
            return false;
        uint8_t byte = rest->at[0];
        *rest = bytes_of(rest->at + 1, rest->len - 1);
        n |= (uint32_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            *out = n;
            return true;
        }
    }
    return false;
}

static bool take_slice(struct bytes *rest, struct bytes *out)
{
    uint32_t len;
    if (!take_varint(rest, &len) || rest->len < len)
        return false;
    *out = bytes_of(rest->at, len);
    *rest = bytes_of(rest->at + len, rest->len - len);
    return true;
}

bool wal_batch_walk(struct bytes record, void (*entry)(void *arg, const struct wal_entry *),
                    void *arg)
{
    enum { TAG_DELETE = 0, TAG_PUT = 1 };
    if (record.len < WAL_BATCH_HEAD_BYTES)
        return false;
    uint32_t count = get_le32(record.at + 8);
    struct bytes rest =
        bytes_of(record.at + WAL_BATCH_HEAD_BYTES, record.len - WAL_BATCH_HEAD_BYTES);
    for (uint32_t i = 0; i < count; i++) {
        if (rest.len == 0 || rest.at[0] > TAG_PUT)
            return false;
        struct wal_entry e = {.deleted = rest.at[0] == TAG_DELETE};
        rest = bytes_of(rest.at + 1, rest.len - 1);
        if (!take_slice(&rest, &e.key) || (!e.deleted && !take_slice(&rest, &e.value)))
            return false;
        entry(arg, &e);
    }
    return rest.len == 0;
}
