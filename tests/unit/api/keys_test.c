/* keys_test.c: access keys, and the bounded cache of what is derived from them. */
#include "api/keys.h"

#include "base/mem.h"
#include "base/thread.h"
#include "unit/base/cmocka_all.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>

/* link: -Wl,--wrap=mem_must -Wl,--wrap=mem_free */

#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

/* What is on the heap, and whether something was given back that must not be seen again. */
static _Atomic long live;
static struct bytes hunted[2];
static bool leaked;

void *__real_mem_must(size_t size);
void __real_mem_free(void *p);
void *__wrap_mem_must(size_t size);
void __wrap_mem_free(void *p);

void *__wrap_mem_must(size_t size)
{
    atomic_fetch_add(&live, 1);
    return __real_mem_must(size);
}

void __wrap_mem_free(void *p)
{
    if (p != NULL)
        atomic_fetch_sub(&live, 1);
    for (size_t i = 0; p != NULL && i < 2; i++) {
        if (hunted[i].len > 0 &&
            memmem(p, malloc_usable_size(p), hunted[i].at, hunted[i].len) != NULL)
            leaked = true;
    }
    __real_mem_free(p);
}

static enum status ask(struct keys *k, const char *id, const char *region,
                       uint8_t out[SIGV4_KEY_BYTES])
{
    char account[ACCOUNT_BYTES];
    return keys_signing_key(k, bytes_text(id), bytes_text("20261123"), bytes_text(region),
                            bytes_text("kinesis"), out, account, NULL);
}

static void assert_derived(const uint8_t key[SIGV4_KEY_BYTES], const char *secret,
                           const char *region)
{
    uint8_t expected[SIGV4_KEY_BYTES];
    sigv4_derive_key(bytes_text(secret), bytes_text("20261123"), bytes_text(region),
                     bytes_text("kinesis"), expected);
    assert_memory_equal(key, expected, sizeof(expected));
}

static void a_known_key_gives_what_its_secret_derives_first_and_again(void **state)
{
    (void)state;
    struct keys *k = keys_new();
    uint8_t key[SIGV4_KEY_BYTES];
    keys_set(k, bytes_text("AKIA1"), bytes_text(SECRET), BYTES_NONE);
    for (int i = 0; i < 3; i++) {
        memset(key, 0, sizeof(key));
        assert_int_equal(ask(k, "AKIA1", "us-east-1", key), OK);
        assert_derived(key, SECRET, "us-east-1");
        assert_int_equal(ask(k, "AKIA1", "eu-west-1", key), OK);
        assert_derived(key, SECRET, "eu-west-1");
    }
    keys_free(k);
}

static void an_unknown_key_is_bad_credentials_in_aws_words(void **state)
{
    (void)state;
    struct keys *k = keys_new();
    struct fault f;
    uint8_t key[SIGV4_KEY_BYTES];
    const uint8_t zero[SIGV4_KEY_BYTES] = {0};
    char account[ACCOUNT_BYTES];
    keys_set(k, bytes_text("AKIA1"), bytes_text(SECRET), BYTES_NONE);
    for (int i = 0; i < 2; i++) {
        memset(key, 1, sizeof(key));
        assert_int_equal(keys_signing_key(k, bytes_text("AKIA2"), bytes_text("20261123"),
                                          bytes_text("r"), bytes_text("s"), key, account, &f),
                         BAD_CREDENTIALS);
        assert_string_equal(f.text, "The security token included in the request is invalid.");
        assert_memory_equal(key, zero, sizeof(key));
    }
    assert_int_equal(
        keys_signing_key(k, BYTES_NONE, BYTES_NONE, BYTES_NONE, BYTES_NONE, key, account, &f),
        BAD_CREDENTIALS);
    keys_free(k);
}

static void a_replaced_secret_is_in_force_at_once(void **state)
{
    (void)state;
    struct keys *k = keys_new();
    uint8_t key[SIGV4_KEY_BYTES];
    keys_set(k, bytes_text("AKIA1"), bytes_text(SECRET), BYTES_NONE);
    keys_set(k, bytes_text("AKIA2"), bytes_text("another"), BYTES_NONE);
    assert_int_equal(ask(k, "AKIA1", "r", key), OK);
    assert_int_equal(ask(k, "AKIA2", "r", key), OK);
    keys_set(k, bytes_text("AKIA1"), bytes_text("new"), BYTES_NONE);
    assert_int_equal(keys_count(k), 2);
    assert_int_equal(ask(k, "AKIA1", "r", key), OK);
    assert_derived(key, "new", "r");
    assert_int_equal(ask(k, "AKIA2", "r", key), OK);
    assert_derived(key, "another", "r");
    keys_free(k);
}

static void a_removed_key_is_unknown_at_once(void **state)
{
    (void)state;
    struct keys *k = keys_new();
    uint8_t key[SIGV4_KEY_BYTES];
    keys_set(k, bytes_text("AKIA1"), bytes_text(SECRET), BYTES_NONE);
    assert_int_equal(ask(k, "AKIA1", "r", key), OK);
    assert_true(keys_remove(k, bytes_text("AKIA1")));
    assert_false(keys_remove(k, bytes_text("AKIA1")));
    assert_int_equal(keys_count(k), 0);
    assert_int_equal(ask(k, "AKIA1", "r", key), BAD_CREDENTIALS);
    keys_free(k);
}

static void parts_that_read_alike_in_a_row_are_kept_apart(void **state)
{
    (void)state;
    struct keys *k = keys_new();
    uint8_t one[SIGV4_KEY_BYTES], two[SIGV4_KEY_BYTES];
    char account[ACCOUNT_BYTES];
    keys_set(k, bytes_text("AK"), bytes_text(SECRET), BYTES_NONE);
    struct bytes id = bytes_text("AK"), day = bytes_text("d");
    assert_int_equal(
        keys_signing_key(k, id, day, bytes_text("ab"), bytes_text("c"), one, account, NULL), OK);
    assert_int_equal(
        keys_signing_key(k, id, day, bytes_text("a"), bytes_text("bc"), two, account, NULL), OK);
    assert_memory_not_equal(one, two, sizeof(one));
    keys_free(k);
}

static void the_cache_stays_bounded_and_right(void **state)
{
    (void)state;
    struct keys *k = keys_new();
    uint8_t key[SIGV4_KEY_BYTES];
    keys_set(k, bytes_text("AKIA1"), bytes_text(SECRET), BYTES_NONE);
    long before = atomic_load(&live);
    for (int i = 0; i < 5000; i++) {
        char region[20];
        (void)snprintf(region, sizeof(region), "region-%d", i % 2500);
        assert_int_equal(ask(k, "AKIA1", region, key), OK);
        assert_derived(key, SECRET, region);
        assert_int_equal(ask(k, "AKIA1", "region-0", key), OK); /* used often: it stays */
    }
    assert_true(atomic_load(&live) - before >= 1024);
    assert_true(atomic_load(&live) - before <= 1024 + 2);
    keys_free(k);
}

static void a_name_too_long_for_the_cache_is_derived_each_time(void **state)
{
    (void)state;
    struct keys *k = keys_new();
    uint8_t key[SIGV4_KEY_BYTES];
    char region[400];
    memset(region, 'r', sizeof(region));
    region[sizeof(region) - 1] = '\0';
    keys_set(k, bytes_text("AKIA1"), bytes_text(SECRET), BYTES_NONE);
    long before = atomic_load(&live);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(ask(k, "AKIA1", region, key), OK);
        assert_derived(key, SECRET, region);
    }
    assert_int_equal(atomic_load(&live), before);
    keys_free(k);
}

static void secrets_and_signing_keys_are_wiped_before_they_are_freed(void **state)
{
    (void)state;
    struct keys *k = keys_new();
    uint8_t key[SIGV4_KEY_BYTES], expected[SIGV4_KEY_BYTES];
    sigv4_derive_key(bytes_text(SECRET), bytes_text("20261123"), bytes_text("r"),
                     bytes_text("kinesis"), expected);
    hunted[0] = bytes_text(SECRET);
    hunted[1] = bytes_of(expected, sizeof(expected));
    leaked = false;
    keys_set(k, bytes_text("AKIA1"), bytes_text(SECRET), BYTES_NONE);
    assert_int_equal(ask(k, "AKIA1", "r", key), OK);
    keys_set(k, bytes_text("AKIA1"), bytes_text(SECRET), BYTES_NONE); /* replaced */
    assert_int_equal(ask(k, "AKIA1", "r", key), OK);
    keys_remove(k, bytes_text("AKIA1"));
    keys_set(k, bytes_text("AKIA1"), bytes_text(SECRET), BYTES_NONE);
    assert_int_equal(ask(k, "AKIA1", "r", key), OK);
    keys_free(k);
    assert_false(leaked);
    hunted[0] = hunted[1] = BYTES_NONE;
}

static void nothing_stays_behind_after_free(void **state)
{
    (void)state;
    uint8_t key[SIGV4_KEY_BYTES];
    long before = atomic_load(&live);
    keys_free(NULL);
    struct keys *k = keys_new();
    keys_set(k, bytes_text("AKIA1"), bytes_text(SECRET), BYTES_NONE);
    keys_set(k, bytes_text("AKIA2"), BYTES_NONE, BYTES_NONE);
    assert_int_equal(ask(k, "AKIA1", "r", key), OK);
    keys_free(k);
    assert_int_equal(atomic_load(&live), before);
}

static void made_keys_look_like_those_of_aws(void **state)
{
    (void)state;
    char id[ACCESS_KEY_BYTES], secret[SECRET_KEY_BYTES], other_id[ACCESS_KEY_BYTES],
        other[SECRET_KEY_BYTES];
    static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    static const char base64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bool seen[128] = {false};
    for (int i = 0; i < 500; i++) {
        keys_make(id, secret);
        assert_int_equal(strlen(id), 20);
        assert_int_equal(strlen(secret), 40);
        assert_memory_equal(id, "AKIA", 4);
        assert_int_equal(strspn(id, base32), 20);
        assert_int_equal(strspn(secret, base64), 40);
        for (size_t c = 0; c < 40; c++)
            seen[(unsigned char)secret[c]] = true;
        keys_make(other_id, other);
        assert_string_not_equal(id, other_id);
        assert_string_not_equal(secret, other);
    }
    for (size_t c = 0; base64[c] != '\0'; c++)
        assert_true(seen[(unsigned char)base64[c]]);
}

struct hammer {
    struct thread thread;
    struct keys *keys;
    unsigned seed;
    _Atomic bool wrong;
};

static void hammer_run(void *arg)
{
    struct hammer *h = arg;
    for (unsigned i = 0; i < 3000; i++) {
        char region[20];
        uint8_t key[SIGV4_KEY_BYTES], expected[SIGV4_KEY_BYTES];
        (void)snprintf(region, sizeof(region), "r%u", (i * 7 + h->seed) % 1500);
        if (i % 100 == 99)
            keys_set(h->keys, bytes_text("AKIA1"), bytes_text(SECRET), BYTES_NONE);
        if (ask(h->keys, "AKIA1", region, key) != OK)
            h->wrong = true;
        sigv4_derive_key(bytes_text(SECRET), bytes_text("20261123"), bytes_text(region),
                         bytes_text("kinesis"), expected);
        if (memcmp(key, expected, sizeof(key)) != 0)
            h->wrong = true;
    }
}

static void many_threads_get_right_keys_while_one_is_replaced(void **state)
{
    (void)state;
    enum { THREADS = 3 };
    struct hammer hammers[THREADS] = {0};
    struct keys *k = keys_new();
    keys_set(k, bytes_text("AKIA1"), bytes_text(SECRET), BYTES_NONE);
    for (unsigned i = 0; i < THREADS; i++) {
        hammers[i].keys = k;
        hammers[i].seed = i;
        thread_start(&hammers[i].thread, THREAD_LOOP, "hammer", hammer_run, &hammers[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        thread_join(&hammers[i].thread);
        assert_false(hammers[i].wrong);
    }
    keys_free(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_known_key_gives_what_its_secret_derives_first_and_again),
        cmocka_unit_test(an_unknown_key_is_bad_credentials_in_aws_words),
        cmocka_unit_test(a_replaced_secret_is_in_force_at_once),
        cmocka_unit_test(a_removed_key_is_unknown_at_once),
        cmocka_unit_test(parts_that_read_alike_in_a_row_are_kept_apart),
        cmocka_unit_test(the_cache_stays_bounded_and_right),
        cmocka_unit_test(a_name_too_long_for_the_cache_is_derived_each_time),
        cmocka_unit_test(secrets_and_signing_keys_are_wiped_before_they_are_freed),
        cmocka_unit_test(nothing_stays_behind_after_free),
        cmocka_unit_test(made_keys_look_like_those_of_aws),
        cmocka_unit_test(many_threads_get_right_keys_while_one_is_replaced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
