/* ask.c: words to a request, an answer to a table.
 *
 * The request is JSON made of the table's `extra`, the arguments and the options, each at its member; the SDK's codecs do the rest, so
 * that bounds and their words are AWS's own. */
#include "cli/ask.h"

#include "base/buf.h"
#include "base/json_text.h"
#include "base/limits.h"

#include <sluice/kinesis.h>

#include <poll.h>
#include <string.h>

enum { LOOK_MS = 200 };

/* ---- one call ---- */

enum cli_exit ask_once(const struct invocation *words, sluice_client *client,
                       const struct sluice_operation *operation, const json_t *request,
                       json_t **answer, struct sluice_error *error)
{
    struct sluice_error own = {0};
    bool silent = error != NULL; /* the caller looks at it first */
    error = error ? error : &own;
    *error = (struct sluice_error){0};
    sluice_reply *reply = NULL;
    *answer = NULL;
    struct buf text;
    buf_init(&text, REQUEST_BODY_BYTES_MAX);
    if (json_text_append(request, JSON_COMPACT, &text) != OK) {
        buf_fini(&text);
        return session_say(words, CLI_FAILED, "the request is too large");
    }
    enum sluice_status st =
        sluice_call_json(client, operation, (const char *)text.at, text.len, NULL, &reply, error);
    buf_fini(&text);
    if (st != SLUICE_OK)
        return silent ? session_exit_of(error) : session_failed(words, error);
    size_t len = 0;
    const char *said = sluice_reply_json(operation, reply, &len);
    *answer = said ? json_loadb(said, len, 0, NULL) : NULL;
    sluice_reply_free(reply);
    return *answer ? CLI_DONE : session_say(words, CLI_FAILED, "the answer cannot be shown");
}

void ask_set_stream(json_t *request, const char *stream)
{
    bool is_arn = strncmp(stream, "arn:", 4) == 0;
    json_object_set_new(request, is_arn ? "StreamARN" : "StreamName", json_string(stream));
}

enum cli_exit ask_set_arn(const struct invocation *words, sluice_client *client, json_t *request,
                          const char *stream)
{
    json_t *look = json_object(), *answer;
    ask_set_stream(look, stream);
    json_t *arn = json_incref(json_object_get(look, "StreamARN"));
    enum cli_exit done = CLI_DONE;
    if (arn == NULL) {
        done = ask_once(words, client, &sluice_kinesis_describe_stream_summary_operation, look,
                        &answer, NULL);
        if (done == CLI_DONE)
            arn = json_incref(json_at(answer, "StreamDescriptionSummary.StreamARN"));
        json_decref(answer);
    }
    json_decref(look);
    if (arn)
        json_object_set_new(request, "StreamARN", arn);
    return done;
}

/* ---- the request ---- */

static void set_value(json_t *request, const char *member, enum option_kind kind, const char *text,
                      uint64_t number)
{
    if (kind == OPTION_NUMBER)
        json_put(request, member, json_integer((json_int_t)number));
    else if (kind == OPTION_SWITCH)
        json_put(request, member, json_true());
    else
        json_put(request, member, json_string(text));
}

static enum cli_exit set_arguments(const struct invocation *words, sluice_client *client,
                                   json_t *request)
{
    const struct argument *a = words->command->arguments;
    for (unsigned i = 0; a && a->name && i < words->argument_count; a++, i++) {
        const char *text = words->arguments[i];
        uint64_t number = 0;
        if (a->member == NULL)
            continue;
        if (strcmp(a->member, "StreamName") == 0 && words->command->ask->by_arn) {
            enum cli_exit done = ask_set_arn(words, client, request, text);
            if (done != CLI_DONE)
                return done;
        } else if (strcmp(a->member, "StreamName") == 0) {
            ask_set_stream(request, text);
        } else {
            if (a->number)
                (void)!bytes_to_u64(bytes_text(text), &number);
            set_value(request, a->member, a->number ? OPTION_NUMBER : OPTION_TEXT, text, number);
        }
    }
    return CLI_DONE;
}

json_t *ask_body(const struct invocation *words)
{
    json_error_t why;
    const char *path =
        words->argument_count > 0 ? words->arguments[words->argument_count - 1] : "-";
    const struct argument *a = words->command->arguments;
    unsigned wanted = 0;
    while (a && a->name && !a->optional)
        a++, wanted++;
    if (words->argument_count <= wanted)
        path = "-";
    json_t *body = strcmp(path, "-") == 0 ? json_loadf(stdin, JSON_REJECT_DUPLICATES, &why)
                                          : json_load_file(path, JSON_REJECT_DUPLICATES, &why);
    if (body == NULL)
        session_say(words, CLI_MISUSED, "%s: %s (line %d)", path, why.text, why.line);
    else if (!json_is_object(body))
        session_say(words, CLI_MISUSED, "%s: not a JSON object", path);
    if (json_is_object(body))
        return body;
    json_decref(body);
    return NULL;
}

static enum cli_exit make_request(const struct invocation *words, sluice_client *client,
                                  json_t **out)
{
    const struct ask *ask = words->command->ask;
    json_t *request = ask->body ? ask_body(words) : json_object();
    if (request == NULL)
        return CLI_MISUSED;
    if (ask->extra) {
        json_t *extra = json_loads(ask->extra, 0, NULL);
        json_object_update(request, extra);
        json_decref(extra);
    }
    for (unsigned i = 0; i < words->given_count; i++) {
        const struct option *o = words->given[i].option;
        if (o->member)
            set_value(request, o->member, o->kind, words->given[i].text, words->given[i].number);
    }
    if (ask->lacks && json_at(request, ask->lacks) == NULL) {
        json_t *then = json_loads(ask->then, 0, NULL);
        json_object_update_missing(request, then);
        json_decref(then);
    }
    enum cli_exit done = set_arguments(words, client, request);
    *out = request;
    return done;
}

/* ---- lists ---- */

/* Changes the request to the next page's; false when this was the last. */
static bool next_page(const struct ask *ask, json_t *request, const json_t *answer,
                      const json_t *list)
{
    if (ask->next_in == NULL)
        return false;
    json_t *next = json_at(answer, "NextToken");
    if (ask->more) {
        json_t *last = json_array_get(list, json_array_size(list) - 1);
        next = json_is_true(json_at(answer, ask->more)) && last
                   ? json_at(last, ask->next_of ? ask->next_of : "")
                   : NULL;
    }
    if (next == NULL)
        return false;
    if (ask->token_alone)
        json_object_clear(request);
    json_object_set(request, ask->next_in, next);
    return true;
}

static enum cli_exit list_all(const struct invocation *words, sluice_client *client,
                              json_t *request)
{
    const struct ask *ask = words->command->ask;
    json_t *all = json_array();
    enum cli_exit done;
    bool more = true;
    do {
        json_t *answer;
        done = ask_once(words, client, ask->operation, request, &answer, NULL);
        if (done != CLI_DONE)
            break;
        json_t *list = json_at(answer, ask->list);
        json_array_extend(all, list);
        more = next_page(ask, request, answer, list);
        json_decref(answer);
    } while (more && !session_interrupted());
    if (done == CLI_DONE && invocation_has(words, "json")) {
        for (size_t i = 0; i < json_array_size(all); i++)
            json_print(json_array_get(all, i), stdout);
    } else if (done == CLI_DONE) {
        table_print(ask->columns, all, stdout);
    }
    json_decref(all);
    return done;
}

/* ---- --wait ---- */

enum cli_exit ask_wait(const struct invocation *words, sluice_client *client, const char *active)
{
    session_interruptible(NULL);
    json_t *look = json_object();
    ask_set_stream(look, words->arguments[0]);
    enum cli_exit done = CLI_DONE;
    for (bool there = false; !there && !session_interrupted();) {
        json_t *answer;
        struct sluice_error error;
        done = ask_once(words, client, &sluice_kinesis_describe_stream_summary_operation, look,
                        &answer, &error);
        const char *status =
            json_string_value(json_at(answer, "StreamDescriptionSummary.StreamStatus"));
        there = status && strcmp(status, active) == 0;
        json_decref(answer);
        if (done != CLI_DONE) {
            done = done == CLI_NOT_THERE && active[0] == '\0' ? CLI_DONE
                                                              : session_failed(words, &error);
            break;
        }
        if (!there)
            poll(NULL, 0, LOOK_MS);
    }
    json_decref(look);
    return session_interrupted() ? CLI_FAILED : done;
}

/* ---- all ---- */

static void show(const struct invocation *words, const json_t *answer)
{
    const struct ask *ask = words->command->ask;
    const json_t *object = ask->object ? json_at(answer, ask->object) : answer;
    if (invocation_has(words, "json"))
        json_print(object, stdout);
    else if (ask->object)
        object_print(object, stdout);
    else if (ask->said)
        printf("%s %s\n", words->argument_count > 0 ? words->arguments[0] : words->command->group,
               invocation_has(words, "wait") ? (ask->active[0] ? "is ready" : "is gone")
                                             : ask->said);
}

int ask_run(struct invocation *words)
{
    const struct ask *ask = words->command->ask;
    sluice_client *client;
    json_t *request = NULL, *answer = NULL;
    enum cli_exit done = session_open(words, &client);
    if (done != CLI_DONE)
        return (int)done;
    done = make_request(words, client, &request);
    if (done == CLI_DONE && ask->list)
        done = list_all(words, client, request);
    else if (done == CLI_DONE)
        done = ask_once(words, client, ask->operation, request, &answer, NULL);
    if (done == CLI_DONE && ask->active && invocation_has(words, "wait"))
        done = ask_wait(words, client, ask->active);
    if (done == CLI_DONE && !ask->list)
        show(words, answer);
    json_decref(request);
    json_decref(answer);
    sluice_client_free(client);
    return (int)done;
}
