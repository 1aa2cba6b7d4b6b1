/* credentials_test.c: where credentials come from, and the file of the AWS CLI. */
#include "wire/credentials.h"

#include "base/file.h"
#include "unit/base/cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char *environment[5][2];

static const char *variable(const char *name)
{
    for (int i = 0; i < 5 && environment[i][0]; i++)
        if (strcmp(environment[i][0], name) == 0)
            return environment[i][1];
    return NULL;
}

static void set(int i, const char *name, const char *value)
{
    environment[i][0] = name;
    environment[i][1] = value;
}

static const char text[] = "# mine\n[default]\r\naws_access_key_id = AKIA1\r\n"
                           "aws_secret_access_key=s/1+\n\n[other]\naws_access_key_id=AKIA2\n"
                           "aws_secret_access_key = s2\naws_session_token = t==\nregion = x\n"
                           "[half]\naws_access_key_id=AKIA3\n";

static void a_profile_is_read(void **state)
{
    (void)state;
    struct credentials c;
    struct fault f;
    assert_int_equal(credentials_parse(PROFILE_CREDENTIALS, BYTES_LITERAL(text),
                                       BYTES_LITERAL("default"), &c, &f),
                     OK);
    assert_string_equal(c.access_key, "AKIA1");
    assert_string_equal(c.secret_key, "s/1+");
    assert_string_equal(c.token, "");
    assert_int_equal(
        credentials_parse(PROFILE_CREDENTIALS, BYTES_LITERAL(text), BYTES_LITERAL("other"), &c, &f),
        OK);
    assert_string_equal(c.access_key, "AKIA2");
    assert_string_equal(c.token, "t==");
    assert_int_equal(
        credentials_parse(PROFILE_CREDENTIALS, BYTES_LITERAL(text), BYTES_LITERAL("none"), &c, &f),
        NOT_FOUND);
    assert_int_equal(
        credentials_parse(PROFILE_CREDENTIALS, BYTES_LITERAL(text), BYTES_LITERAL("half"), &c, &f),
        INVALID_VALUE);
    assert_string_equal(c.access_key, "");
}

static void settings_come_before_the_environment_and_that_before_the_file(void **state)
{
    (void)state;
    struct credentials c;
    struct fault f;
    char path[] = "/tmp/sluice-credentials-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(file_replace(path, BYTES_LITERAL(text), &f), OK);
    struct credentials_from from = {
        .access_key = "AKIA0", .secret_key = "s 0", .said_where = "these", .variable = variable};
    set(0, "AWS_SHARED_CREDENTIALS_FILE", path);
    set(1, "AWS_PROFILE", "other");
    set(2, "AWS_ACCESS_KEY_ID", "AKIAE");
    set(3, "AWS_SECRET_ACCESS_KEY", "se");
    set(4, "AWS_SESSION_TOKEN", "te");
    assert_int_equal(credentials_find(&from, &c, &f), OK);
    assert_string_equal(c.access_key, "AKIA0");
    from.access_key = "";
    assert_int_equal(credentials_find(&from, &c, &f), OK);
    assert_string_equal(c.access_key, "AKIAE");
    assert_string_equal(c.token, "te");
    set(2, NULL, NULL);
    assert_int_equal(credentials_find(&from, &c, &f), OK);
    assert_string_equal(c.access_key, "AKIA2");
    set(1, "AWS_PROFILE", "none");
    assert_int_equal(credentials_find(&from, &c, &f), NOT_FOUND);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(credentials_find(&from, &c, &f), NOT_FOUND);
    assert_non_null(strstr(f.text, path));
}

static void the_config_file_may_hold_them_where_it_is_asked(void **state)
{
    (void)state;
    static const char config[] = "[profile both]\nregion = x\naws_access_key_id = AKIAC\n"
                                 "aws_secret_access_key = sc\n[default]\nregion = y\n"
                                 "[profile\tnested]\naws_access_key_id = AKIAN\nlogin =\n"
                                 "  aws_secret_access_key = not this one\n";
    struct credentials c;
    struct fault f;
    char path[] = "/tmp/sluice-config-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(file_replace(path, BYTES_LITERAL(config), &f), OK);
    struct credentials_from from = {.said_where = "these", .profile = "both", .variable = variable};
    memset(environment, 0, sizeof(environment));
    set(0, "AWS_SHARED_CREDENTIALS_FILE", "/nonexistent/credentials");
    set(1, "AWS_CONFIG_FILE", path);
    assert_int_equal(credentials_find(&from, &c, &f), NOT_FOUND);
    from.with_config = true;
    assert_int_equal(credentials_find(&from, &c, &f), OK);
    assert_string_equal(c.access_key, "AKIAC");
    from.profile = NULL; /* "default" has none */
    assert_int_equal(credentials_find(&from, &c, &f), NOT_FOUND);
    assert_non_null(strstr(f.text, "/nonexistent/credentials"));
    assert_int_equal(
        credentials_parse(PROFILE_CONFIG, BYTES_LITERAL(config), BYTES_LITERAL("nested"), &c, &f),
        INVALID_VALUE); /* a setting of a setting is none of the profile's */
    assert_int_equal(unlink(path), 0);
}

static void no_header_gets_a_lines_end(void **state)
{
    (void)state;
    struct credentials c;
    struct fault f;
    const struct credentials_from from = {.access_key = "AKIA\r\nX: y",
                                          .secret_key = "s",
                                          .said_where = "these",
                                          .variable = variable};
    assert_int_equal(credentials_find(&from, &c, &f), INVALID_VALUE);
    assert_null(strstr(f.text, "AKIA")); /* F7 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_profile_is_read),
        cmocka_unit_test(settings_come_before_the_environment_and_that_before_the_file),
        cmocka_unit_test(the_config_file_may_hold_them_where_it_is_asked),
        cmocka_unit_test(no_header_gets_a_lines_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
