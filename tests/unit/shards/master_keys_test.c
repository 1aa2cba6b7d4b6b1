/* master_keys_test.c: the key file, read and refused; keys found, disabled, rotated, away. */
#include "shards/master_key_set.h"

#include "base/file.h"
#include "support/key_file.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_A KEY_A " alias/a enabled " BITS_1 "\n"
static const struct scope scope = {"111111111111", "eu-west-1"};

static void is_refused(const char *text, const char *words)
{
    struct fault f;
    struct master_key_set *s = master_key_set_new();
    assert_int_equal(master_keys_parse(bytes_text(text), s, &f), INVALID_VALUE);
    assert_non_null(strstr(f.text, words));
    assert_null(strstr(f.text, "1111")); /* K1 */
    master_key_set_unref(s);
}

static void lines_that_are_not_keys_are_refused_by_number(void **state)
{
    (void)state;
    is_refused("x", "line 1");
    is_refused("# fine\n\n" LINE_A KEY_B " alias/b", "line 4");
    is_refused("AAAAAAAA-0000-4000-8000-000000000001 - enabled " BITS_1, "lower case");
    is_refused(KEY_A " a enabled " BITS_1, "alias/NAME");
    is_refused(KEY_A " alias/ enabled " BITS_1, "alias/NAME");
    is_refused(KEY_A " alias/a:b enabled " BITS_1, "alias/NAME");
    is_refused(KEY_A " - on " BITS_1, "enabled or disabled");
    is_refused(KEY_A " - enabled 1111", "64 hex digits");
    is_refused(KEY_A " - enabled " BITS_1 "11", "64 hex digits");
    is_refused(KEY_A " - enabled " BITS_1 " more", "nothing may stand behind");
    is_refused(LINE_A KEY_B " alias/a enabled " BITS_2, "an alias stands beside two");
}

static void as_many_lines_as_may_be_and_no_more(void **state)
{
    (void)state;
    struct buf text;
    struct fault f;
    buf_init(&text, MASTER_KEY_FILE_BYTES_MAX);
    for (int i = 0; i <= MASTER_KEYS_MAX; i++) {
        struct master_key_set *s = master_key_set_new();
        buf_append_text(&text, LINE_A);
        assert_int_equal(master_keys_parse(buf_view(&text), s, &f),
                         i < MASTER_KEYS_MAX ? OK : INVALID_VALUE);
        master_key_set_unref(s);
    }
    buf_fini(&text);
}

static void finds(struct key_file *k, const char *key_id, enum status expected, const char *answer)
{
    struct master_key_name name;
    struct fault f = {0};
    assert_int_equal(master_keys_find(k->keys, &scope, bytes_text(key_id), &name, &f), expected);
    assert_string_equal(expected == OK ? name.id : f.text, answer);
}

#define ARN "arn:aws:kms:eu-west-1:111111111111:"

static void a_key_is_found_by_all_its_names(void **state)
{
    (void)state;
    struct key_file k;
    key_file_open(&k, LINE_A KEY_B "\t- \t disabled  " BITS_2 "  \n");
    finds(&k, KEY_A, OK, KEY_A);
    finds(&k, "alias/a", OK, KEY_A);
    finds(&k, ARN "key/" KEY_A, OK, KEY_A);
    finds(&k, ARN "alias/a", OK, KEY_A);
    finds(&k, KEY_B, KEY_DISABLED, ARN "key/" KEY_B " is disabled.");
    finds(&k, "alias/b", KEY_NOT_FOUND, "Alias " ARN "alias/b is not found.");
    finds(&k, "-", KEY_NOT_FOUND, "Key '" ARN "key/-' does not exist");
    finds(&k, "", KEY_NOT_FOUND, "Key '" ARN "key/' does not exist");
    finds(&k, "arn:aws:kms:eu-west-1", KEY_NOT_FOUND, "Invalid arn arn:aws:kms:eu-west-1");
    finds(&k, "arn:aws:s3:eu-west-1:111111111111:key/" KEY_A, KEY_NOT_FOUND,
          "Invalid arn arn:aws:s3:eu-west-1:111111111111:key/" KEY_A);
    finds(&k, "arn:aws:kms:eu-west-2:111111111111:alias/a", KEY_NOT_FOUND,
          "Invalid arn arn:aws:kms:eu-west-2:111111111111:alias/a");
    finds(&k, "arn:aws:kms:eu-west-1:222222222222:alias/a", KEY_DENIED,
          "The account 111111111111 is not authorized to perform: kms:GenerateDataKey on "
          "resource: arn:aws:kms:eu-west-1:222222222222:alias/a");
    key_file_close(&k);
}

static void keys_that_are_away_are_not_found_until_they_are_back(void **state)
{
    (void)state;
    struct key_file k;
    struct fault f;
    key_file_open(&k, LINE_A);
    assert_int_equal(unlink(k.path), 0);
    assert_int_equal(master_keys_reload(k.keys, &f), OK);
    assert_int_equal(master_keys_count(k.keys), 0);
    finds(&k, KEY_A, KEY_NOT_FOUND, "Key '" ARN "key/" KEY_A "' does not exist");
    key_file_set(&k, LINE_A);
    finds(&k, KEY_A, OK, KEY_A);
    assert_int_equal(file_replace(k.path, BYTES_LITERAL("broken"), &f), OK);
    assert_int_equal(master_keys_reload(k.keys, &f), INVALID_VALUE);
    finds(&k, KEY_A, OK, KEY_A); /* M1 */
    assert_int_equal(chmod(k.path, 0604), 0);
    assert_int_equal(master_keys_reload(k.keys, &f), ACCESS_DENIED);
    finds(&k, KEY_A, OK, KEY_A);
    key_file_close(&k);
    k.keys = NULL; /* no keys at all */
    finds(&k, KEY_A, KEY_NOT_FOUND, "Key '" ARN "key/" KEY_A "' does not exist");
}

static void what_is_wrapped_is_unwrapped_by_its_own_version_alone(void **state)
{
    (void)state;
    struct key_file k;
    struct fault f;
    struct master_key_name first, second;
    uint8_t key[AEAD_KEY_BYTES] = "0123456789abcdef0123456789abcde", back[AEAD_KEY_BYTES];
    uint8_t wrapped[WRAPPED_KEY_BYTES];
    struct bytes bound = BYTES_LITERAL("stream 7");
    key_file_open(&k, LINE_A);
    assert_int_equal(master_keys_find(k.keys, &scope, BYTES_LITERAL("alias/a"), &first, &f), OK);
    assert_int_equal(master_keys_wrap(k.keys, &scope, &first, bound, key, wrapped, &f), OK);
    key_file_set(&k, LINE_A KEY_A " alias/new enabled " BITS_2 "\n");
    finds(&k, "alias/a", KEY_NOT_FOUND, "Alias " ARN "alias/a is not found."); /* its last line */
    assert_int_equal(master_keys_find(k.keys, &scope, BYTES_LITERAL("alias/new"), &second, &f), OK);
    assert_string_equal(first.id, second.id);
    assert_true(first.version != second.version);
    assert_int_equal(master_keys_unwrap(k.keys, &scope, &first, bound, wrapped, back, &f), OK);
    assert_memory_equal(back, key, sizeof(key));
    assert_int_equal(master_keys_unwrap(k.keys, &scope, &second, bound, wrapped, back, &f),
                     KEY_INVALID);
    assert_int_equal(
        master_keys_unwrap(k.keys, &scope, &first, BYTES_LITERAL("stream 8"), wrapped, back, &f),
        KEY_INVALID);
    key_file_set(&k, KEY_A " - enabled " BITS_2 "\n");
    assert_int_equal(master_keys_unwrap(k.keys, &scope, &first, bound, wrapped, back, &f),
                     KEY_INVALID);
    key_file_set(&k, LINE_A KEY_A " - disabled " BITS_2 "\n");
    assert_int_equal(master_keys_unwrap(k.keys, &scope, &first, bound, wrapped, back, &f),
                     KEY_DISABLED);
    key_file_close(&k);
}

static void a_file_is_made_once_for_its_owner_alone(void **state)
{
    (void)state;
    char folder[] = "/tmp/sluice-keys-XXXXXX", path[64];
    struct master_keys *k;
    struct master_key_name first, again;
    struct fault f;
    struct stat facts;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/master-keys", folder);
    assert_int_equal(master_keys_open(path, false, &k, &f), OK);
    assert_int_equal(master_keys_count(k), 0);
    master_keys_close(k);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(master_keys_open(path, true, &k, &f), OK);
        assert_int_equal(stat(path, &facts), 0);
        assert_int_equal(facts.st_mode & 0777, 0600);
        assert_int_equal(master_keys_find(k, &scope, BYTES_LITERAL("alias/aws/kinesis"),
                                          i ? &again : &first, &f),
                         OK);
        master_keys_close(k);
    }
    assert_memory_equal(&first, &again, sizeof(first));
    assert_int_equal(folder_remove(folder, &f), OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_are_not_keys_are_refused_by_number),
        cmocka_unit_test(as_many_lines_as_may_be_and_no_more),
        cmocka_unit_test(a_key_is_found_by_all_its_names),
        cmocka_unit_test(keys_that_are_away_are_not_found_until_they_are_back),
        cmocka_unit_test(what_is_wrapped_is_unwrapped_by_its_own_version_alone),
        cmocka_unit_test(a_file_is_made_once_for_its_owner_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
