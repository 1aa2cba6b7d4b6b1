/* frame_fuzz.c: any bytes as a file of frames. Each 48 bytes of the input become a block: what stands
 * before the payload, and four bytes of that; when the first byte says so, checks and numbers are set
 * right, so that what is behind them is reached. Whatever it holds: what is told whole is whole by
 * itself, and both readers of the file agree with it. */
#include "base/mem.h"
#include "base/must.h"
#include "shards/store_frame.h"
#include "shards/store_frame_file.h"
#include "shards/store_wal.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

enum { EACH = 48, BLOCKS_MAX = 80, SOUND = 1 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_sound(uint8_t *block, uint32_t at)
{
    struct frame_block b = {
        .generation = block[8] & 1,
        .offset = block[16] | (uint64_t)block[17] << 8,
        .block = block[4] & 0x80 ? block[4] : at,
        .frame = block[24],
        .synced = block[28],
        .used = (uint16_t)((block[32] | block[33] << 8) % (FRAME_ROOM + 1)),
        .begins = block[34] & 1,
        .ends = block[34] & 2,
        .head = at < FRAME_HEADS,
    };
    frame_block_seal(block, &b);
}

static struct frame_scan scan(const uint8_t *blocks, uint32_t count)
{
    struct frame_scan s = {0};
    for (uint32_t i = 0; i < count; i++)
        frame_scan_block(&s, blocks + (size_t)i * FRAME_BLOCK_BYTES);
    /* a file that is shorter than its heads ends behind them */
    must(s.blocks <= count || s.blocks == FRAME_HEADS);
    must(s.bytes <= (uint64_t)s.blocks * FRAME_ROOM && s.frames <= s.blocks);
    return s;
}

static void read_as_leveldb(const char *path, const struct frame_scan *s)
{
    struct frame_reader *r;
    struct fault f;
    static char piece[WAL_BLOCK_BYTES];
    size_t got = sizeof(piece);
    uint64_t all = 0;
    enum status st = frame_reader_open(path, &r, &f);
    must(st == (frame_scan_damaged(s) ? CORRUPT : s->framed ? OK : END));
    while (st == OK && got == sizeof(piece)) {
        must(frame_reader_read(r, piece, sizeof(piece), &got, &f) == OK);
        all += got;
    }
    if (st != OK)
        return;
    must(all == s->bytes);
    frame_reader_close(r);
}

static void tell(void *arg, enum wal_state state, struct bytes record)
{
    (void)record;
    *(uint64_t *)arg += state == WAL_WHOLE;
}

static void read_as_recovery(const char *path, const struct frame_scan *s)
{
    struct wal_facts facts;
    struct fault f;
    uint64_t whole = 0;
    enum status st = wal_read(path, tell, &whole, &facts, &f);
    must(st == (s->strange ? CORRUPT : OK));
    if (st == OK) {
        must(facts.framed == s->framed && facts.records == whole);
        must(!s->framed || facts.lost == frame_scan_damaged(s));
        must(facts.flawed || !s->more);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t blocks[BLOCKS_MAX * FRAME_BLOCK_BYTES];
    char path[64];
    uint32_t count = size ? (uint32_t)((size - 1) / EACH) : 0;
    if (count == 0 || count > BLOCKS_MAX)
        return 0;
    size_t len = (size_t)count * FRAME_BLOCK_BYTES;
    memset(blocks, 0, len);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *block = blocks + (size_t)i * FRAME_BLOCK_BYTES;
        memcpy(block, data + 1 + (size_t)i * EACH, EACH);
        if (data[0] & SOUND)
            make_sound(block, i);
    }
    struct frame_scan s = scan(blocks, count);
    struct frame_scan part = scan(blocks, s.blocks < count ? s.blocks : count);
    must(part.frames == s.frames && part.bytes == s.bytes && !part.more);
    int fd = memfd_create("frames", 0);
    must(fd >= 0 && write(fd, blocks, len) == (ssize_t)len);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (!s.strange || s.framed) { /* else a first piece that is sound makes it LevelDB's own */
        read_as_leveldb(path, &s);
        read_as_recovery(path, &s);
    }
    close(fd);
    return 0;
}
