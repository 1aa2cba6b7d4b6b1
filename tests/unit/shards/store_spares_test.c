/* store_spares_test.c: which logs are kept to be written over, and when they go. */
#include "shards/store_spares.h"

#include "base/file.h"
#include "base/must.h"
#include "shards/store_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A log that nobody needs, one block long. */
static void make_log(const char *path)
{
    static const uint8_t block[FRAME_BLOCK_BYTES] = {1};
    FILE *file = fopen(path, "wb");
    must(file && fwrite(block, sizeof(block), 1, file) == 1 && fclose(file) == 0);
    must(chmod(path, 0600) == 0);
}

static void spares_are_few_and_go_when_they_must(void **state)
{
    (void)state;
    char folder[] = "/tmp/sluice-spares-XXXXXX", spares[64], log[64], other[64];
    char path[SPARE_PATH_BYTES];
    struct store_spares *s;
    struct fault f;
    must(mkdtemp(folder));
    snprintf(spares, sizeof(spares), "%s/spares", folder);
    snprintf(log, sizeof(log), "%s/000003.log", folder);
    snprintf(other, sizeof(other), "%s/other", folder);
    assert_int_equal(store_spares_open(spares, &s, &f), OK);
    for (unsigned i = 0; i < STORE_SPARES_MAX + 3; i++) {
        make_log(log);
        assert_int_equal(store_spares_keep(s, log, &f), OK);
        assert_int_equal(access(log, F_OK), -1);
    }
    assert_int_equal(store_spares_bytes(s), STORE_SPARES_MAX * FRAME_BLOCK_BYTES);
    assert_true(store_spares_take(s, path));
    assert_int_equal(access(path, F_OK), 0);
    store_spares_allow(s, false);
    assert_int_equal(store_spares_bytes(s), 0);
    assert_false(store_spares_take(s, path));
    make_log(log);
    assert_int_equal(store_spares_keep(s, log, &f), OK);
    assert_int_equal(store_spares_bytes(s), 0);
    store_spares_allow(s, true);
    /* a second name: somebody else still has it */
    make_log(log);
    must(link(log, other) == 0);
    assert_int_equal(store_spares_keep(s, log, &f), OK);
    assert_int_equal(store_spares_bytes(s), 0);
    assert_int_equal(access(other, F_OK), 0);
    store_spares_close(s);
    assert_int_equal(folder_remove(spares, &f), OK);
    assert_int_equal(folder_remove(folder, &f), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spares_are_few_and_go_when_they_must),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
