/* server_settings.c: from the words of a command line to values that fit together.
 *
 * base/settings.c knows each value alone; what only makes sense together is checked here, so that a
 * server either starts as it was told or says in one sentence why it cannot.
 *
 * I1. With --dev, where any credentials are taken, no address but the machine's own is listened on.
 * I2. What server_settings_print writes, --config reads to the same values.
 *
 * Thread: its caller's. */
#include "server/server_settings.h"

#include "shards/scope.h"

#include <arpa/inet.h>

static const struct setting rows[] = {
#define SETTING(field, name, kind, standard, least, most, choices, help)                           \
    {                                                                                              \
        name,                                                                                      \
        SETTING_##kind,                                                                            \
        offsetof(struct server_settings, field),                                                   \
        standard,                                                                                  \
        least,                                                                                     \
        most,                                                                                      \
        choices,                                                                                   \
        help},
#include "server/settings.def"
#undef SETTING
};
enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* Where the help begins a new group: the first setting of each. */
static const struct group {
    const char *first, *heading;
} groups[] = {
    {"data", "Where and what"},
    {"plain", "TLS"},
    {"master-key-file", "Encryption of streams"},
    {"account-id", "As whom"},
    {"threads", "Threads and connections"},
    {"durability", "Durability, memory and disk"},
    {"shard-limit", "Limits of the service"},
    {"s3-endpoint", "Delivery"},
    {"inject", "Faults"},
    {"log-level", "What it says"},
};
enum { GROUPS = sizeof(groups) / sizeof(groups[0]) };

static bool is_flag(const char *word, const char *flag)
{
    return strcmp(word, flag) == 0;
}

enum status server_words_read(int argc, char **argv, struct server_words *out, struct fault *f)
{
    static const char config_is[] = "--config=";
    *out = (struct server_words){.rest = argv};
    for (int i = 0; i < argc; i++) {
        if (is_flag(argv[i], "--help") || is_flag(argv[i], "-h")) {
            out->help = true;
        } else if (is_flag(argv[i], "--print-config")) {
            out->print_config = true;
        } else if (is_flag(argv[i], "--force")) {
            out->force = true;
        } else if (strncmp(argv[i], config_is, sizeof(config_is) - 1) == 0) {
            out->config = argv[i] + sizeof(config_is) - 1;
        } else if (is_flag(argv[i], "--config")) {
            if (i + 1 == argc)
                return fault_set(f, INVALID_ARGUMENT, "--config needs the name of a file");
            out->config = argv[++i];
        } else if (is_flag(argv[i], "--account")) {
            if (i + 1 == argc)
                return fault_set(f, INVALID_ARGUMENT, "--account needs the number of an account");
            out->account = argv[++i];
        } else {
            argv[out->rest_count++] = argv[i];
        }
    }
    return OK;
}

bool address_is_loopback(const char *address)
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, address, &four) == 1)
        return ntohl(four.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

bool address_is_any(const char *address)
{
    struct in_addr four;
    struct in6_addr six;
    if (inet_pton(AF_INET, address, &four) == 1)
        return four.s_addr == INADDR_ANY;
    return inet_pton(AF_INET6, address, &six) == 1 && IN6_IS_ADDR_UNSPECIFIED(&six);
}

static bool address_is_valid(const char *address)
{
    uint8_t ignored[sizeof(struct in6_addr)];
    return inet_pton(AF_INET, address, ignored) == 1 || inet_pton(AF_INET6, address, ignored) == 1;
}

static enum status check_place(const struct server_settings *s, struct fault *f)
{
    if (s->data[0] == '\0')
        return fault_set(f, INVALID_VALUE, "--data: name the folder that is to hold everything");
    if (!address_is_valid(s->listen_address))
        return fault_set(f, INVALID_VALUE,
                         "--listen-address: \"%.80s\" is neither an IPv4 nor an IPv6 address; "
                         "127.0.0.1 is this machine alone, 0.0.0.0 all of its addresses",
                         s->listen_address);
    if (s->dev && !address_is_loopback(s->listen_address)) /* I1 */
        return fault_set(f, INVALID_VALUE,
                         "--dev takes any credentials, so it listens on this machine's own "
                         "addresses only (127.0.0.1 or ::1), not on %s: leave out --dev, or "
                         "--listen-address",
                         s->listen_address);
    return OK;
}

static enum status check_names(const struct server_settings *s, struct fault *f)
{
    if (!account_is_valid(bytes_text(s->account_id)))
        return fault_set(f, INVALID_VALUE, "--account-id: an account number has 12 digits");
    if (!region_is_valid(bytes_text(s->region)))
        return fault_set(f, INVALID_VALUE,
                         "--region: a region is 1 to 64 of a-z, 0-9 and -, as us-east-1");
    if ((s->tls_certificate[0] == '\0') != (s->tls_key[0] == '\0'))
        return fault_set(f, INVALID_VALUE, "--tls-certificate and --tls-key go together: give %s",
                         s->tls_key[0] == '\0' ? "--tls-key too" : "--tls-certificate too");
    return OK;
}

static enum status load(const struct server_words *words, char *const *environment,
                        struct server_settings *out, int *used, struct fault *f)
{
    enum status st = settings_defaults(rows, ROWS, out, f);
    if (st == OK && words->config)
        st = settings_from_file(rows, ROWS, out, words->config, f);
    if (st == OK)
        st = settings_from_environment(rows, ROWS, out, environment, f);
    if (st == OK)
        st = settings_from_flags(rows, ROWS, out, words->rest_count, words->rest, used, f);
    if (st == OK)
        st = check_place(out, f);
    if (st == OK)
        st = check_names(out, f);
    return st;
}

enum status server_settings_load(const struct server_words *words, char *const *environment,
                                 struct server_settings *out, int *used, struct fault *f)
{
    int flags = 0;
    enum status st = load(words, environment, out, &flags, f);
    if (st == OK && !used && flags < words->rest_count)
        st = fault_set(f, INVALID_ARGUMENT, "\"%.80s\" is no flag; flags begin with --",
                       words->rest[flags]);
    if (st != OK)
        server_settings_free(out);
    if (used)
        *used = flags;
    return st;
}

void server_settings_free(struct server_settings *s)
{
    settings_free(rows, ROWS, s);
}

void server_settings_print(const struct server_settings *s, struct buf *out)
{
    settings_print_json(rows, ROWS, s, out);
}

static size_t row_of(const char *name)
{
    size_t i = 0;
    while (i < ROWS && strcmp(rows[i].name, name) != 0)
        i++;
    return i;
}

void server_settings_help(struct buf *out)
{
    for (size_t i = 0; i < GROUPS; i++) {
        size_t first = row_of(groups[i].first);
        size_t end = i + 1 < GROUPS ? row_of(groups[i + 1].first) : ROWS;
        buf_printf(out, "\n%s:\n", groups[i].heading);
        settings_print_help(rows + first, end - first, out);
    }
}
