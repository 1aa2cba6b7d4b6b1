/* delivery_store_test.c: changes are whole, in order, there after opening again; what cannot be read is refused by name. */
#include "delivery/delivery_store.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "delivery/plan.h"
#include "unit/base/cmocka_all.h"

#include <leveldb/c.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

struct given {
    char folder[64];
    struct delivery_store *store;
};

static void open_store(struct given *g)
{
    struct fault f = {0};
    assert_int_equal(delivery_store_open(g->folder, &g->store, &f), OK);
}

static int setup(void **state)
{
    static struct given g;
    g = (struct given){.folder = "/tmp/sluice-delivery-XXXXXX"};
    assert_non_null(mkdtemp(g.folder));
    open_store(&g);
    *state = &g;
    return 0;
}

static int teardown(void **state)
{
    struct given *g = *state;
    char command[96];
    delivery_store_close(g->store);
    snprintf(command, sizeof(command), "rm -rf %s", g->folder);
    return system(command);
}

static enum status print_row(void *arg, struct bytes key, struct bytes value, struct fault *f)
{
    (void)f;
    buf_printf(arg, "%.*s=%.*s ", BYTES_ARGS(key), BYTES_ARGS(value));
    return OK;
}

static void assert_rows(struct given *g, const char *prefix, const char *expected)
{
    struct buf rows;
    struct fault f = {0};
    buf_init(&rows, 1 << 16);
    assert_int_equal(delivery_store_each(g->store, bytes_text(prefix), print_row, &rows, &f), OK);
    buf_append_byte(&rows, 0);
    assert_string_equal((const char *)rows.at, expected);
    buf_fini(&rows);
}

static void put(struct delivery_change *c, const char *key, const char *value)
{
    delivery_change_put(c, bytes_text(key), bytes_text(value));
}

static void write_change(struct given *g, struct delivery_change *c)
{
    struct fault f = {0};
    assert_int_equal(delivery_store_write(g->store, c, &f), OK);
    delivery_change_fini(c);
}

static void rows_are_there_after_opening_again(void **state)
{
    struct given *g = *state;
    struct delivery_change c;
    delivery_change_init(&c, NULL);
    put(&c, "mark/2", "b");
    put(&c, "mark/1", "a");
    put(&c, "other", "o");
    write_change(g, &c);
    delivery_change_init(&c, NULL);
    delivery_change_remove(&c, BYTES_LITERAL("mark/2"));
    put(&c, "mark/3", "c");
    write_change(g, &c);
    assert_rows(g, "mark/", "mark/1=a mark/3=c ");
    delivery_store_close(g->store);
    open_store(g);
    assert_rows(g, "mark/", "mark/1=a mark/3=c ");
    assert_rows(g, "meta/", "meta/format={\"format\":1} ");
    assert_rows(g, "plan/", "");
}

static void removing_by_prefix_sees_changes_just_before_and_spares_its_own_rows(void **state)
{
    struct given *g = *state;
    struct delivery_change before, c;
    delivery_change_init(&before, NULL);
    put(&before, "plan/1/a", "x");
    put(&before, "plan/1/b", "x");
    put(&before, "plan/10/a", "x");
    delivery_change_init(&c, NULL);
    delivery_change_remove_all(&c, BYTES_LITERAL("plan/1/"));
    delivery_change_remove_all(&c, BYTES_LITERAL("none/"));
    put(&c, "plan/1/c", "y");
    write_change(g, &before);
    write_change(g, &c);
    assert_rows(g, "plan/", "plan/1/c=y plan/10/a=x ");
}

static void put_row(struct delivery_change *c, enum delivery_row kind, uint64_t number,
                    uint32_t shard)
{
    struct buf key;
    buf_init(&key, 256);
    row_key(kind, number, shard, "main", (struct position){0}, &key);
    delivery_change_put(c, buf_view(&key), BYTES_LITERAL("x"));
    buf_fini(&key);
}

static enum status count_row(void *arg, struct bytes key, struct bytes value, struct fault *f)
{
    (void)key;
    (void)value;
    (void)f;
    ++*(int *)arg;
    return OK;
}

/* But for meta/format. */
static int count_rows(struct given *g)
{
    struct fault f = {0};
    int count = 0;
    assert_int_equal(delivery_store_each(g->store, BYTES_LITERAL(""), count_row, &count, &f), OK);
    return count - 1;
}

static void all_rows_of_a_shard_go_or_of_a_delivery_stream(void **state)
{
    struct given *g = *state;
    struct delivery_change c;
    const uint32_t shard = 1;
    delivery_change_init(&c, NULL);
    for (int kind = ROW_CURSOR; kind < ROW_KINDS; kind++) {
        put_row(&c, (enum delivery_row)kind, 7, 1);
        put_row(&c, (enum delivery_row)kind, 7, 2);
        put_row(&c, (enum delivery_row)kind, 8, 1);
    }
    write_change(g, &c);
    assert_int_equal(count_rows(g), 3 * ROW_KINDS);
    delivery_change_init(&c, NULL);
    rows_remove(&c, 7, &shard);
    write_change(g, &c);
    assert_int_equal(count_rows(g), 2 * ROW_KINDS);
    delivery_change_init(&c, NULL);
    rows_remove(&c, 7, NULL);
    write_change(g, &c);
    assert_int_equal(count_rows(g), ROW_KINDS);
}

enum { MANY = 500 };
static struct {
    struct delivery_change change;
    _Atomic int *next;
    int place;
} many[MANY];

static void told_in_order(struct delivery_change *c)
{
    int i = (int)(((uintptr_t)c - (uintptr_t)many) / sizeof(*many));
    assert_int_equal(c->status, OK);
    many[i].place = atomic_fetch_add(many[i].next, 1);
    delivery_change_fini(c);
}

static void many_changes_are_told_in_the_order_they_were_submitted(void **state)
{
    struct given *g = *state;
    _Atomic int next = 0;
    for (int i = 0; i < MANY; i++) {
        char key[16], value[16];
        snprintf(key, sizeof(key), "cursor/%d", i % 7);
        snprintf(value, sizeof(value), "%d", i);
        delivery_change_init(&many[i].change, told_in_order);
        many[i].next = &next;
        if (i % 50 == 49)
            delivery_change_remove_all(&many[i].change, BYTES_LITERAL("cursor/"));
        put(&many[i].change, key, value);
        delivery_store_submit(g->store, &many[i].change);
    }
    delivery_store_close(g->store); /* what was submitted is written first */
    for (int i = 0; i < MANY; i++)
        assert_int_equal(many[i].place, i);
    open_store(g);
    assert_rows(g, "cursor/", "cursor/2=499 "); /* the last one removed all before it */
}

static void a_second_server_and_an_unknown_format_are_refused(void **state)
{
    struct given *g = *state;
    struct delivery_store *second;
    struct delivery_change c;
    struct fault f = {0};
    assert_int_equal(delivery_store_open(g->folder, &second, &f), IN_USE);
    delivery_change_init(&c, NULL);
    put(&c, "meta/format", "{\"format\":2}");
    write_change(g, &c);
    delivery_store_close(g->store);
    assert_int_equal(delivery_store_open(g->folder, &g->store, &f), UNSUPPORTED);
    assert_string_equal(f.text,
                        "delivery store: this folder has format 2, and this program knows only 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rows_are_there_after_opening_again, setup, teardown),
        cmocka_unit_test_setup_teardown(
            removing_by_prefix_sees_changes_just_before_and_spares_its_own_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(all_rows_of_a_shard_go_or_of_a_delivery_stream, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(many_changes_are_told_in_the_order_they_were_submitted,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_second_server_and_an_unknown_format_are_refused, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
