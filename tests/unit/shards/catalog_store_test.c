/* catalog_store_test.c: rows written by older programs are read for what they meant. */
#include "shards/catalog_store.h"

#include "base/file.h"
#include "base/mem.h"
#include "unit/base/cmocka_all.h"

#include <leveldb/c.h>
#include <stdio.h>
#include <stdlib.h>

struct given {
    char folder[64];
    struct catalog_reader reader;
    struct scope scope;
    char account[ACCOUNT_BYTES + 1];
    struct commitment commitment;
    unsigned streams, keys;
};

static enum status found_stream(struct catalog_reader *r, const struct stream_settings *s,
                                struct fault *f)
{
    (void)f;
    struct given *g = (struct given *)((char *)r - offsetof(struct given, reader));
    g->scope = s->scope;
    g->streams++;
    return OK;
}

static enum status found_key(struct catalog_reader *r, const char *access_key, const char *secret,
                             const char *account, uint64_t created_ms, struct fault *f)
{
    (void)f;
    (void)created_ms;
    struct given *g = (struct given *)((char *)r - offsetof(struct given, reader));
    assert_string_equal(access_key, "AKIA1");
    assert_string_equal(secret, "s");
    snprintf(g->account, sizeof(g->account), "%s", account);
    g->keys++;
    return OK;
}

static enum status found_account(struct catalog_reader *r, const struct scope *scope,
                                 const struct commitment *commitment, struct fault *f)
{
    (void)f;
    struct given *g = (struct given *)((char *)r - offsetof(struct given, reader));
    g->scope = *scope;
    g->commitment = *commitment;
    return OK;
}

static int setup(void **state)
{
    static struct given g;
    g = (struct given){
        .folder = "/tmp/sluice-catalog-XXXXXX",
        .reader = {.stream = found_stream, .key = found_key, .account = found_account}};
    assert_non_null(mkdtemp(g.folder));
    struct catalog_store *s;
    struct fault f;
    assert_int_equal(catalog_store_open(g.folder, &s, &f), OK);
    catalog_store_close(s);
    *state = &g;
    return 0;
}

static int teardown(void **state)
{
    struct given *g = *state;
    return folder_remove(g->folder, NULL);
}

/* Without a value: takes it out. */
static void put_raw(struct given *g, const char *key, const char *value)
{
    char *error = NULL;
    leveldb_options_t *options = leveldb_options_create();
    leveldb_writeoptions_t *write = leveldb_writeoptions_create();
    leveldb_t *db = leveldb_open(options, g->folder, &error);
    assert_null(error);
    if (value)
        leveldb_put(db, write, key, strlen(key), value, strlen(value), &error);
    else
        leveldb_delete(db, write, key, strlen(key), &error);
    assert_null(error);
    leveldb_close(db);
    leveldb_writeoptions_destroy(write);
    leveldb_options_destroy(options);
}

static enum status read_back(struct given *g, struct fault *f)
{
    struct catalog_store *s;
    assert_int_equal(catalog_store_open(g->folder, &s, f), OK);
    enum status st = catalog_store_read(s, &g->reader, f);
    catalog_store_close(s);
    return st;
}

static void assert_format(struct given *g, const char *wanted)
{
    char *error = NULL;
    size_t len;
    leveldb_options_t *options = leveldb_options_create();
    leveldb_readoptions_t *read = leveldb_readoptions_create();
    leveldb_t *db = leveldb_open(options, g->folder, &error);
    assert_null(error);
    char *row = leveldb_get(db, read, "meta/format", 11, &len, &error);
    assert_non_null(row);
    assert_int_equal(len, strlen(wanted));
    assert_memory_equal(row, wanted, len);
    leveldb_free(row);
    leveldb_close(db);
    leveldb_readoptions_destroy(read);
    leveldb_options_destroy(options);
}

/* So that the program that wrote it does not serve it any more. */
static void a_folder_of_an_earlier_format_becomes_one_of_this(void **state)
{
    struct given *g = *state;
    struct fault f = {0};
    assert_format(g, "{\"format\":3}");
    put_raw(g, "meta/format", "{\"format\":1}");
    assert_int_equal(read_back(g, &f), OK);
    assert_format(g, "{\"format\":3}");
}

static void a_folder_of_a_later_format_is_refused(void **state)
{
    struct given *g = *state;
    struct catalog_store *s;
    struct fault f = {0};
    put_raw(g, "meta/format", "{\"format\":4}");
    assert_int_equal(catalog_store_open(g->folder, &s, &f), UNSUPPORTED);
    assert_string_equal(f.text,
                        "catalog: this folder has format 4, and this program knows only 1 to 3");
    assert_format(g, "{\"format\":4}");
}

#define STREAM_ROW "stream/00000000000000000001"
#define STREAM_REST                                                                                \
    "\"number\":1,\"name\":\"s\",\"mode\":0,\"status\":1,\"created_ms\":1,\"retention_hours\":24," \
    "\"record_kib_max\":1024,\"record_kib_given\":false,\"warm_given\":false,\"warm_mibps\":0,"    \
    "\"next_shard\":1,\"tags\":{}}"

static void rows_older_than_scopes_name_none(void **state)
{
    struct given *g = *state;
    struct fault f = {0};
    put_raw(g, STREAM_ROW, "{" STREAM_REST);
    put_raw(g, "key/AKIA1", "{\"secret\":\"s\",\"created_ms\":1}");
    assert_int_equal(read_back(g, &f), OK);
    assert_int_equal(g->streams, 1);
    assert_int_equal(g->keys, 1);
    assert_string_equal(g->scope.account, "");
    assert_string_equal(g->account, "");
}

static void a_scope_is_read_as_it_was_written(void **state)
{
    struct given *g = *state;
    struct fault f = {0};
    put_raw(g, STREAM_ROW, "{\"account\":\"123456789012\",\"region\":\"eu-west-1\"," STREAM_REST);
    put_raw(g, "key/AKIA1", "{\"secret\":\"s\",\"created_ms\":1,\"account\":\"123456789012\"}");
    assert_int_equal(read_back(g, &f), OK);
    assert_string_equal(g->scope.account, "123456789012");
    assert_string_equal(g->scope.region, "eu-west-1");
    assert_string_equal(g->account, "123456789012");
}

static void an_accounts_commitment_is_read_as_it_was_written(void **state)
{
    struct given *g = *state;
    struct fault f = {0};
    put_raw(g, "account/123456789012/eu-west-1", "{\"started_ms\":5,\"ends_ms\":9}");
    assert_int_equal(read_back(g, &f), OK);
    assert_string_equal(g->scope.account, "123456789012");
    assert_string_equal(g->scope.region, "eu-west-1");
    assert_int_equal(g->commitment.started_ms, 5);
    assert_int_equal(g->commitment.ends_ms, 9);
}

static void what_was_never_written_so_is_refused(void **state)
{
    struct given *g = *state;
    static const char *const rows[][2] = {
        {STREAM_ROW, "{\"account\":\"123456789012\"," STREAM_REST},
        {STREAM_ROW, "{\"account\":\"12345678901x\",\"region\":\"eu-west-1\"," STREAM_REST},
        {STREAM_ROW, "{\"account\":\"123456789012\",\"region\":\"EU/west\"," STREAM_REST},
        {STREAM_ROW, "{\"policy\":\"{}\"," STREAM_REST},
        {STREAM_ROW, "{\"policy\":{}," STREAM_REST},
        {"account/123456789012/", "{\"started_ms\":1,\"ends_ms\":0}"},
        {"account/123456789012", "{\"started_ms\":1,\"ends_ms\":0}"},
        {"account/12345678901/eu-west-1", "{\"started_ms\":1,\"ends_ms\":0}"},
        {"account/123456789012/eu-west-1", "{\"started_ms\":1,\"ends_ms\":-1}"},
        {"account/123456789012/eu-west-1", "{\"started_ms\":1}"},
        {"key/AKIA1", "{\"secret\":\"s\",\"created_ms\":1,\"account\":\"1\"}"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct fault f = {0};
        put_raw(g, STREAM_ROW, "{" STREAM_REST);
        put_raw(g, rows[i][0], rows[i][1]);
        assert_int_equal(read_back(g, &f), CORRUPT);
        assert_non_null(strstr(f.text, rows[i][0]));
        put_raw(g, rows[i][0], NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_of_an_earlier_format_becomes_one_of_this, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_folder_of_a_later_format_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_older_than_scopes_name_none, setup, teardown),
        cmocka_unit_test_setup_teardown(a_scope_is_read_as_it_was_written, setup, teardown),
        cmocka_unit_test_setup_teardown(an_accounts_commitment_is_read_as_it_was_written, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_was_never_written_so_is_refused, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
