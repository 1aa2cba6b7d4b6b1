/* leveldb_threads_test.c: one thread puts and another reads, in a LevelDB of nothing but its own: what it promises holds, and under
 * ThreadSanitizer nothing of it is reported (tests/tsan/plain_memory.c: without that, some of each run is). */
#include "base/file.h"
#include "base/must.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <leveldb/c.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 20000, KEYS = 100000, STRIDE = 7919, KEY_BYTES = 8 };

struct shared {
    leveldb_t *db;
    _Atomic unsigned rows; /* put so far; relaxed, so that it orders nothing else */
    bool failed;           /* the writer's, until it is joined */
    unsigned wrong;        /* the reader's, likewise */
    unsigned found;
};

static void key_of(unsigned i, char key[KEY_BYTES + 1])
{
    snprintf(key, KEY_BYTES + 1, "%08u", i * STRIDE % KEYS);
}

static void *put_all(void *arg)
{
    struct shared *s = arg;
    leveldb_writeoptions_t *options = leveldb_writeoptions_create();
    char key[KEY_BYTES + 1], *error = NULL;
    for (unsigned i = 0; i < ROWS && !error; i++) {
        key_of(i, key);
        leveldb_put(s->db, options, key, KEY_BYTES, key, KEY_BYTES, &error);
        atomic_fetch_add_explicit(&s->rows, 1, memory_order_relaxed);
    }
    s->failed = error != NULL;
    leveldb_writeoptions_destroy(options);
    return NULL;
}

/* Each row's value is its key. */
static void *seek_all(void *arg)
{
    struct shared *s = arg;
    leveldb_readoptions_t *options = leveldb_readoptions_create();
    char key[KEY_BYTES + 1];
    while (atomic_load_explicit(&s->rows, memory_order_relaxed) == 0)
        sched_yield();
    for (unsigned i = 0; i < ROWS; i++) {
        leveldb_iterator_t *it = leveldb_create_iterator(s->db, options);
        key_of(i, key);
        leveldb_iter_seek(it, key, KEY_BYTES);
        if (leveldb_iter_valid(it)) {
            size_t key_len, value_len;
            const char *k = leveldb_iter_key(it, &key_len);
            const char *v = leveldb_iter_value(it, &value_len);
            s->found++;
            s->wrong += key_len != KEY_BYTES || value_len != KEY_BYTES ||
                        memcmp(k, v, KEY_BYTES) != 0 || memcmp(k, key, KEY_BYTES) < 0;
        }
        leveldb_iter_destroy(it);
    }
    leveldb_readoptions_destroy(options);
    return NULL;
}

static void a_reader_beside_the_writer_sees_whole_rows(void **state)
{
    (void)state;
    char folder[] = "/tmp/sluice-leveldb-XXXXXX", *error = NULL;
    struct fault f;
    struct shared s = {0};
    pthread_t writer, reader;
    must(mkdtemp(folder));
    leveldb_options_t *options = leveldb_options_create();
    leveldb_options_set_create_if_missing(options, 1);
    s.db = leveldb_open(options, folder, &error);
    assert_null(error);
    must(pthread_create(&writer, NULL, put_all, &s) == 0);
    must(pthread_create(&reader, NULL, seek_all, &s) == 0);
    must(pthread_join(writer, NULL) == 0 && pthread_join(reader, NULL) == 0);
    assert_false(s.failed);
    assert_true(s.found > 0);
    assert_int_equal(s.wrong, 0);
    leveldb_close(s.db);
    leveldb_options_destroy(options);
    assert_int_equal(folder_remove(folder, &f), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_beside_the_writer_sees_whole_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
