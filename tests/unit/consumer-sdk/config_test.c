/* config_test.c: where calls go and as whom: options, environment, profiles, AWS's own, in that order. */
#include "consumer-sdk/config.h"

#include "base/file.h"
#include "unit/base/cmocka_all.h"

#include <stdlib.h>
#include <unistd.h>

enum { VARIABLES_MAX = 8 };
static const char *variables[VARIABLES_MAX][2];
static struct arena arena;
static struct config config;
static struct sluice_error error;

static const char *variable(const char *name)
{
    for (int i = 0; i < VARIABLES_MAX && variables[i][0] != NULL; i++) {
        if (strcmp(variables[i][0], name) == 0)
            return variables[i][1];
    }
    return NULL;
}

static void set(const char *name, const char *value)
{
    int i = 0;
    while (variables[i][0] != NULL && strcmp(variables[i][0], name) != 0)
        i++;
    variables[i][0] = name;
    variables[i][1] = value;
}

static int begin(void **state)
{
    (void)state;
    memset(variables, 0, sizeof(variables));
    arena_init(&arena, 1 << 20);
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static enum sluice_status make(struct sluice_client_options o)
{
    o.size = sizeof(o);
    return config_make(&o, variable, &arena, &config, &error);
}

static void expect_endpoint(enum service service, const char *url, const char *host)
{
    assert_string_equal(config.endpoints[service].url, url);
    assert_int_equal(config.endpoints[service].host.len, strlen(host));
    assert_memory_equal(config.endpoints[service].host.at, host, strlen(host));
}

static void without_anything_it_is_awss(void **state)
{
    (void)state;
    assert_int_equal(config_make(NULL, variable, &arena, &config, &error), SLUICE_OK);
    assert_string_equal(config.region, "us-east-1");
    expect_endpoint(SERVICE_KINESIS, "https://kinesis.us-east-1.amazonaws.com/",
                    "kinesis.us-east-1.amazonaws.com");
    expect_endpoint(SERVICE_FIREHOSE, "https://firehose.us-east-1.amazonaws.com/",
                    "firehose.us-east-1.amazonaws.com");
    assert_string_equal(config.ca_file, "");
    assert_int_equal(config.said.connections_max, 64);
    assert_int_equal(config.said.attempts_max, 3);
}

static void the_environment_says_where(void **state)
{
    (void)state;
    set("AWS_DEFAULT_REGION", "eu-central-1");
    set("AWS_ENDPOINT_URL_KINESIS", "http://127.0.0.1:4567");
    set("AWS_CA_BUNDLE", "/some/ca.pem");
    assert_int_equal(make((struct sluice_client_options){0}), SLUICE_OK);
    assert_string_equal(config.region, "eu-central-1");
    assert_string_equal(config.ca_file, "/some/ca.pem");
    expect_endpoint(SERVICE_KINESIS, "http://127.0.0.1:4567/", "127.0.0.1:4567");
    expect_endpoint(SERVICE_FIREHOSE, "https://firehose.eu-central-1.amazonaws.com/",
                    "firehose.eu-central-1.amazonaws.com");
    set("AWS_ENDPOINT_URL", "https://all:443/");
    set("AWS_REGION", "cn-north-1");
    assert_int_equal(make((struct sluice_client_options){0}), SLUICE_OK);
    assert_string_equal(config.region, "cn-north-1");
    expect_endpoint(SERVICE_KINESIS, "http://127.0.0.1:4567/", "127.0.0.1:4567");
    expect_endpoint(SERVICE_FIREHOSE, "https://all:443/", "all");
}

static void options_come_first(void **state)
{
    (void)state;
    set("AWS_REGION", "eu-central-1");
    set("AWS_ENDPOINT_URL", "https://all");
    set("AWS_CA_BUNDLE", "/some/ca.pem");
    assert_int_equal(make((struct sluice_client_options){.region = "ap-south-1",
                                                         .endpoint = "http://[::1]:80",
                                                         .ca_file = "/mine.pem"}),
                     SLUICE_OK);
    assert_string_equal(config.region, "ap-south-1");
    assert_string_equal(config.ca_file, "/mine.pem");
    expect_endpoint(SERVICE_KINESIS, "http://[::1]:80/", "[::1]");
    expect_endpoint(SERVICE_FIREHOSE, "http://[::1]:80/", "[::1]");
}

static void china_has_its_own_suffix(void **state)
{
    (void)state;
    assert_int_equal(make((struct sluice_client_options){.region = "cn-northwest-1"}), SLUICE_OK);
    expect_endpoint(SERVICE_KINESIS, "https://kinesis.cn-northwest-1.amazonaws.com.cn/",
                    "kinesis.cn-northwest-1.amazonaws.com.cn");
}

static void a_profile_comes_last(void **state)
{
    (void)state;
    static const char text[] = "[default]\nregion = us-west-1\ns3 =\n  region = nested\n"
                               "[profile mine]\nregion=us-west-2\nendpoint_url = http://mine:1\n"
                               "ca_bundle = /mine.pem\n[mine]\nregion = none\n";
    char path[] = "/tmp/sluice-config-XXXXXX";
    struct fault f;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(file_replace(path, BYTES_LITERAL(text), &f), OK);
    set("AWS_CONFIG_FILE", path);
    assert_int_equal(make((struct sluice_client_options){0}), SLUICE_OK);
    assert_string_equal(config.profile, "default");
    assert_string_equal(config.region, "us-west-1");
    assert_int_equal(make((struct sluice_client_options){.profile = "mine"}), SLUICE_OK);
    assert_string_equal(config.region, "us-west-2");
    assert_string_equal(config.ca_file, "/mine.pem");
    expect_endpoint(SERVICE_KINESIS, "http://mine:1/", "mine:1");
    set("AWS_PROFILE", "mine");
    set("AWS_REGION", "eu-west-3");
    assert_int_equal(make((struct sluice_client_options){0}), SLUICE_OK);
    assert_string_equal(config.region, "eu-west-3");
    expect_endpoint(SERVICE_FIREHOSE, "http://mine:1/", "mine:1");
    unlink(path);
}

static void what_is_no_address_is_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"localhost:4567",   "ftp://x",    "http://",
                                      "https://x/a/path", "http://x?a", "http://x y",
                                      "http://u@x",       "http://x:0"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(make((struct sluice_client_options){.endpoint = bad[i]}),
                         SLUICE_INVALID_ARGUMENT);
    }
    assert_int_equal(make((struct sluice_client_options){.region = "eu west"}),
                     SLUICE_INVALID_ARGUMENT);
    assert_int_equal(make((struct sluice_client_options){.codec = (enum sluice_codec)7}),
                     SLUICE_INVALID_ARGUMENT);
}

static void options_of_other_versions_are_understood(void **state)
{
    (void)state;
    struct {
        struct sluice_client_options known;
        unsigned later;
    } longer = {.known = {.size = sizeof(longer), .region = "eu-west-1"}};
    struct sluice_client_options shorter = {
        .size = offsetof(struct sluice_client_options, connections_max), .region = "eu-west-1"};
    shorter.connections_max = 7; /* beyond its size: not there */
    assert_int_equal(config_make(&longer.known, variable, &arena, &config, &error), SLUICE_OK);
    longer.later = 1;
    assert_int_equal(config_make(&longer.known, variable, &arena, &config, &error),
                     SLUICE_INVALID_ARGUMENT);
    assert_int_equal(config_make(&shorter, variable, &arena, &config, &error), SLUICE_OK);
    assert_int_equal(config.said.connections_max, 64);
    assert_string_equal(config.region, "eu-west-1");
    shorter.size = 0;
    assert_int_equal(config_make(&shorter, variable, &arena, &config, &error),
                     SLUICE_INVALID_ARGUMENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(without_anything_it_is_awss),
        TEST(the_environment_says_where),
        TEST(options_come_first),
        TEST(china_has_its_own_suffix),
        TEST(a_profile_comes_last),
        TEST(what_is_no_address_is_refused),
        TEST(options_of_other_versions_are_understood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
