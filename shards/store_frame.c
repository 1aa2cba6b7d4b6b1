/* store_frame.c: the blocks of frames: see store_frame.h, which draws them.
 *
 * Why a block and not a frame is what is checked: blocks have a fixed place, so what follows a
 * damaged one is found without believing a length, and damage costs one block.
 *
 * Why there are heads: a file that was used before holds sound frames of that use. Its heads are
 * overwritten, and that is synced, before it gets the name of a log; so whoever finds it under that
 * name knows which frames are this use's, even if there is none yet. Two, in blocks of their own, so
 * that damage to one loses nothing.
 *
 * Promises: F1 to F3 in the header. Nothing outside the block given is read, whatever it says.
 * Left to others: files (store_frame_read.c, store_frame_write.c), what to do about damage
 * (store_salvage.c). Thread: any. */
#include "shards/store_frame.h"

#include "base/digest.h"
#include "shards/bytes_internal.h"

enum { MAGIC = 0x4c415753 /* "SWAL" */, BEGINS = 1, ENDS = 2, HEAD = 4, CHECKED_BYTES = 40 };

void frame_block_seal(uint8_t block[FRAME_BLOCK_BYTES], const struct frame_block *b)
{
    put_le32(block, MAGIC);
    put_le32(block + 4, b->block);
    put_le64(block + 8, b->generation);
    put_le64(block + 16, b->offset);
    put_le32(block + 24, b->frame);
    put_le32(block + 28, b->synced);
    put_le16(block + 32, b->used);
    block[34] = (uint8_t)((b->begins ? BEGINS : 0) | (b->ends ? ENDS : 0) | (b->head ? HEAD : 0));
    block[35] = 0;
    put_le32(block + 36, crc32c_extend(0, frame_block_payload(block, b)));
    put_le32(block + 40, crc32c_extend(0, bytes_of(block, CHECKED_BYTES)));
}

bool frame_block_parse(const uint8_t block[FRAME_BLOCK_BYTES], struct frame_block *out)
{
    if (get_le32(block) != MAGIC ||
        get_le32(block + 40) != crc32c_extend(0, bytes_of(block, CHECKED_BYTES)))
        return false;
    *out = (struct frame_block){
        .block = get_le32(block + 4),
        .generation = get_le64(block + 8),
        .offset = get_le64(block + 16),
        .frame = get_le32(block + 24),
        .synced = get_le32(block + 28),
        .used = get_le16(block + 32),
        .begins = block[34] & BEGINS,
        .ends = block[34] & ENDS,
        .head = block[34] & HEAD,
    };
    return out->used <= FRAME_ROOM;
}

bool frame_block_whole(const uint8_t block[FRAME_BLOCK_BYTES], const struct frame_block *b)
{
    return get_le32(block + 36) == crc32c_extend(0, frame_block_payload(block, b));
}

/* The head itself, or its copy. */
static void take_head(struct frame_scan *s, const struct frame_block *b)
{
    if (s->framed && s->generation != b->generation)
        s->strange = true;
    if (!s->framed)
        s->generation = b->generation;
    s->framed = true;
}

bool frame_is_ours(const struct frame_scan *s, uint32_t at, const uint8_t block[FRAME_BLOCK_BYTES],
                   struct frame_block *out)
{
    /* No block holds more than its room: so an offset cannot lead anywhere far. */
    return s->framed && at >= FRAME_HEADS && frame_block_parse(block, out) &&
           out->generation == s->generation && out->block == at && !out->head &&
           out->offset <= (uint64_t)(at - FRAME_HEADS) * FRAME_ROOM;
}

/* F2: whether it is what must follow. */
static bool follows(const struct frame_scan *s, const uint8_t *block, const struct frame_block *b)
{
    return !s->flawed && b->frame == s->frames && b->begins != s->inside &&
           b->offset == s->offset && (b->ends || b->used == FRAME_ROOM) && b->synced <= b->frame &&
           frame_block_whole(block, b);
}

static void take_block(struct frame_scan *s, const uint8_t *block, uint32_t at)
{
    struct frame_block b;
    if (!frame_is_ours(s, at, block, &b)) {
        s->flawed = true;
        return;
    }
    s->durable = b.synced > s->durable ? b.synced : s->durable;
    if (!follows(s, block, &b)) {
        s->flawed = true;
        s->more = true;
        return;
    }
    s->offset += b.used;
    s->inside = !b.ends;
    s->more = s->inside;
    if (b.ends) {
        s->frames++;
        s->blocks = at + 1;
        s->bytes = s->offset;
    }
}

void frame_scan_block(struct frame_scan *s, const uint8_t block[FRAME_BLOCK_BYTES])
{
    struct frame_block b;
    uint32_t at = s->at++;
    if (at >= FRAME_HEADS && s->framed) {
        take_block(s, block, at);
        return;
    }
    if (!frame_block_parse(block, &b) || b.block != at)
        return;
    if (at < FRAME_HEADS && b.head) {
        take_head(s, &b);
        s->blocks = FRAME_HEADS;
    } else {
        s->strange = true;
    }
}
