/* store_salvage.c: an unsealed segment whose write-ahead log is damaged before its last write.
 *
 * All that is whole goes into a fresh segment; the damaged folder stays beside it, for whoever
 * wants to look. A commit that is hurt but whose entries can still be told apart costs only the
 * logs whose values fail their checks. Where a stretch cannot be read at all, a log is proven whole
 * only if its offsets go on behind the stretch where they ended before; every other log with data
 * in the segment is refused from where it is known to end.
 *
 *   N damaged -> N.salvaged filled, flushed -> refused logs into the index
 *   -> N to N.damaged, N.salvaged to N -> recovered as usual
 *
 * W1. Nothing that fails a check goes into the fresh segment.
 * W2. A log is refused for good (a row of the index) unless all of it in this segment is proven
 * whole.
 * W3. A crash at any moment leaves either the damaged segment, to be salvaged anew, or the
 * fresh one.
 *
 * Thread: the opener's, or the sealer's. */
#include "shards/store_internal.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/must.h"
#include "base/trace.h"
#include "shards/bytes_internal.h"
#include "shards/store_wal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* What is known of one log in the segment. */
struct sighting {
    uint8_t key[12];
    struct log_place place;
    uint64_t next;   /* one past the last offset seen whole */
    uint64_t losses; /* how many stretches were lost before it was last seen */
    bool hurt;       /* refused, from `from` on */
    uint64_t from;
    uint64_t probe, probed_in; /* what `next` would become by the record being judged */
};

struct salvage {
    struct store *store;
    leveldb_t *fresh;
    struct table logs;
    uint64_t records, losses, values;
    /* the record being judged */
    bool explained; /* something in it fails its own check */
    bool strange;   /* something in it cannot be what was written */
    leveldb_writebatch_t *batch;
    enum status status;
    struct fault *fault;
};

static struct sighting *sight(struct salvage *v, struct log_place place)
{
    uint8_t key[SEGMENT_KEY_BYTES];
    segment_key(place, 0, key);
    struct sighting *l = table_find(&v->logs, bytes_of(key, 12));
    if (l)
        return l;
    l = MEM_NEW(struct sighting);
    memcpy(l->key, key, 12);
    l->place = place;
    l->next = UINT64_MAX; /* not seen yet */
    l->losses = v->losses;
    table_set(&v->logs, bytes_of(l->key, 12), l);
    return l;
}

static void hurt(struct sighting *l, uint64_t from)
{
    if (!l->hurt || from < l->from)
        l->from = from;
    l->hurt = true;
}

/* A value that passes its checks, where it is expected or where a stretch was lost before. */
static void keep(struct salvage *v, struct sighting *l, const struct wal_entry *e,
                 const struct span_facts *facts)
{
    if (l->next != UINT64_MAX && facts->first_offset > l->next)
        hurt(l, l->next);
    l->next = facts->first_offset + facts->count;
    l->losses = v->losses;
    v->values++;
    leveldb_writebatch_put(v->batch, (const char *)e->key.at, e->key.len, (const char *)e->value.at,
                           e->value.len);
}

/* First pass over a hurt record: is the flaw explained by values that fail their checks, and all
 * else what must follow? A value's check does not cover its key, so a key is believed only if its
 * offset goes on. */
static void probe(void *arg, const struct wal_entry *e)
{
    struct salvage *v = arg;
    struct log_place place;
    struct span_facts facts;
    uint64_t offset;
    if (e->deleted || !segment_key_parse((const char *)e->key.at, e->key.len, &place, &offset)) {
        v->strange = true;
        return;
    }
    struct sighting *l = sight(v, place);
    if (l->probed_in != v->records) {
        l->probed_in = v->records;
        l->probe = l->next;
    }
    v->strange = v->strange || (l->probe != UINT64_MAX && l->probe != offset);
    if (span_survey(e->value, true, &facts, NULL) == OK && facts.first_offset == offset)
        l->probe = offset + facts.count;
    else
        v->explained = true;
}

/* Second pass: what is whole is kept. */
static void judge(void *arg, const struct wal_entry *e)
{
    struct salvage *v = arg;
    struct log_place place;
    struct span_facts facts;
    uint64_t offset;
    if (e->deleted || !segment_key_parse((const char *)e->key.at, e->key.len, &place, &offset))
        return;
    struct sighting *l = sight(v, place);
    if (span_survey(e->value, true, &facts, NULL) == OK && facts.first_offset == offset)
        keep(v, l, e, &facts);
    else
        hurt(l, offset);
}

static void salvage_record(void *arg, enum wal_state state, struct bytes record)
{
    struct salvage *v = arg;
    char *error = NULL;
    if (v->status != OK)
        return;
    v->records++;
    v->explained = v->strange = false;
    bool told = state != WAL_LOST && wal_batch_walk(record, probe, v);
    if (state == WAL_HURT)
        told = told && v->explained && !v->strange;
    if (!told) {
        v->losses++; /* who was hurt cannot be told: whoever is not seen to go on */
        return;
    }
    leveldb_writebatch_clear(v->batch);
    wal_batch_walk(record, judge, v);
    leveldb_write(v->fresh, v->store->write_options, v->batch, &error);
    if (error)
        v->status = store_leveldb_fault(error, "salvaging", v->fault);
}

static enum status salvage_file(void *arg, const char *path, struct fault *f)
{
    struct salvage *v = arg;
    struct wal_facts facts;
    enum status st = wal_read(path, salvage_record, v, &facts, f);
    return st == OK ? v->status : st;
}

/* W2. Frees what is known of the logs; tells the index, unless it is not the whole truth. */
static enum status refuse_hurt(struct salvage *v, uint64_t number, enum status filled,
                               struct fault *f)
{
    leveldb_writebatch_t *b = leveldb_writebatch_create();
    size_t at = 0;
    void *value;
    while (table_next(&v->logs, &at, &value)) {
        struct sighting *l = value;
        struct store_damage damage = {l->place, 0, number};
        if (l->losses < v->losses && l->next != UINT64_MAX)
            hurt(l, l->next);
        damage.from = l->from;
        if (l->hurt && filled == OK) {
            index_put_damage(b, &damage);
            trace(TRACE_ERROR, "store",
                  "stream %" PRIu64 ", shard %" PRIu32 " is refused from offset %" PRIu64 " on",
                  l->place.stream, l->place.shard, l->from);
        }
        mem_free(l);
    }
    table_fini(&v->logs);
    if (filled == OK)
        return index_commit(v->store, b, f);
    leveldb_writebatch_destroy(b);
    return filled;
}

struct names {
    char damaged[STORE_PATH_BYTES], fresh[STORE_PATH_BYTES], aside[STORE_PATH_BYTES],
        parent[STORE_PATH_BYTES];
};

static void name_all(const struct store *s, uint64_t number, struct names *n)
{
    segment_path(s, number, n->damaged);
    must(snprintf(n->fresh, STORE_PATH_BYTES, "%.480s.salvaged", n->damaged) < STORE_PATH_BYTES);
    must(snprintf(n->aside, STORE_PATH_BYTES, "%.480s.damaged", n->damaged) < STORE_PATH_BYTES);
    must(snprintf(n->parent, STORE_PATH_BYTES, "%.480s/segments", s->folder) < STORE_PATH_BYTES);
}

static enum status move(const char *from, const char *to, struct fault *f)
{
    if (rename(from, to) == 0)
        return OK;
    return fault_set(f, status_from_errno(errno), "cannot rename %s to %s: %m", from, to);
}

/* W3 */
static enum status swap(const struct names *n, struct fault *f)
{
    enum status st = folder_sync(n->fresh, f);
    if (st == OK && file_exists(n->damaged))
        st = move(n->damaged, n->aside, f);
    if (st == OK)
        st = folder_sync(n->parent, f);
    if (st == OK)
        st = move(n->fresh, n->damaged, f);
    return st == OK ? folder_sync(n->parent, f) : st;
}

static enum status fill(struct salvage *v, const struct names *n, struct fault *f)
{
    char *error = NULL;
    enum status st = folder_remove(n->fresh, f);
    if (st == OK)
        st = folder_make(n->fresh, f);
    if (st != OK)
        return st;
    v->fresh = leveldb_open(v->store->options, n->fresh, &error);
    if (error)
        return store_leveldb_fault(error, n->fresh, f);
    v->batch = leveldb_writebatch_create();
    st = wal_each_file(n->damaged, salvage_file, v, f);
    leveldb_writebatch_destroy(v->batch);
    leveldb_compact_range(v->fresh, NULL, 0, NULL, 0);
    if (st == OK && v->values && !segment_has_table(v->fresh))
        st = fault_set(f, IO_FAILED, "%s could not be flushed", n->fresh);
    leveldb_close(v->fresh);
    return st;
}

static enum status salvage_log(struct store *s, uint64_t number, struct fault *f)
{
    struct names n;
    struct salvage v = {.store = s, .fault = f};
    name_all(s, number, &n);
    table_init(&v.logs);
    enum status st = fill(&v, &n, f);
    st = refuse_hurt(&v, number, st, f);
    if (st == OK)
        st = swap(&n, f);
    else if (st == CORRUPT) /* nothing of it can be read: it is set aside (B3) */
        (void)!folder_remove(n.fresh, NULL);
    if (st == OK)
        trace(TRACE_ERROR, "store",
              "segment %020" PRIu64 " was damaged: %" PRIu64 " values were salvaged, %" PRIu64
              " stretches could not be read; it is kept as %s",
              number, v.values, v.losses, n.aside);
    return st;
}

/* LevelDB's list of its own files is damaged: it can make a new one from the files. */
static enum status repair(struct store *s, uint64_t number, struct fault *f)
{
    char path[STORE_PATH_BYTES], *error = NULL;
    segment_path(s, number, path);
    trace(TRACE_ERROR, "store", "repairing segment %020" PRIu64 ": %s", number, f->text);
    leveldb_repair_db(s->options, path, &error);
    return error ? store_leveldb_fault(error, "repairing", f) : folder_sync(path, f);
}

enum status store_salvage(struct store *s, uint64_t number, struct fault *f)
{
    char path[STORE_PATH_BYTES];
    struct fault why = {0};
    segment_path(s, number, path);
    return wal_mend(path, &why) == CORRUPT ? salvage_log(s, number, f) : repair(s, number, f);
}

enum status store_salvage_resume(struct store *s, uint64_t number, struct fault *f)
{
    struct names n;
    name_all(s, number, &n);
    if (!file_exists(n.fresh))
        return OK;
    return file_exists(n.damaged) ? folder_remove(n.fresh, f) : swap(&n, f);
}
