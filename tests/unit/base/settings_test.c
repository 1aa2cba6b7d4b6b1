/* settings_test.c: settings from every source, and the words for every mistake. */
#include "base/mem.h"
#include "base/settings.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct values {
    char *listen_address, *data_folder;
    bool tls;
    uint64_t listen_port, cache_bytes, idle_ms, trace_format;
};

#define AT(member) offsetof(struct values, member)
static const struct setting rows[] = {
    {"listen-address", SETTING_TEXT, AT(listen_address), "127.0.0.1", 0, 0, NULL,
     "Where to listen."},
    {"data-folder", SETTING_TEXT, AT(data_folder), "", 0, 0, NULL, "Where to keep what is stored."},
    {"tls", SETTING_BOOL, AT(tls), "true", 0, 0, NULL, "Whether to speak TLS."},
    {"listen-port", SETTING_COUNT, AT(listen_port), "4567", 1, 65535, NULL, "The port."},
    {"cache-bytes", SETTING_BYTES, AT(cache_bytes), "64MiB", 1024, UINT64_MAX, NULL,
     "Memory for the tail."},
    {"idle-time", SETTING_MS, AT(idle_ms), "5s", 10, 3600000, NULL,
     "How long a connection may idle."},
    {"trace-format", SETTING_CHOICE, AT(trace_format), "text", 0, 0, "text|json",
     "How traces look."},
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static struct values v;
static struct fault f;

static int set_up(void **state)
{
    (void)state;
    return settings_defaults(rows, ROWS, &v, &f) == OK ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    settings_free(rows, ROWS, &v);
    return 0;
}

static enum status set(const char *name, const char *text)
{
    char origin[100];
    snprintf(origin, sizeof(origin), "--%s", name);
    return settings_set(rows, ROWS, &v, bytes_text(name), bytes_text(text), origin, &f);
}

static enum status from_json(const char *json)
{
    return settings_from_json(rows, ROWS, &v, bytes_text(json), "sluice.json", &f);
}

static void assert_refused(enum status st, enum status expected, const char *words)
{
    assert_int_equal(st, expected);
    assert_string_equal(f.text, words);
}

static void defaults_are_in_force_at_first(void **state)
{
    (void)state;
    assert_string_equal(v.listen_address, "127.0.0.1");
    assert_string_equal(v.data_folder, "");
    assert_true(v.tls);
    assert_int_equal(v.listen_port, 4567);
    assert_int_equal(v.cache_bytes, 64 << 20);
    assert_int_equal(v.idle_ms, 5000);
    assert_int_equal(v.trace_format, 0);
}

static void sizes_and_times_take_units(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
        uint64_t bytes, ms;
    } cases[] = {
        {"cache-bytes", "2048", 2048, 0},
        {"cache-bytes", "2048B", 2048, 0},
        {"cache-bytes", "512KiB", 512 << 10, 0},
        {"cache-bytes", "3MiB", 3 << 20, 0},
        {"cache-bytes", "1GiB", 1 << 30, 0},
        {"cache-bytes", "2TiB", UINT64_C(2) << 40, 0},
        {"idle-time", "250", 0, 250},
        {"idle-time", "250ms", 0, 250},
        {"idle-time", "5s", 0, 5000},
        {"idle-time", "2m", 0, 120000},
        {"idle-time", "1h", 0, 3600000},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(set(cases[i].name, cases[i].text), OK);
        assert_true(cases[i].ms == 0 ? v.cache_bytes == cases[i].bytes : v.idle_ms == cases[i].ms);
    }
}

static void numbers_out_of_bounds_are_refused_with_the_bound(void **state)
{
    (void)state;
    assert_refused(set("listen-port", "70000"), INVALID_VALUE,
                   "--listen-port: 70000 is more than the most allowed, 65535");
    assert_refused(set("listen-port", "0"), INVALID_VALUE,
                   "--listen-port: 0 is less than the least allowed, 1");
    assert_refused(set("listen-port", "99999999999999999999"), INVALID_VALUE,
                   "--listen-port: 99999999999999999999 is more than the most allowed, 65535");
    assert_refused(set("cache-bytes", "512"), INVALID_VALUE,
                   "--cache-bytes: 512 is less than the least allowed, 1KiB");
    assert_refused(set("idle-time", "2h"), INVALID_VALUE,
                   "--idle-time: 2h is more than the most allowed, 1h");
    assert_int_equal(set("cache-bytes", "99999999TiB"), INVALID_VALUE);
    assert_int_equal(v.listen_port, 4567);
    assert_int_equal(v.cache_bytes, 64 << 20);
    assert_int_equal(v.idle_ms, 5000);
    assert_int_equal(set("listen-port", "65535"), OK);
    assert_int_equal(set("listen-port", "1"), OK);
}

static void what_is_no_number_is_refused(void **state)
{
    (void)state;
    assert_refused(set("listen-port", "http"), INVALID_VALUE,
                   "--listen-port: \"http\" is not a whole number");
    assert_refused(set("listen-port", ""), INVALID_VALUE,
                   "--listen-port: \"\" is not a whole number");
    assert_refused(set("cache-bytes", "64MB"), INVALID_VALUE,
                   "--cache-bytes: \"64MB\" is not a size such as 512KiB, 64MiB or 1GiB");
    assert_refused(set("idle-time", "soon"), INVALID_VALUE,
                   "--idle-time: \"soon\" is not a time such as 250ms, 5s, 2m or 1h");
    static const char *const wrong[] = {"-1", "+1", "1.5", " 1", "1 ", "1e3", "0x10", "1s", "1KiB"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
        assert_int_equal(set("listen-port", wrong[i]), INVALID_VALUE);
    static const char *const bare[] = {"MiB", "B", "1 MiB", "1MiBMiB", "1.5GiB", "-1KiB"};
    for (size_t i = 0; i < sizeof(bare) / sizeof(bare[0]); i++)
        assert_int_equal(set("cache-bytes", bare[i]), INVALID_VALUE);
}

static void truth_is_spelt_in_four_ways(void **state)
{
    (void)state;
    static const char *const yes[] = {"true", "YES", "on", "1"}, *const no[] = {"false", "no",
                                                                                "Off", "0"};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(set("tls", no[i]), OK);
        assert_false(v.tls);
        assert_int_equal(set("tls", yes[i]), OK);
        assert_true(v.tls);
    }
    assert_refused(set("tls", "perhaps"), INVALID_VALUE,
                   "--tls: \"perhaps\" is neither true nor false");
}

static void a_choice_is_one_of_those_offered(void **state)
{
    (void)state;
    assert_int_equal(set("trace-format", "json"), OK);
    assert_int_equal(v.trace_format, 1);
    assert_refused(set("trace-format", "xml"), INVALID_VALUE,
                   "--trace-format: \"xml\" is none of text|json");
    assert_int_equal(set("trace-format", "text|json"), INVALID_VALUE);
    assert_int_equal(set("trace-format", ""), INVALID_VALUE);
    assert_int_equal(v.trace_format, 1);
}

static void a_text_replaces_the_one_before(void **state)
{
    (void)state;
    assert_int_equal(set("listen-address", "0.0.0.0"), OK);
    assert_int_equal(set("listen-address", "::1"), OK);
    assert_string_equal(v.listen_address, "::1");
    assert_int_equal(settings_set(rows, ROWS, &v, BYTES_LITERAL("data-folder"),
                                  BYTES_LITERAL("a\0b"), "--data-folder", &f),
                     INVALID_VALUE);
    assert_refused(set("data-folder", "/caf\xe9"), INVALID_VALUE,
                   "--data-folder: the text is not UTF-8");
    assert_string_equal(v.data_folder, "");
}

static void an_unknown_name_is_refused_with_the_nearest_known(void **state)
{
    (void)state;
    assert_refused(set("listen-prot", "1"), INVALID_ARGUMENT,
                   "--listen-prot: there is no setting listen-prot; did you mean listen-port?");
    assert_refused(set("colour", "1"), INVALID_ARGUMENT, "--colour: there is no setting colour");
    assert_int_equal(set("", "1"), INVALID_ARGUMENT);
    static char vast[5000];
    memset(vast, 'x', sizeof(vast) - 1);
    assert_int_equal(set(vast, "1"), INVALID_ARGUMENT);
}

static void json_sets_each_kind(void **state)
{
    (void)state;
    assert_int_equal(from_json("{\"listen-address\": \"::\", \"tls\": false, \"listen-port\": 80, "
                               "\"cache-bytes\": \"1GiB\","
                               " \"idle-time\": 100, \"trace-format\": \"json\"}"),
                     OK);
    assert_string_equal(v.listen_address, "::");
    assert_false(v.tls);
    assert_int_equal(v.listen_port, 80);
    assert_int_equal(v.cache_bytes, 1 << 30);
    assert_int_equal(v.idle_ms, 100);
    assert_int_equal(v.trace_format, 1);
    assert_int_equal(from_json("{\"listen-port\": \"81\", \"tls\": \"on\"}"), OK);
    assert_int_equal(v.listen_port, 81);
    assert_true(v.tls);
    assert_int_equal(from_json("{}"), OK);
}

static void json_mistakes_are_told_with_their_place(void **state)
{
    (void)state;
    assert_refused(from_json("{\"listen-port\": 70000}"), INVALID_VALUE,
                   "sluice.json: listen-port: 70000 is more than the most allowed, 65535");
    assert_refused(from_json("{\"listen-port\": -1}"), INVALID_VALUE,
                   "sluice.json: listen-port: \"-1\" is not a whole number");
    assert_refused(from_json("{\"listen-port\": 1.5}"), INVALID_VALUE,
                   "sluice.json: listen-port: the value must be a whole number or a string");
    assert_refused(from_json("{\"tls\": 1}"), INVALID_VALUE,
                   "sluice.json: tls: the value must be true or false");
    assert_refused(from_json("{\"listen-address\": 1}"), INVALID_VALUE,
                   "sluice.json: listen-address: the value must be a string");
    assert_refused(from_json("{\"tsl\": true}"), INVALID_ARGUMENT,
                   "sluice.json: there is no setting tsl; did you mean tls?");
    assert_refused(from_json("[]"), MALFORMED, "sluice.json: not a JSON object of settings");
    assert_int_equal(from_json("{\"tls\": null}"), INVALID_VALUE);
    assert_int_equal(from_json("{\"tls\": {}}"), INVALID_VALUE);
    assert_int_equal(from_json("{\"tls\": true, \"tls\": false}"), MALFORMED);
    assert_int_equal(from_json(""), MALFORMED);
    assert_int_equal(settings_from_json(rows, ROWS, &v, BYTES_NONE, "x", &f), MALFORMED);
}

static void a_json_fault_does_not_repeat_what_may_be_secret(void **state)
{
    (void)state;
    assert_int_equal(from_json("{\n  \"listen-address\" \"hunter2\"\n}"), MALFORMED);
    assert_non_null(strstr(f.text, "sluice.json: not JSON at line 2, column "));
    assert_null(strstr(f.text, "hunter2"));
}

static void a_file_is_read_like_json(void **state)
{
    (void)state;
    char path[] = "/tmp/settings_test.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "{\"listen-port\": 99}", 19), 19);
    close(fd);
    assert_int_equal(settings_from_file(rows, ROWS, &v, path, &f), OK);
    assert_int_equal(v.listen_port, 99);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(settings_from_file(rows, ROWS, &v, path, &f), NOT_FOUND);
    assert_non_null(strstr(f.text, path));
}

static enum status from_environment(char *first, char *second)
{
    char other[] = "PATH=/bin", no_value[] = "SLUICELIKE=1";
    char *environment[] = {other, first, no_value, second, NULL};
    return settings_from_environment(rows, ROWS, &v, environment, &f);
}

static void the_environment_is_read_by_prefix(void **state)
{
    (void)state;
    char port[] = "SLUICE_LISTEN_PORT=8080", folder[] = "SLUICE_DATA_FOLDER=/data=x";
    assert_int_equal(from_environment(port, folder), OK);
    assert_int_equal(v.listen_port, 8080);
    assert_string_equal(v.data_folder, "/data=x");
    char wrong[] = "SLUICE_LISTEN_PORT=x", unknown[] = "SLUICE_LISTEN_PROT=1", far[] = "SLUICE_Q=1",
         lower[] = "SLUICE_tls=1";
    assert_refused(from_environment(wrong, port), INVALID_VALUE,
                   "SLUICE_LISTEN_PORT: \"x\" is not a whole number");
    assert_refused(
        from_environment(unknown, port), INVALID_ARGUMENT,
        "environment: there is no setting SLUICE_LISTEN_PROT; did you mean SLUICE_LISTEN_PORT?");
    assert_refused(from_environment(far, port), INVALID_ARGUMENT,
                   "environment: there is no setting SLUICE_Q");
    assert_int_equal(from_environment(lower, port), INVALID_ARGUMENT);
}

static int used;

static enum status from_flags(const char *line)
{
    static char words[1000];
    char *argv[20], *keep = NULL;
    int argc = 0;
    snprintf(words, sizeof(words), "%s", line);
    for (char *word = strtok_r(words, " ", &keep); word != NULL; word = strtok_r(NULL, " ", &keep))
        argv[argc++] = word;
    return settings_from_flags(rows, ROWS, &v, argc, argv, &used, &f);
}

static void flags_take_values_in_every_form(void **state)
{
    (void)state;
    assert_int_equal(from_flags("--listen-port 1234 --listen-address=::1 --no-tls --idle-time=1s"),
                     OK);
    assert_int_equal(used, 5);
    assert_int_equal(v.listen_port, 1234);
    assert_string_equal(v.listen_address, "::1");
    assert_false(v.tls);
    assert_int_equal(v.idle_ms, 1000);
    assert_int_equal(from_flags("--tls"), OK);
    assert_true(v.tls);
    assert_int_equal(from_flags("--tls=no --data-folder="), OK);
    assert_false(v.tls);
    assert_string_equal(v.data_folder, "");
    assert_int_equal(from_flags(""), OK);
    assert_int_equal(used, 0);
}

static void reading_stops_at_the_first_word_that_is_no_flag(void **state)
{
    (void)state;
    assert_int_equal(from_flags("--tls serve --listen-port 1"), OK);
    assert_int_equal(used, 1);
    assert_int_equal(v.listen_port, 4567);
    assert_int_equal(from_flags("--listen-port 7 -- --tls"), OK);
    assert_int_equal(used, 3);
    assert_int_equal(from_flags("-h"), OK);
    assert_int_equal(used, 0);
}

static void wrong_flags_are_told_as_written(void **state)
{
    (void)state;
    assert_refused(from_flags("--listen-prot 1"), INVALID_ARGUMENT,
                   "command line: there is no setting --listen-prot; did you mean --listen-port?");
    assert_refused(from_flags("--listen-port"), INVALID_ARGUMENT,
                   "--listen-port: a value must follow");
    assert_refused(from_flags("--listen-port --tls"), INVALID_ARGUMENT,
                   "--listen-port: a value must follow");
    assert_refused(from_flags("--listen-port=70000"), INVALID_VALUE,
                   "--listen-port: 70000 is more than the most allowed, 65535");
    assert_int_equal(from_flags("--no-listen-port"), INVALID_ARGUMENT);
    assert_int_equal(from_flags("--no-tls=true"), INVALID_ARGUMENT);
    assert_int_equal(from_flags("--=1"), INVALID_ARGUMENT);
}

static void later_sources_win(void **state)
{
    (void)state;
    char port[] = "SLUICE_LISTEN_PORT=2", idle[] = "SLUICE_IDLE_TIME=22ms";
    assert_int_equal(from_json("{\"listen-port\": 1, \"idle-time\": 11, \"cache-bytes\": 1111}"),
                     OK);
    assert_int_equal(from_environment(port, idle), OK);
    assert_int_equal(from_flags("--listen-port 3"), OK);
    assert_int_equal(v.cache_bytes, 1111);
    assert_int_equal(v.idle_ms, 22);
    assert_int_equal(v.listen_port, 3);
}

static void what_is_printed_reads_back_the_same(void **state)
{
    (void)state;
    assert_int_equal(
        from_flags(
            "--data-folder=/a\"b\\c\x01\xc3\xa9 --no-tls --cache-bytes=1536KiB --idle-time=90s "
            "--trace-format=json --listen-port=80"),
        OK);
    struct buf printed;
    buf_init(&printed, 100000);
    settings_print_json(rows, ROWS, &v, &printed);
    assert_int_equal(printed.status, OK);
    settings_free(rows, ROWS, &v);
    assert_int_equal(settings_defaults(rows, ROWS, &v, &f), OK);
    assert_int_equal(settings_from_json(rows, ROWS, &v, buf_view(&printed), "printed", &f), OK);
    buf_fini(&printed);
    assert_string_equal(v.data_folder, "/a\"b\\c\x01\xc3\xa9");
    assert_false(v.tls);
    assert_int_equal(v.cache_bytes, 1536 << 10);
    assert_int_equal(v.idle_ms, 90000);
    assert_int_equal(v.trace_format, 1);
    assert_int_equal(v.listen_port, 80);
}

static void the_largest_numbers_read_back_too(void **state)
{
    (void)state;
    static const struct setting large[] = {
        {"count", SETTING_COUNT, 0, "18446744073709551615", 0, UINT64_MAX, NULL, "A count."},
        {"bytes", SETTING_BYTES, sizeof(uint64_t), "18446744073709551615", 0, UINT64_MAX, NULL,
         "Bytes."},
        {"none", SETTING_MS, 2 * sizeof(uint64_t), "0", 0, UINT64_MAX, NULL, "Nothing."},
    };
    uint64_t values[3], back[3] = {0, 0, 1};
    struct buf printed;
    buf_init(&printed, 1000);
    assert_int_equal(settings_defaults(large, 3, values, &f), OK);
    settings_print_json(large, 3, values, &printed);
    assert_int_equal(settings_from_json(large, 3, back, buf_view(&printed), "printed", &f), OK);
    buf_fini(&printed);
    assert_memory_equal(values, back, sizeof(values));
}

static void help_names_every_setting_with_default_and_bounds(void **state)
{
    (void)state;
    struct buf help;
    buf_init(&help, 100000);
    settings_print_help(rows, ROWS, &help);
    buf_append_byte(&help, '\0');
    assert_int_equal(help.status, OK);
    const char *text = (const char *)help.at;
    assert_non_null(strstr(text, "  --listen-port NUMBER            The port.\n"));
    assert_non_null(strstr(text, "(default: 4567; from 1 to 65535)\n"));
    assert_non_null(strstr(text, "(default: 64MiB; from 1KiB)\n"));
    assert_non_null(strstr(text, "(default: 5s; from 10ms to 1h)\n"));
    assert_non_null(strstr(text, "  --[no-]tls "));
    assert_non_null(strstr(text, "  --trace-format text|json "));
    assert_non_null(strstr(text, "(default: none)\n"));
    buf_fini(&help);
}

static void a_wrong_default_is_a_fault(void **state)
{
    (void)state;
    static const struct setting wrong[] = {
        {"text", SETTING_TEXT, 0, "kept", 0, 0, NULL, "A text."},
        {"count", SETTING_COUNT, sizeof(char *), "9", 0, 5, NULL, "A count."},
    };
    struct {
        char *text;
        uint64_t count;
    } values;
    assert_refused(settings_defaults(wrong, 2, &values, &f), INVALID_VALUE,
                   "count: 9 is more than the most allowed, 5");
    settings_free(wrong, 2, &values);
}

static void a_secret_is_set_like_a_text_and_never_printed(void **state)
{
    (void)state;
    static const struct setting secret_rows[] = {
        {"key", SETTING_SECRET, 0, "", 0, 0, NULL, "A secret."},
        {"name", SETTING_TEXT, sizeof(char *), "n", 0, 0, NULL, "A name."},
    };
    struct {
        char *key, *name;
    } values;
    struct buf out;
    buf_init(&out, 4096);
    assert_int_equal(settings_defaults(secret_rows, 2, &values, &f), OK);
    assert_int_equal(settings_set(secret_rows, 2, &values, BYTES_LITERAL("key"),
                                  BYTES_LITERAL("hush"), "test", &f),
                     OK);
    assert_string_equal(values.key, "hush");
    settings_print_json(secret_rows, 2, &values, &out);
    buf_append_byte(&out, 0);
    assert_string_equal((const char *)out.at, "{\n  \"name\": \"n\"\n}\n");
    buf_fini(&out);
    settings_free(secret_rows, 2, &values);
}

int main(void)
{
#define WITH_DEFAULTS(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        WITH_DEFAULTS(defaults_are_in_force_at_first),
        WITH_DEFAULTS(sizes_and_times_take_units),
        WITH_DEFAULTS(numbers_out_of_bounds_are_refused_with_the_bound),
        WITH_DEFAULTS(what_is_no_number_is_refused),
        WITH_DEFAULTS(truth_is_spelt_in_four_ways),
        WITH_DEFAULTS(a_choice_is_one_of_those_offered),
        WITH_DEFAULTS(a_text_replaces_the_one_before),
        WITH_DEFAULTS(an_unknown_name_is_refused_with_the_nearest_known),
        WITH_DEFAULTS(json_sets_each_kind),
        WITH_DEFAULTS(json_mistakes_are_told_with_their_place),
        WITH_DEFAULTS(a_json_fault_does_not_repeat_what_may_be_secret),
        WITH_DEFAULTS(a_file_is_read_like_json),
        WITH_DEFAULTS(the_environment_is_read_by_prefix),
        WITH_DEFAULTS(flags_take_values_in_every_form),
        WITH_DEFAULTS(reading_stops_at_the_first_word_that_is_no_flag),
        WITH_DEFAULTS(wrong_flags_are_told_as_written),
        WITH_DEFAULTS(later_sources_win),
        WITH_DEFAULTS(what_is_printed_reads_back_the_same),
        WITH_DEFAULTS(the_largest_numbers_read_back_too),
        WITH_DEFAULTS(help_names_every_setting_with_default_and_bounds),
        WITH_DEFAULTS(a_wrong_default_is_a_fault),
        cmocka_unit_test(a_secret_is_set_like_a_text_and_never_printed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
