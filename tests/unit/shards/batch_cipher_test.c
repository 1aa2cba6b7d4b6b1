/* batch_cipher_test.c: a batch opens where it was sealed, and nowhere else. */
#include "shards/batch_cipher.h"

#include "base/digest.h"
#include "support/key_file.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>

enum { COUNT = 3, ROOM = 512 };

struct subject {
    struct key_file file;
    struct stream_table *streams; /* NULL, but where a test sets it */
    struct stream_view *view;
    struct arena arena;
    uint8_t batch[ROOM];
    size_t len;
    struct batch_header header;
};

static struct stream_view *view_of(struct key_file *file, uint64_t number)
{
    struct fault f;
    struct stream_settings settings = {.number = number, .scope = {"111111111111", "eu-west-1"}};
    snprintf(settings.name, sizeof(settings.name), "s");
    struct encryption_owner owner = stream_settings_owner(&settings);
    assert_int_equal(stream_encryption_start(NULL, file->keys, &owner, BYTES_LITERAL("alias/a"), 1,
                                             &settings.encryption, &f),
                     OK);
    struct stream_view *v = stream_view_new(&settings, NULL, 0, 1);
    stream_encryption_unref(settings.encryption);
    return v;
}

/* Seals COUNT records into shard 4, epoch 1, and puts the header before them. */
static void fill(struct subject *s)
{
    uint8_t key[AEAD_KEY_BYTES], *body = s->batch + BATCH_HEADER_BYTES;
    uint8_t *at = body + BATCH_CIPHER_HEAD;
    struct fault f;
    for (int i = 0; i < COUNT; i++)
        at = record_pack(at, BYTES_LITERAL("a key"), BYTES_LITERAL("some data"), NULL);
    size_t packed = (size_t)(at - body) - BATCH_CIPHER_HEAD;
    struct log_place place = {s->view->settings.number, 4};
    assert_int_equal(stream_settings_data_key(&s->view->settings, s->file.keys, 1, key, &f), OK);
    batch_seal(key, place, 1, COUNT, body, packed);
    s->header = (struct batch_header){.flags = BATCH_ENCRYPTED,
                                      .count = COUNT,
                                      .body_len = (uint32_t)(packed + BATCH_CIPHER_EXTRA),
                                      .key_epoch = 1};
    s->header.body_crc = crc32c_extend(0, bytes_of(body, s->header.body_len));
    batch_header_write(&s->header, s->batch);
    s->len = BATCH_HEADER_BYTES + s->header.body_len;
}

static int setup(void **state)
{
    static struct subject s;
    key_file_open(&s.file, KEY_A " alias/a enabled " BITS_1 "\n");
    s.view = view_of(&s.file, 7);
    arena_init(&s.arena, 1 << 20);
    fill(&s);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct subject *s = *state;
    arena_fini(&s->arena);
    stream_view_unref(s->view);
    key_file_close(&s->file);
    return 0;
}

static enum status opens(struct subject *s, const struct stream_view *v, uint32_t shard,
                         const struct batch_header *h, struct bytes *body)
{
    struct batch_opener o;
    struct fault f;
    batch_opener_init(&o, v, s->streams, s->file.keys);
    enum status st = batch_open(&o, shard, bytes_of(s->batch, s->len), h, &s->arena, body, &f);
    batch_opener_fini(&o);
    return st;
}

static void records_come_back_as_they_were(void **state)
{
    struct subject *s = *state;
    struct batch_header h;
    struct fault f;
    struct bytes body;
    struct record_walk w;
    struct record r;
    assert_int_equal(batch_header_read(bytes_of(s->batch, s->len), &h, &f), OK);
    assert_int_equal(h.key_epoch, 1);
    assert_null(memmem(s->batch, s->len, "some data", 9));
    assert_null(memmem(s->batch, s->len, "a key", 5));
    assert_int_equal(opens(s, s->view, 4, &h, &body), OK);
    record_walk_body_init(&w, body, &h);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(record_walk_next(&w, &r, &f), OK);
        assert_true(bytes_equal(r.key, BYTES_LITERAL("a key")));
        assert_true(bytes_equal(r.data, BYTES_LITERAL("some data")));
    }
    assert_int_equal(record_walk_next(&w, &r, &f), END);
    record_walk_init(&w, bytes_of(s->batch, s->len), &h); /* who forgets to open it is told */
    assert_int_equal(record_walk_next(&w, &r, &f), CORRUPT);
}

static void another_place_epoch_or_count_is_refused(void **state)
{
    struct subject *s = *state;
    struct bytes body;
    struct batch_header h = s->header;
    assert_int_equal(opens(s, s->view, 5, &h, &body), CORRUPT);
    h.count = COUNT - 1;
    assert_int_equal(opens(s, s->view, 4, &h, &body), CORRUPT);
    h = s->header;
    h.key_epoch = 2;
    assert_int_equal(opens(s, s->view, 4, &h, &body), CORRUPT);
    struct stream_view *other = view_of(&s->file, 8);
    assert_int_equal(opens(s, other, 4, &s->header, &body), CORRUPT);
    stream_view_unref(other);
    h = s->header;
    h.base_offset = 99; /* the committer's: not bound */
    h.base_time_ms = 5;
    assert_int_equal(opens(s, s->view, 4, &h, &body), OK);
}

static void any_changed_bit_is_refused(void **state)
{
    struct subject *s = *state;
    struct bytes body;
    for (size_t bit = 8 * BATCH_HEADER_BYTES; bit < 8 * s->len; bit++) {
        s->batch[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(opens(s, s->view, 4, &s->header, &body), CORRUPT);
        s->batch[bit / 8] ^= (uint8_t)(1 << bit % 8);
        arena_reset(&s->arena);
    }
    struct batch_header h = s->header;
    for (h.body_len = 0; h.body_len < s->header.body_len; h.body_len++)
        assert_int_equal(opens(s, s->view, 4, &h, &body), CORRUPT);
}

static void a_key_that_is_away_is_told_of_and_a_plain_batch_needs_none(void **state)
{
    struct subject *s = *state;
    struct bytes body;
    key_file_set(&s->file, "");
    assert_int_equal(opens(s, s->view, 4, &s->header, &body), KEY_NOT_FOUND);
    key_file_set(&s->file, KEY_A " - disabled " BITS_1);
    assert_int_equal(opens(s, s->view, 4, &s->header, &body), KEY_DISABLED);
    struct batch_header h = s->header;
    h.flags = 0;
    assert_int_equal(opens(s, s->view, 4, &h, &body), OK);
    assert_ptr_equal(body.at, s->batch + BATCH_HEADER_BYTES);
}

/* A reader whose view is older than the data key: the one in force knows it. */
static void a_key_made_since_the_view_was_taken_is_looked_up(void **state)
{
    struct subject *s = *state;
    struct bytes body;
    struct stream_settings plain = s->view->settings;
    plain.encryption = NULL;
    struct stream_view *old = stream_view_new(&plain, NULL, 0, 1);
    assert_int_equal(opens(s, old, 4, &s->header, &body), CORRUPT);
    s->streams = stream_table_new();
    struct stream *stream = stream_new(stream_view_ref(s->view));
    stream_table_add(s->streams, stream);
    assert_int_equal(opens(s, old, 4, &s->header, &body), OK);
    stream_table_remove(s->streams, stream);
    assert_int_equal(opens(s, old, 4, &s->header, &body), CORRUPT);
    stream_unref(stream);
    stream_table_free(s->streams);
    s->streams = NULL;
    stream_view_unref(old);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(records_come_back_as_they_were),
        TEST(another_place_epoch_or_count_is_refused),
        TEST(any_changed_bit_is_refused),
        TEST(a_key_made_since_the_view_was_taken_is_looked_up),
        TEST(a_key_that_is_away_is_told_of_and_a_plain_batch_needs_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
