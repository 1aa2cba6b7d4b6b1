/* config.c: a client's options, completed.
 *
 * The order is that of AWS's SDKs: what was said, the environment, the profile, AWS's own. Not read: `services` sections and
 * source_profile, sso_ and role_ settings of ~/.aws/config (they need calls of other services).
 *
 * I1. An endpoint is scheme, host and port: no path, no query. Every request goes to "/".
 *
 * Thread: any. */
#include "consumer-sdk/config.h"

#include "consumer-sdk/error.h"
#include "wire/uri.h"

const char *service_name(enum service service)
{
    static const char *const names[SERVICES] = {"kinesis", "firehose"};
    return names[service];
}

/* ---- numbers ---- */

void sluice_client_options_init(struct sluice_client_options *options)
{
    *options = (struct sluice_client_options){.size = sizeof(*options)};
}

static void default_to(unsigned *number, unsigned value)
{
    if (*number == 0)
        *number = value;
}

/* Of a caller that was compiled with another struct: what he does not know is zero; what we do not know must be. */
static enum sluice_status take_options(const struct sluice_client_options *options,
                                       struct sluice_client_options *out,
                                       struct sluice_error *error)
{
    sluice_client_options_init(out);
    size_t size = options != NULL ? options->size : 0;
    if (options != NULL && size == 0)
        return error_set(error, SLUICE_INVALID_ARGUMENT,
                         "the client's options were not begun by sluice_client_options_init");
    for (size_t i = sizeof(*out); i < size; i++) {
        if (((const uint8_t *)options)[i] != 0)
            return error_set(error, SLUICE_INVALID_ARGUMENT,
                             "an option is set that this version of the library does not know");
    }
    if (options != NULL)
        memcpy(out, options, size < sizeof(*out) ? size : sizeof(*out));
    out->size = sizeof(*out);
    if ((out->http != SLUICE_HTTP_1_1 && out->http != SLUICE_HTTP_2) ||
        (out->codec != SLUICE_JSON && out->codec != SLUICE_CBOR))
        return error_set(error, SLUICE_INVALID_ARGUMENT, "no such HTTP version or codec");
    default_to(&out->connections_max, 64);
    default_to(&out->connect_timeout_ms, 3000);
    default_to(&out->attempt_timeout_ms, 30000);
    default_to(&out->timeout_ms, 120000);
    default_to(&out->attempts_max, 3);
    default_to(&out->backoff_ms, 50);
    default_to(&out->backoff_max_ms, 20000);
    default_to(&out->retry_tokens, 500);
    return SLUICE_OK;
}

/* ---- texts ---- */

struct maker {
    profile_variable_fn *variable;
    struct arena *arena;
    struct config *config;
    struct buf file; /* ~/.aws/config, or empty */
    bool no_memory;
};

/* A copy; "" when there was no memory, and then `no_memory`. */
static const char *copy(struct maker *m, struct bytes text)
{
    struct bytes kept = arena_copy(m->arena, text);
    m->no_memory = m->no_memory || !bytes_present(kept);
    return bytes_present(kept) ? (const char *)kept.at : "";
}

static const char *copy_said(struct maker *m, const char *text)
{
    return text == NULL ? "" : copy(m, bytes_text(text));
}

static const char *copy_profiled(struct maker *m, const char *name)
{
    struct bytes value = profile_value(PROFILE_CONFIG, buf_view(&m->file),
                                       bytes_text(m->config->profile), bytes_text(name));
    return bytes_present(value) ? copy(m, value) : "";
}

/* The first that is there of what was said, two variables, and the profile's setting; or "". */
static const char *first_of(struct maker *m, const char *said, const char *variable,
                            const char *other_variable, const char *setting)
{
    if (said != NULL && said[0] != '\0')
        return copy_said(m, said);
    const char *text = profile_variable(m->variable, variable);
    if (text[0] == '\0' && other_variable != NULL)
        text = profile_variable(m->variable, other_variable);
    if (text[0] != '\0')
        return copy(m, bytes_text(text));
    return setting != NULL ? copy_profiled(m, setting) : "";
}

static enum sluice_status read_profile(struct maker *m, struct sluice_error *error)
{
    struct fault f;
    m->config->profile = first_of(m, m->config->said.profile, "AWS_PROFILE", NULL, NULL);
    if (m->config->profile[0] == '\0')
        m->config->profile = "default";
    enum status st = profile_read(PROFILE_CONFIG, m->variable, &m->file, &f);
    return st == OK || st == NOT_FOUND ? SLUICE_OK : error_from(error, st, &f);
}

/* ---- endpoints ---- */

static bool starts(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

static enum sluice_status take_address(struct maker *m, const char *address, struct endpoint *out,
                                       struct sluice_error *error)
{
    struct uri uri;
    bool fine = uri_parse(bytes_text(address), &uri, NULL) == OK && uri.query.len == 0 &&
                (uri.path.len == 0 || bytes_equal(uri.path, BYTES_LITERAL("/")));
    bool tls = fine && bytes_equal(uri.scheme, BYTES_LITERAL("https"));
    if (!fine || (!tls && !bytes_equal(uri.scheme, BYTES_LITERAL("http")))) /* I1 */
        return error_set(error, SLUICE_INVALID_ARGUMENT,
                         "the endpoint is not of the form https://host:port");
    const uint8_t *host = (const uint8_t *)address + uri.scheme.len + strlen("://");
    struct bytes authority = bytes_of(host, (size_t)(uri.path.at - host));
    struct bytes url =
        arena_printf(m->arena, "%.*s://%.*s/", BYTES_ARGS(uri.scheme), BYTES_ARGS(authority));
    if (!bytes_present(url)) {
        m->no_memory = true;
        return SLUICE_OK;
    }
    out->url = (const char *)url.at;
    out->host = bytes_of(url.at + uri.scheme.len + strlen("://"), authority.len);
    if (uri.port == (tls ? 443 : 80) || authority.at[authority.len - 1] == ':') {
        while (out->host.at[out->host.len - 1] != ':')
            out->host.len--;
        out->host.len--;
    }
    return SLUICE_OK;
}

static enum sluice_status find_endpoint(struct maker *m, enum service service,
                                        struct sluice_error *error)
{
    static const char *const variables[SERVICES] = {"AWS_ENDPOINT_URL_KINESIS",
                                                    "AWS_ENDPOINT_URL_FIREHOSE"};
    const char *address = first_of(m, m->config->said.endpoint, variables[service],
                                   "AWS_ENDPOINT_URL", "endpoint_url");
    if (address[0] == '\0') {
        struct bytes own =
            arena_printf(m->arena, "https://%s.%s.amazonaws.com%s", service_name(service),
                         m->config->region, starts(m->config->region, "cn-") ? ".cn" : "");
        m->no_memory = m->no_memory || !bytes_present(own);
        address = (const char *)own.at;
    }
    return m->no_memory ? SLUICE_OK
                        : take_address(m, address, &m->config->endpoints[service], error);
}

static bool region_is_fine(const char *region)
{
    size_t len = strspn(region, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-");
    return len > 0 && len <= 64 && region[len] == '\0';
}

static enum sluice_status make(struct maker *m, struct sluice_error *error)
{
    struct config *c = m->config;
    enum sluice_status st = read_profile(m, error);
    if (st != SLUICE_OK)
        return st;
    c->region = first_of(m, c->said.region, "AWS_REGION", "AWS_DEFAULT_REGION", "region");
    if (c->region[0] == '\0')
        c->region = "us-east-1";
    if (!region_is_fine(c->region))
        return error_set(error, SLUICE_INVALID_ARGUMENT, "'%s' is no name of a region", c->region);
    for (enum service s = 0; st == SLUICE_OK && s < SERVICES; s++)
        st = find_endpoint(m, s, error);
    c->access_key_id = copy_said(m, c->said.access_key_id);
    c->secret_access_key = copy_said(m, c->said.secret_access_key);
    c->session_token = copy_said(m, c->said.session_token);
    c->ca_file = first_of(m, c->said.ca_file, "AWS_CA_BUNDLE", NULL, "ca_bundle");
    return st;
}

enum sluice_status config_make(const struct sluice_client_options *options,
                               profile_variable_fn *variable, struct arena *arena,
                               struct config *out, struct sluice_error *error)
{
    struct maker m = {.variable = variable, .arena = arena, .config = out};
    *out = (struct config){0};
    buf_init(&m.file, PROFILE_FILE_BYTES_MAX);
    enum sluice_status st = take_options(options, &out->said, error);
    if (st == SLUICE_OK)
        st = make(&m, error);
    if (m.file.at != NULL)
        explicit_bzero(m.file.at, m.file.len); /* it may hold a secret */
    buf_fini(&m.file);
    if (st == SLUICE_OK && m.no_memory)
        st = error_set(error, SLUICE_NO_MEMORY, "no memory for a client");
    return st;
}
