/* group_json_test.c: rows as JSON: what is written is read back; what is no row is refused. */
#include "base/mem.h"
#include "groups/group_json.h"
#include "unit/base/cmocka_all.h"

#include <string.h>

static void is_written_as(const struct group_row *row, const char *text)
{
    struct group_row again;
    json_t *object = group_row_json(row);
    char *written = json_dumps(object, JSON_COMPACT | JSON_SORT_KEYS);
    assert_string_equal(written, text);
    assert_true(group_row_of_json(object, &again));
    assert_memory_equal(row, &again, sizeof(again));
    mem_free(written);
    json_decref(object);
}

static void rows_are_written_and_read_back(void **state)
{
    (void)state;
    struct group_row row = {.kind = GROUP_ROW_HEAD, .head = {1700000000000, 12, true}};
    is_written_as(&row, "{\"created_ms\":1700000000000,\"last_session\":12,\"listed\":true}");
    row = (struct group_row){
        .kind = GROUP_ROW_MEMBER,
        .member = {.name = "a", .session = 12, .session_timeout_ms = 6000, .handover_ms = 0}};
    is_written_as(&row, "{\"name\":\"a\",\"session\":12,\"session_timeout_ms\":6000}");
    row = (struct group_row){.kind = GROUP_ROW_LEASE,
                             .lease = {.shard_id = "s",
                                       .epoch = 3,
                                       .owner = "a",
                                       .revoked = true,
                                       .checkpoint = {.sequence = "12", .sub = 1}}};
    is_written_as(
        &row,
        "{\"at\":\"12\",\"epoch\":3,\"owner\":\"a\",\"revoked_ms\":0,\"shard\":\"s\",\"sub\":1}");
}

static void what_is_no_row_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "[]",
        "{}",
        "{\"listed\":true,\"created_ms\":-1}",
        "{\"listed\":true,\"last_session\":\"1\"}",
        "{\"name\":\"a\"}",
        "{\"name\":\"\",\"session_timeout_ms\":1}",
        "{\"name\":7,\"session_timeout_ms\":1}",
        "{\"name\":\"a\\u0000b\",\"session_timeout_ms\":1}",
        "{\"name\":\"a\",\"session_timeout_ms\":4294967296}",
        "{\"shard\":\"s\",\"at\":\"01\"}",
        "{\"shard\":\"s\",\"at\":1}",
        "{\"shard\":\"s\",\"epoch\":1.5}",
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        struct group_row row;
        json_t *object = json_loads(wrong[i], JSON_ALLOW_NUL, NULL);
        assert_non_null(object);
        assert_false(group_row_of_json(object, &row));
        json_decref(object);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_written_and_read_back),
        cmocka_unit_test(what_is_no_row_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
