/* client.c: a client: its birth, its turns, its end; and what all of its calls share.
 *
 * A client is a loop (base/loop) that nobody runs: whoever calls sluice_client_turn, or waits for a call, is its thread for so long.
 * libcurl hangs in that loop (wire/web), and so do the timers of calls.
 *
 * I1. Callbacks of the user's are called from a turn or from sluice_client_free, never from what he called to start something.
 * I2. A turn within a callback is refused: the loop stands in the middle of one.
 *
 * Left to others: one call (call.c), one subscription (subscription.c), where calls go (config.c). Thread: one at a time. */
#include "consumer-sdk/client.h"

#include "base/mem.h"
#include "consumer-sdk/call.h"
#include "consumer-sdk/error.h"

#include <stdlib.h>

enum { SKEW_MS = 4 * 60 * 1000 }; /* as AWS's SDKs: less is no reason for a refusal */
static const uint64_t date_ms_max = 7258118400000; /* the year 2200: later ones are no service's */

static enum sluice_status open_parts(struct sluice_client *c, struct sluice_error *error)
{
    const struct sluice_client_options *said = &c->config.said;
    struct fault f;
    enum status st = loop_new(&c->loop, &clock_system, &f);
    if (st == OK)
        st = web_new(&(struct web_settings){.loop = c->loop,
                                            .ca_file = c->config.ca_file,
                                            .connections_max = said->connections_max,
                                            .connect_ms = said->connect_timeout_ms,
                                            .one_side = true,
                                            .http2 = said->http == SLUICE_HTTP_2},
                     &c->web, &f);
    return st == OK ? SLUICE_OK : error_from(error, st, &f);
}

enum sluice_status client_new(const struct sluice_client_options *options,
                              profile_variable_fn *variable, sluice_client **client,
                              struct sluice_error *error)
{
    *client = NULL;
    struct sluice_client *c = MEM_TRY_NEW(struct sluice_client);
    if (c == NULL)
        return error_set(error, SLUICE_NO_MEMORY, "no memory for a client");
    c->variable = variable;
    arena_init(&c->texts, CLIENT_MEMORY_MAX);
    list_init(&c->calls);
    list_init(&c->subscriptions);
    random_bytes(&c->chance, sizeof(c->chance));
    enum sluice_status st = config_make(options, variable, &c->texts, &c->config, error);
    if (st == SLUICE_OK)
        st = open_parts(c, error);
    if (st == SLUICE_OK && (c->replies = reply_spares_new()) == NULL)
        st = error_set(error, SLUICE_NO_MEMORY, "no memory for a client");
    if (st != SLUICE_OK) {
        sluice_client_free(c);
        return st;
    }
    retry_budget_init(&c->budget, c->config.said.retry_tokens);
    *client = c;
    return SLUICE_OK;
}

enum sluice_status sluice_client_new(const struct sluice_client_options *options,
                                     sluice_client **client, struct sluice_error *error)
{
    return client_new(options, NULL, client, error);
}

void sluice_client_free(sluice_client *client)
{
    if (client == NULL)
        return;
    client->closing = true;
    calls_cancel_all(client);
    subscriptions_cancel_all(client);
    web_free(client->web);
    loop_free(client->loop);
    credentials_wipe(&client->credentials);
    explicit_bzero(client->keys, sizeof(client->keys));
    if (client->config.secret_access_key != NULL) /* a copy of ours */
        explicit_bzero((char *)(uintptr_t)client->config.secret_access_key,
                       strlen(client->config.secret_access_key));
    while (client->spare_count > 0)
        buf_fini(&client->spares[--client->spare_count]);
    reply_spares_close(client->replies);
    arena_fini(&client->texts);
    mem_free(client);
}

/* ---- driving ---- */

enum sluice_status sluice_client_turn(sluice_client *client, int wait_ms)
{
    if (client->inside > 0 || client->closing) /* I2 */
        return SLUICE_STATE;
    loop_turn(client->loop, wait_ms);
    return SLUICE_OK;
}

int sluice_client_fd(const sluice_client *client)
{
    return loop_fd(client->loop);
}

int sluice_client_timeout(const sluice_client *client)
{
    return loop_timeout_ms(client->loop);
}

void sluice_client_wake(sluice_client *client)
{
    loop_wake(client->loop);
}

unsigned sluice_client_calls(const sluice_client *client)
{
    return client->call_count;
}

/* ---- what calls share ---- */

uint64_t client_now_ms(const struct sluice_client *client)
{
    return (uint64_t)((int64_t)clock_wall_ms(&clock_system) + client->skew_ms);
}

static enum sluice_status find(struct sluice_client *c, struct credentials *out,
                               struct sluice_error *error)
{
    const struct credentials_from from = {.access_key = c->config.access_key_id,
                                          .secret_key = c->config.secret_access_key,
                                          .token = c->config.session_token,
                                          .said_where = "the client's options",
                                          .profile = c->config.profile,
                                          .with_config = true,
                                          .variable = c->variable};
    struct fault f;
    enum status st = credentials_find(&from, out, &f);
    if (st == OK)
        return SLUICE_OK;
    return error_set(error, st == NO_MEMORY ? SLUICE_NO_MEMORY : SLUICE_CREDENTIALS, "%s", f.text);
}

enum sluice_status client_credentials(struct sluice_client *client, struct sluice_error *error)
{
    if (client->have_credentials)
        return SLUICE_OK;
    enum sluice_status st = find(client, &client->credentials, error);
    client->have_credentials = st == SLUICE_OK;
    return st;
}

bool client_credentials_renew(struct sluice_client *client)
{
    struct credentials fresh;
    bool others = find(client, &fresh, NULL) == SLUICE_OK &&
                  memcmp(&fresh, &client->credentials, sizeof(fresh)) != 0;
    if (others) {
        client->credentials = fresh;
        explicit_bzero(client->keys, sizeof(client->keys));
    }
    credentials_wipe(&fresh);
    return others;
}

bool client_clock_set(struct sluice_client *client, struct bytes http_date)
{
    uint64_t theirs;
    if (!bytes_present(http_date) || !sigv4_time_from_rfc1123(http_date, &theirs) ||
        theirs > date_ms_max)
        return false;
    int64_t wrong = (int64_t)theirs - (int64_t)client_now_ms(client);
    if (llabs(wrong) < SKEW_MS)
        return false;
    client->skew_ms += wrong;
    return true;
}
