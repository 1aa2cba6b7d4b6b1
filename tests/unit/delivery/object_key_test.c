/* object_key_test.c: names of objects and the prefix language, as AWS's documentation and LANDSCAPE have them. */
#include "delivery/object_key.h"

#include "unit/base/cmocka_all.h"

#include <stdio.h>

enum {
    HALF_PAST_TEN = 1535365800
}; /* 10:30 on 27 August 2018, the example of AWS's documentation */
#define TAIL "d-3-2018-08-27-10-30-00-01020304-0506-8708-890a-0b0c0d0e0f10"

static struct object_key key_of(const char *prefix, const char *error_prefix, bool is_error)
{
    struct object_key k = {
        .prefix = bytes_text(prefix),
        .error_prefix = bytes_text(error_prefix),
        .is_error = is_error,
        .error_type = is_error ? BYTES_LITERAL("processing-failed") : BYTES_NONE,
        .time_ms = HALF_PAST_TEN * 1000ull,
        .delivery_name = BYTES_LITERAL("d"),
        .version = 3,
    };
    for (int i = 0; i < SHA256_BYTES; i++)
        k.digest[i] = (uint8_t)(i + 1);
    return k;
}

static void assert_key(const struct object_key *k, const char *expected)
{
    struct buf out;
    struct fault f = {0};
    buf_init(&out, 4096);
    assert_int_equal(object_key_print(k, &out, &f), OK);
    buf_append_byte(&out, 0);
    assert_string_equal((const char *)out.at, expected);
    buf_fini(&out);
}

static void prefixes_are_aws_s(void **state)
{
    (void)state;
    struct object_key k = key_of(NULL, NULL, false);
    assert_key(&k, "2018/08/27/10/" TAIL);
    k = key_of("p/", NULL, false);
    assert_key(&k, "p/2018/08/27/10/" TAIL);
    k = key_of("y=!{timestamp:yyyy}/", NULL, false);
    k.extension = BYTES_LITERAL(".gz");
    assert_key(&k, "y=2018/" TAIL ".gz");
    k = key_of("p/", NULL, true);
    assert_key(&k, "p/processing-failed2018/08/27/10/" TAIL);
    k = key_of("p/", "e/!{firehose:error-output-type}/", true);
    assert_key(&k, "e/processing-failed/2018/08/27/10/" TAIL);
    k = key_of("p/", "e/!{firehose:error-output-type}/!{timestamp:MM}/", true);
    assert_key(&k, "e/processing-failed/08/" TAIL);
}

static void the_zone_moves_prefix_and_suffix(void **state)
{
    (void)state;
    struct time_zone *zone;
    struct fault f;
    assert_int_equal(time_zone_open(BYTES_LITERAL("Asia/Tokyo"), &zone, &f), OK);
    struct object_key k = key_of(NULL, NULL, false);
    k.zone = zone;
    assert_key(&k, "2018/08/27/19/d-3-2018-08-27-19-30-00-01020304-0506-8708-890a-0b0c0d0e0f10");
    time_zone_free(zone);
}

static void partition_keys_are_values(void **state)
{
    (void)state;
    struct object_key k = key_of("c=!{partitionKeyFromQuery:c}/!{partitionKeyFromLambda:c}/"
                                 "!{timestamp:HH}/",
                                 NULL, false);
    k.partition = bytes_of("lambda:c\0two\0query:c\0one\0", 25);
    assert_key(&k, "c=one/two/10/" TAIL);
    struct buf out;
    struct fault f;
    buf_init(&out, 4096);
    k.partition = bytes_of("query:c\0one\0", 12);
    assert_int_equal(object_key_print(&k, &out, &f), NOT_FOUND);
    buf_fini(&out);
}

static void random_strings_differ_by_place_and_not_by_try(void **state)
{
    (void)state;
    struct object_key k =
        key_of("!{firehose:random-string}/!{firehose:random-string}/", NULL, false);
    struct buf one, two;
    struct fault f;
    buf_init(&one, 4096);
    buf_init(&two, 4096);
    assert_int_equal(object_key_print(&k, &one, &f), OK);
    assert_int_equal(object_key_print(&k, &two, &f), OK);
    assert_true(bytes_equal(buf_view(&one), buf_view(&two))); /* F3 */
    assert_int_equal(one.at[11], '/');
    assert_int_equal(one.at[23], '/');
    assert_memory_not_equal(one.at, one.at + 12, 11);
    buf_fini(&one);
    buf_fini(&two);
}

static void an_identity_is_of_all_it_holds(void **state)
{
    (void)state;
    struct object_identity i = {.delivery = 1, .stream = 2, .output = "main"}, other = i;
    uint8_t a[SHA256_BYTES], b[SHA256_BYTES];
    other.last_sub = 1;
    object_identity_digest(&i, a);
    object_identity_digest(&other, b);
    assert_memory_not_equal(a, b, SHA256_BYTES);
    other = i;
    other.output = "main:a";
    object_identity_digest(&other, b);
    assert_memory_not_equal(a, b, SHA256_BYTES);
}

static void assert_check(enum status expected, const char *prefix, const char *error_prefix,
                         bool partitioning)
{
    struct fault f = {0};
    enum status st = prefix_check(bytes_text(prefix), bytes_text(error_prefix), partitioning, &f);
    if (st != expected)
        fail_msg("%s, %s: %s", prefix, error_prefix, f.text);
}

static void pairs_are_checked_as_aws_checks_them(void **state)
{
    (void)state;
    const char *error = "e/!{firehose:error-output-type}/";
    char long_text[600];
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    assert_check(OK, NULL, NULL, false);
    assert_check(OK, "p/", "e/", false);
    assert_check(OK, "!{timestamp:yyyy}/", error, false);
    assert_check(OK, "!{partitionKeyFromQuery:c}/", error, true);
    assert_check(INVALID_ARGUMENT, "!{timestamp:yyyy}/", NULL, false);
    assert_check(INVALID_ARGUMENT, "!{timestamp:yyyy}/", "e/!{timestamp:yyyy}/", false);
    assert_check(INVALID_ARGUMENT, "!{firehose:error-output-type}/", error, false);
    assert_check(INVALID_ARGUMENT, "!{partitionKeyFromQuery:c}/", error, false);
    assert_check(INVALID_ARGUMENT, "p/", error, true);
    assert_check(INVALID_ARGUMENT, "p/", "!{partitionKeyFromQuery:c}/!{firehose:error-output-type}",
                 true);
    assert_check(INVALID_ARGUMENT, "!{timestamp:b}/", error, false);
    assert_check(INVALID_ARGUMENT, "!{nothing:x}/", error, false);
    assert_check(INVALID_ARGUMENT, "!{firehose:random-strin}/", error, false);
    assert_check(INVALID_ARGUMENT, "!{timestamp:yyyy", error, false);
    assert_check(INVALID_ARGUMENT, "!{timestamp:}", error, false);
    assert_check(INVALID_ARGUMENT, long_text, NULL, false);
    assert_check(OK, "!", NULL, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prefixes_are_aws_s),
        cmocka_unit_test(the_zone_moves_prefix_and_suffix),
        cmocka_unit_test(partition_keys_are_values),
        cmocka_unit_test(random_strings_differ_by_place_and_not_by_try),
        cmocka_unit_test(an_identity_is_of_all_it_holds),
        cmocka_unit_test(pairs_are_checked_as_aws_checks_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
