/* server_settings_test.c: what a command line, a file and an environment make of the settings, and
 * which do not fit together. */
#include "server/server_settings.h"

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

enum { WORDS_MAX = 16 };

static char *const no_environment[] = {NULL};

/* Loads from words separated by spaces. */
static enum status load(const char *line, char *const *environment, struct server_settings *out,
                        struct fault *f)
{
    static char copy[1024];
    char *argv[WORDS_MAX], *keep = NULL;
    int argc = 0;
    struct server_words words;
    snprintf(copy, sizeof(copy), "%s", line);
    for (char *word = strtok_r(copy, " ", &keep); word; word = strtok_r(NULL, " ", &keep)) {
        assert_true(argc < WORDS_MAX);
        argv[argc++] = word;
    }
    enum status st = server_words_read(argc, argv, &words, f);
    return st == OK ? server_settings_load(&words, environment, out, NULL, f) : st;
}

static void must_be_refused(const char *line, const char *because)
{
    struct server_settings s;
    struct fault f = {.status = OK};
    assert_true(load(line, no_environment, &s, &f) < 0);
    if (!strstr(f.text, because))
        fail_msg("\"%s\" does not say \"%s\"", f.text, because);
}

static void must_be_taken(const char *line)
{
    struct server_settings s;
    struct fault f = {.status = OK};
    if (load(line, no_environment, &s, &f) != OK)
        fail_msg("%s: %s", line, f.text);
    server_settings_free(&s);
}

static void defaults_are_loopback_synced_and_locked(void **state)
{
    (void)state;
    struct server_settings s;
    struct fault f;
    assert_int_equal(load("", no_environment, &s, &f), OK);
    assert_string_equal(s.listen_address, "127.0.0.1");
    assert_int_equal(s.listen_port, 4567);
    assert_int_equal(s.durability, DURABILITY_SYNCED);
    assert_false(s.dev);
    assert_false(s.plain);
    assert_string_equal(s.account_id, "000000000000");
    server_settings_free(&s);
}

static void dev_refuses_every_address_but_the_machines_own(void **state)
{
    (void)state;
    must_be_refused("--dev --listen-address 0.0.0.0", "--dev takes any credentials");
    must_be_refused("--dev --listen-address ::", "--dev");
    must_be_refused("--dev --listen-address 192.168.1.7", "not on 192.168.1.7");
    must_be_refused("--listen-address=128.0.0.1 --dev", "--dev");
    must_be_taken("--dev --listen-address 127.0.0.1");
    must_be_taken("--dev --listen-address 127.8.9.1");
    must_be_taken("--dev --listen-address ::1");
    must_be_taken("--listen-address 0.0.0.0");
}

static void what_makes_no_sense_is_refused_in_words(void **state)
{
    (void)state;
    must_be_refused("--listen-address localhost", "neither an IPv4 nor an IPv6");
    must_be_refused("--listen-address 1.2.3", "neither");
    must_be_refused("--account-id 12345678901", "12 digits");
    must_be_refused("--account-id 1234567890123", "12 digits");
    must_be_refused("--account-id 00000000000a", "12 digits");
    must_be_refused("--account-id 000000000000a", "12 digits");
    must_be_refused("--region US-EAST-1", "region");
    must_be_refused("--region=", "region");
    must_be_refused("--tls-key k.pem", "--tls-certificate too");
    must_be_refused("--tls-certificate c.pem", "--tls-key too");
    must_be_refused("--data=", "--data");
    must_be_refused("--listen-port 65536", "65535");
    must_be_refused("--listen-prt 1", "listen-port");
    must_be_refused("serve", "no flag");
    must_be_refused("--dev more", "\"more\" is no flag");
    must_be_refused("--config", "--config needs");
    must_be_refused("--config /no/such/file", "/no/such/file");
}

static void the_later_source_wins(void **state)
{
    (void)state;
    char path[] = "/tmp/sluice-settings-XXXXXX";
    int fd = mkstemp(path);
    static const char json[] =
        "{\"region\": \"from-file\", \"listen-port\": 1, \"segment-size\": \"8MiB\"}";
    assert_true(fd >= 0 && write(fd, json, sizeof(json) - 1) == (ssize_t)sizeof(json) - 1);
    close(fd);
    char *const environment[] = {(char[]){"SLUICE_REGION=from-env"},
                                 (char[]){"SLUICE_LISTEN_PORT=2"}, (char[]){"HOME=/"}, NULL};
    char line[128];
    snprintf(line, sizeof(line), "--listen-port 3 --config %s", path);
    struct server_settings s;
    struct fault f;
    assert_int_equal(load(line, environment, &s, &f), OK);
    assert_string_equal(s.region, "from-env");
    assert_int_equal(s.listen_port, 3);
    assert_int_equal(s.segment_size, 8 << 20);
    server_settings_free(&s);
    unlink(path);
}

static void what_is_printed_reads_back_to_the_same(void **state)
{
    (void)state;
    struct server_settings s, again;
    struct fault f;
    struct buf printed, twice;
    char path[] = "/tmp/sluice-settings-XXXXXX", line[128];
    buf_init(&printed, 65536);
    buf_init(&twice, 65536);
    assert_int_equal(
        load("--dev --region eu-west-9 --durability relaxed --idle-timeout 7s --data /tmp/\"a\\b",
             no_environment, &s, &f),
        OK);
    server_settings_print(&s, &printed);
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, printed.at, printed.len) == (ssize_t)printed.len);
    close(fd);
    snprintf(line, sizeof(line), "--config=%s", path);
    assert_int_equal(load(line, no_environment, &again, &f), OK);
    server_settings_print(&again, &twice);
    assert_true(bytes_equal(buf_view(&printed), buf_view(&twice)));
    assert_int_equal(again.durability, DURABILITY_RELAXED);
    assert_int_equal(again.idle_timeout, 7000);
    unlink(path);
    buf_fini(&printed);
    buf_fini(&twice);
    server_settings_free(&s);
    server_settings_free(&again);
}

static void flags_of_our_own_are_taken_from_anywhere(void **state)
{
    (void)state;
    char *argv[] = {(char[]){"--dev"},   (char[]){"--print-config"}, (char[]){"AKIA"},
                    (char[]){"--force"}, (char[]){"--config"},       (char[]){"f"},
                    (char[]){"-h"}};
    struct server_words words;
    struct fault f;
    assert_int_equal(server_words_read(7, argv, &words, &f), OK);
    assert_true(words.print_config && words.force && words.help);
    assert_string_equal(words.config, "f");
    assert_int_equal(words.rest_count, 2);
    assert_string_equal(words.rest[0], "--dev");
    assert_string_equal(words.rest[1], "AKIA");
}

static void help_names_every_setting_once_and_every_group(void **state)
{
    (void)state;
    static const char *const names[] = {
#define SETTING(field, name, kind, standard, least, most, choices, help) name,
#include "server/settings.def"
#undef SETTING
    };
    struct buf out;
    buf_init(&out, 1 << 20);
    server_settings_help(&out);
    buf_append_byte(&out, '\0');
    const char *text = (const char *)out.at;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        int seen = 0;
        for (const char *at = text; (at = strstr(at, "\n  --")) != NULL; at++) {
            const char *name = at + 5 + (strncmp(at + 5, "[no-]", 5) == 0 ? 5 : 0);
            size_t len = strlen(names[i]);
            seen += strncmp(name, names[i], len) == 0 && (name[len] == ' ' || name[len] == '\n');
        }
        if (seen != 1)
            fail_msg("%s stands %d times in the help", names[i], seen);
    }
    assert_non_null(strstr(text, "\nDurability, memory and disk:\n"));
    assert_non_null(strstr(text, "\nTLS:\n"));
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_loopback_synced_and_locked),
        cmocka_unit_test(dev_refuses_every_address_but_the_machines_own),
        cmocka_unit_test(what_makes_no_sense_is_refused_in_words),
        cmocka_unit_test(the_later_source_wins),
        cmocka_unit_test(what_is_printed_reads_back_to_the_same),
        cmocka_unit_test(flags_of_our_own_are_taken_from_anywhere),
        cmocka_unit_test(help_names_every_setting_once_and_every_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
