/* store_ahead.c: has the disk fetch what a reader will ask for next, while it digests what it got.
 *
 * Who reads a log from the disk in large pieces reads on: GetRecords after GetRecords. LevelDB maps its tables and faults its way through
 * them, so a reader waits for the disk, then the disk for the reader. After each large read has been answered the kernel is told of as many
 * bytes behind it: it fetches them into its page cache while the answer is written and sent.
 *
 * Nothing depends on it: what is not there yet is waited for as before. Costs no memory of ours. Thread: disk readers. */
#include "shards/store_internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { AHEAD_LEAST = 256 * 1024, AHEAD_MOST = 16 * 1024 * 1024, PIECE_BYTES = 1024 * 1024 };

int segment_table_open(const struct store *s, uint64_t number)
{
    char folder[STORE_PATH_BYTES], newest[300] = "", path[STORE_PATH_BYTES + 300];
    segment_path(s, number, folder);
    DIR *d = opendir(folder);
    for (const struct dirent *e; d && (e = readdir(d));) {
        size_t len = strlen(e->d_name);
        if (len > 4 && strcmp(e->d_name + len - 4, ".ldb") == 0 && strcmp(e->d_name, newest) > 0)
            snprintf(newest, sizeof(newest), "%s", e->d_name);
    }
    if (d)
        closedir(d);
    if (!newest[0])
        return -1;
    snprintf(path, sizeof(path), "%s/%s", folder, newest);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Where in its table the values from `from` to `last` lie, roughly: LevelDB answers by the table's index. */
static void table_range(const struct segment *g, struct log_place place, uint64_t from,
                        uint64_t last, uint64_t *at, uint64_t *len)
{
    uint8_t first_key[SEGMENT_KEY_BYTES], last_key[SEGMENT_KEY_BYTES];
    uint64_t sizes[2];
    segment_key(place, from, first_key);
    segment_key(place, last, last_key);
    const char *const begins[] = {"", (const char *)first_key};
    const char *const ends[] = {(const char *)first_key, (const char *)last_key};
    const size_t begin_lens[] = {0, SEGMENT_KEY_BYTES};
    const size_t end_lens[] = {SEGMENT_KEY_BYTES, SEGMENT_KEY_BYTES};
    leveldb_approximate_sizes(g->db, 2, begins, begin_lens, ends, end_lens, sizes);
    *at = sizes[0];
    *len = sizes[1];
}

/* One row's part; how many bytes that was. */
static uint64_t fetch(struct store *s, const struct store_row *row, uint64_t from, uint64_t bytes)
{
    struct segment *g;
    struct fault f;
    uint64_t at, len;
    if (segment_open_sealed(s, row->segment, &g, &f) != OK)
        return 0; /* who reads it will say why */
    table_range(g, row->place, from, row->last, &at, &len);
    segment_unref(g);
    len += VALUE_BYTES_MERGED; /* its last value */
    len = len < bytes ? len : bytes;
    int fd = segment_table_open(s, row->segment);
    if (fd < 0)
        return 0;
    for (uint64_t done = 0; done < len; done += PIECE_BYTES)
        (void)readahead(fd, (off_t)(at + done), PIECE_BYTES);
    close(fd);
    return len;
}

struct read_ahead read_ahead_of(const struct log_read *r)
{
    struct read_ahead a = {.place = r->log->place};
    if (r->kind != LOG_READ_FROM || r->status != OK || r->span_count == 0)
        return a;
    for (uint32_t i = 0; i < r->span_count; i++)
        a.bytes += r->spans[i]->len;
    if (a.bytes < AHEAD_LEAST)
        a.bytes = 0;
    a.bytes = a.bytes < AHEAD_MOST ? a.bytes : AHEAD_MOST;
    const struct log_span *newest = r->spans[r->span_count - 1];
    a.from = newest->first_offset + newest->count;
    return a;
}

void store_read_ahead(struct store *s, const struct read_ahead *a)
{
    uint64_t from = a->from, bytes = a->bytes;
    while (bytes) {
        struct store_row row;
        struct fault f;
        if (index_find(s, a->place, from, &row, &f) != OK || row.first > from)
            return; /* not sealed yet: it is in memory */
        uint64_t fetched = fetch(s, &row, from, bytes);
        if (fetched == 0)
            return;
        bytes -= fetched;
        from = row.last + 1;
    }
}
