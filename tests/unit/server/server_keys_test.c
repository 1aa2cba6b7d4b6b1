/* server_keys_test.c: keys over a real catalog: durable first, in force then. */
#include "server/server_keys.h"

#include "base/file.h"
#include "support/log_memory.h"

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct running {
    char root[64], folder[128];
    struct log_engine *logs;
    struct stream_table *streams;
    struct catalog *catalog;
    struct keys *keys;
    struct server_keys server_keys;
};

static void start(struct running *r)
{
    struct fault f;
    r->logs = log_memory_new(&clock_system);
    r->streams = stream_table_new();
    r->keys = keys_new();
    const struct catalog_settings settings = {.folder = r->folder,
                                              .logs = r->logs,
                                              .streams = r->streams,
                                              .clock = &clock_system,
                                              .home = {"000000000000", "us-east-1"},
                                              .shard_limit = 10,
                                              .on_demand_limit = 10};
    assert_int_equal(catalog_open(&settings, &r->catalog, &f), OK);
    server_keys_init(&r->server_keys, r->catalog, r->keys);
}

static void stop(struct running *r)
{
    server_keys_fini(&r->server_keys);
    catalog_close(r->catalog);
    keys_free(r->keys);
    stream_table_free(r->streams);
    r->logs->ops->close(r->logs);
}

static int set_up(void **state)
{
    static struct running r;
    r = (struct running){.root = "/tmp/sluice-keys-XXXXXX"};
    assert_non_null(mkdtemp(r.root));
    snprintf(r.folder, sizeof(r.folder), "%s/catalog", r.root);
    start(&r);
    *state = &r;
    return 0;
}

static int tear_down(void **state)
{
    struct running *r = *state;
    stop(r);
    assert_int_equal(folder_remove(r->folder, NULL), OK);
    return rmdir(r->root);
}

/* Whether a request signed with this key would be taken. */
static bool in_force(struct running *r, const char *access_key)
{
    uint8_t key[SIGV4_KEY_BYTES];
    char account[ACCOUNT_BYTES];
    struct fault f;
    return keys_signing_key(r->keys, bytes_text(access_key), BYTES_LITERAL("20261124"),
                            BYTES_LITERAL("us-east-1"), BYTES_LITERAL("kinesis"), key, account,
                            &f) == OK;
}

static enum status add(struct running *r, const char *access_key, struct fault *f)
{
    struct admin_keys *admin = &r->server_keys.admin;
    return admin->add(admin, bytes_text(access_key), BYTES_LITERAL("secret"), BYTES_NONE, f);
}

static void a_key_is_in_force_at_once_and_after_a_restart(void **state)
{
    struct running *r = *state;
    struct fault f;
    assert_false(in_force(r, "AKIAONE"));
    assert_int_equal(add(r, "AKIAONE", &f), OK);
    assert_true(in_force(r, "AKIAONE"));
    stop(r);
    start(r);
    assert_true(in_force(r, "AKIAONE"));
    assert_int_equal(r->server_keys.admin.count(&r->server_keys.admin), 1);
    assert_string_equal(r->server_keys.admin.name(&r->server_keys.admin, 0), "AKIAONE");
}

static void a_key_keeps_its_account(void **state)
{
    struct running *r = *state;
    struct admin_keys *admin = &r->server_keys.admin;
    struct fault f;
    char account[ACCOUNT_BYTES];
    assert_int_equal(admin->add(admin, BYTES_LITERAL("AKIAONE"), BYTES_LITERAL("secret"),
                                BYTES_LITERAL("123456789012"), &f),
                     OK);
    assert_int_equal(add(r, "AKIATWO", &f), OK);
    for (int again = 0; again < 2; again++) {
        keys_account(r->keys, BYTES_LITERAL("AKIAONE"), account);
        assert_string_equal(account, "123456789012");
        keys_account(r->keys, BYTES_LITERAL("AKIATWO"), account);
        assert_string_equal(account, "");
        assert_string_equal(r->server_keys.admin.account(admin, 0), "123456789012");
        assert_string_equal(r->server_keys.admin.account(admin, 1), "");
        stop(r);
        start(r);
    }
}

static void a_removed_key_opens_nothing_then_and_after_a_restart(void **state)
{
    struct running *r = *state;
    struct admin_keys *admin = &r->server_keys.admin;
    struct fault f;
    assert_int_equal(add(r, "AKIAONE", &f), OK);
    assert_int_equal(add(r, "AKIATWO", &f), OK);
    assert_int_equal(admin->remove(admin, BYTES_LITERAL("AKIAONE"), &f), OK);
    assert_false(in_force(r, "AKIAONE"));
    assert_true(in_force(r, "AKIATWO"));
    assert_int_equal(admin->remove(admin, BYTES_LITERAL("AKIAONE"), &f), NOT_FOUND);
    stop(r);
    start(r);
    assert_false(in_force(r, "AKIAONE"));
    assert_true(in_force(r, "AKIATWO"));
}

static void too_many_keys_are_refused_and_the_last_not_kept(void **state)
{
    struct running *r = *state;
    struct fault f;
    char name[32];
    for (int i = 0; i < KEY_NAMES_MAX; i++) {
        snprintf(name, sizeof(name), "AKIA%d", i);
        assert_int_equal(key_names_add(&r->server_keys.names, bytes_text(name), BYTES_NONE, &f),
                         OK);
    }
    assert_int_equal(add(r, "AKIAMORE", &f), LIMIT_EXCEEDED);
    assert_false(in_force(r, "AKIAMORE"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_key_is_in_force_at_once_and_after_a_restart, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_key_keeps_its_account, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_removed_key_opens_nothing_then_and_after_a_restart,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_keys_are_refused_and_the_last_not_kept, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
