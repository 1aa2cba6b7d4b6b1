/* row_store_test.c: what LevelDB says is told apart, by the words that it says. */
#include "shards/row_store.h"

#include "unit/base/cmocka_all.h"

static void leveldbs_words_are_told_apart(void **state)
{
    (void)state;
    assert_int_equal(leveldb_status("Corruption: block checksum mismatch"), CORRUPT);
    assert_int_equal(leveldb_status("IO error: lock d/LOCK: already held by process"), IN_USE);
    assert_int_equal(leveldb_status("IO error: lock d/LOCK: Resource temporarily unavailable"),
                     IN_USE);
    assert_int_equal(leveldb_status("IO error: d/000003.log: No space left on device"), NO_SPACE);
    assert_int_equal(leveldb_status("IO error: no memory to read d/000003.log"), NO_MEMORY);
    assert_int_equal(leveldb_status("IO error: d/000003.log: Input/output error"), IO_FAILED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(leveldbs_words_are_told_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
