/* destination_opensearch.c: OpenSearch and Elasticsearch by their bulk API.
 *
 * Each record is a document. The cluster agrees to each by itself: what it took is not sent again, what it refused as a document (4xx) is a
 * refusal of that record, what it had no room for (429, 5xx) is tried again with the rest of its kind.
 *
 * I1. With FIREHOSE_DEFAULT a document's _id is a function of the parcel's name and the record's position. So a second attempt, also after
 *     a crash, writes the same document again and not another.
 * I2. A record that is not one JSON object is never sent: it could not be a document, and must not be taken for an action.
 *
 * Requests are signed for the service "es" when there are credentials (credentials.h), for whichever host the delivery stream names: a signature is good
 * for that host alone, and tells the access key's id. ClusterEndpoint only: a DomainARN alone cannot be resolved without AWS.
 *
 * Left to others: when to try again (post.c), the API's texts (bulk.c). Thread: the lane's loop. */
#include "delivery/bulk.h"
#include "delivery/post.h"
#include "delivery/search_config.h"
#include "wire/credentials.h"
#include "wire/web_sign.h"

#include "base/limits.h"
#include "base/mem.h"

#include <stdio.h>

/* 10,000 items that failed, some 400 bytes each, without what filter_path leaves out. */
#define ANSWER_BYTES_MAX MIB(16)
#define BULK_QUERY       "filter_path=errors%2Citems.%2A.status%2Citems.%2A.error"

struct search_side {
    struct post_side post; /* first */
    struct credentials credentials;
    bool looked, signs;
};

enum search_state { SEARCH_PENDING, SEARCH_TAKEN, SEARCH_REFUSED };
/* A post's own. */
struct search_post {
    uint8_t *states; /* a search_state for each record; NULL: before the first attempt */
    uint32_t *sent;  /* places of the records of the request under way, in its order */
    uint32_t sent_count, refused;
    int last_status; /* of an item that stays pending */
    struct parcel_refusal *refusals;
};

static uint64_t retry_s(const struct delivery_view *v)
{
    return search_config_of(v).retry_s;
}

/* ---- refusals */

static const char *status_text(int status)
{
    static const struct {
        int status;
        const char *text;
    } rows[] = {{400, "400"}, {401, "401"}, {403, "403"}, {404, "404"}, {409, "409"}, {413, "413"},
                {429, "429"}, {500, "500"}, {502, "502"}, {503, "503"}, {504, "504"}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (rows[i].status == status)
            return rows[i].text;
    }
    return status < 500 ? "400" : "500";
}

static void refuse(struct post *p, uint32_t place, const char *code, const char *why)
{
    struct search_post *own = p->own;
    struct parcel_refusal *r = &own->refusals[own->refused++];
    own->states[place] = SEARCH_REFUSED;
    *r = (struct parcel_refusal){.record = place, .code = code};
    snprintf(r->text, sizeof(r->text), "%s", why);
}

/* Room for every record's fate; and those that cannot be documents are refused at once (I2). */
static enum status begin(struct post *p, struct fault *f)
{
    struct search_post *own = p->own;
    uint32_t count = p->parcel->record_count;
    own->states = mem_try(count);
    own->sent = mem_try(count * sizeof(*own->sent));
    own->refusals = mem_try(count * sizeof(*own->refusals));
    if (own->states == NULL || own->sent == NULL || own->refusals == NULL) {
        mem_free(own->states);
        mem_free(own->sent);
        mem_free(own->refusals);
        *own = (struct search_post){0};
        return fault_set(f, NO_MEMORY, "no memory for a request");
    }
    memset(own->states, SEARCH_PENDING, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct parcel_record *r = &p->parcel->records[i];
        if (!bulk_is_document(bytes_of(p->parcel->body.at + r->at, r->len)))
            refuse(p, i, "400", "mapper_parsing_exception: the record is not one JSON object");
    }
    return OK;
}

static void end(struct post *p)
{
    struct search_post *own = p->own;
    mem_free(own->states);
    mem_free(own->sent);
    mem_free(own->refusals);
}

/* What was refused, for the lane. */
static void hand_over(struct post *p)
{
    const struct search_post *own = p->own;
    p->parcel->refusals = own->refused > 0 ? own->refusals : NULL;
    p->parcel->refusal_count = own->refused;
}

/* No time left: what is pending is refused for the last reason there was. */
static void give_up(struct post *p)
{
    struct search_post *own = p->own;
    for (uint32_t i = 0; own->states != NULL && i < p->parcel->record_count; i++) {
        if (own->states[i] == SEARCH_PENDING)
            refuse(p, i, p->code, p->fault.text);
    }
    hand_over(p);
}

/* ---- the request */

static void write_documents(struct post *p, const struct search_config *c)
{
    struct search_post *own = p->own;
    own->sent_count = 0;
    for (uint32_t i = 0; i < p->parcel->record_count; i++) {
        const struct parcel_record *r = &p->parcel->records[i];
        char index[BULK_INDEX_BYTES], id[DOCUMENT_ID_BYTES];
        if (own->states[i] != SEARCH_PENDING)
            continue;
        bulk_index_name(c->index, c->rotation, r->time_ms, index);
        search_document_id(c, p->parcel->name, r, id); /* I1 */
        bulk_append(&(struct bulk_action){.index = bytes_text(index),
                                          .type = c->type,
                                          .id = bytes_text(id),
                                          .document = bytes_of(p->parcel->body.at + r->at, r->len)},
                    &p->body);
        own->sent[own->sent_count++] = i;
    }
}

static enum status sign(struct post *p, struct fault *f)
{
    const struct search_side *side = (const struct search_side *)p->side;
    const char *region = p->side->settings.engine->s3_region;
    const struct web_signer signer = {
        .credentials = &side->credentials,
        .region = bytes_text(region != NULL && region[0] != '\0' ? region : p->view->scope.region),
        .service = "es",
        .now_ms = clock_wall_ms(p->side->settings.clock),
    };
    return web_sign(&p->call, &signer, &p->arena, f);
}

/* Once a lane: it may read a file. */
static void look_for_credentials(struct search_side *side)
{
    const struct delivery_engine_settings *engine = side->post.settings.engine;
    const struct credentials_from from = {.access_key = engine->s3_access_key,
                                          .secret_key = engine->s3_secret_key,
                                          .said_where = "the settings for S3"};
    if (!side->looked)
        side->signs = credentials_find(&from, &side->credentials, NULL) == OK;
    side->looked = true;
}

static enum status prepare(struct post *p, struct fault *f)
{
    struct search_post *own = p->own;
    struct search_config c = search_config_of(p->view);
    enum status st = own->states == NULL ? begin(p, f) : OK;
    if (st != OK)
        return st;
    if (c.endpoint.len == 0)
        return fault_set(f, INVALID_ARGUMENT, "there is no ClusterEndpoint");
    while (c.endpoint.len > 0 && c.endpoint.at[c.endpoint.len - 1] == '/')
        c.endpoint.len--;
    struct bytes url = arena_printf(&p->arena, "%.*s/_bulk?%s", BYTES_ARGS(c.endpoint), BULK_QUERY);
    if (!bytes_present(url))
        return fault_set(f, NO_MEMORY, "no memory for a request");
    st = post_check_url(p, url, false, f);
    if (st != OK)
        return st;
    p->call.url = (const char *)url.at;
    p->call.answer_bytes_max = ANSWER_BYTES_MAX;
    post_header(p, "Content-Type", BYTES_LITERAL("application/x-ndjson"));
    write_documents(p, &c);
    if (own->sent_count == 0)
        return fault_set(f, MALFORMED, "no record is a JSON object"); /* judge knows */
    p->call.body = buf_view(&p->body);
    if (p->body.status != OK)
        return fault_set(f, p->body.status, "no memory for a request");
    look_for_credentials((struct search_side *)p->side);
    return ((struct search_side *)p->side)->signs ? sign(p, f) : OK;
}

/* ---- the answer */

static void judge_item(void *arg, uint32_t at, const struct bulk_item *item)
{
    struct post *p = arg;
    struct search_post *own = p->own;
    uint32_t place = own->sent[at];
    if (item->status < 300)
        own->states[place] = SEARCH_TAKEN;
    else if (item->status == 429 || item->status >= 500) {
        own->last_status = item->status;
        post_say(p, POST_FAILED, status_text(item->status), "%s", item->why);
    } else
        refuse(p, place, status_text(item->status), item->why);
}

/* All are settled. */
static enum post_verdict settle(struct post *p)
{
    const struct search_post *own = p->own;
    if (own->refused == 0)
        return POST_AGREED;
    post_say(p, POST_REFUSED, own->refusals[0].code, "%u of %u documents were refused: %s",
             own->refused, p->parcel->record_count, own->refusals[0].text);
    hand_over(p);
    return POST_REFUSED;
}

static enum post_verdict not_200(struct post *p)
{
    struct bytes said = buf_view(&p->call.answer);
    said.len = said.len < 1000 ? said.len : 1000;
    enum post_verdict verdict =
        p->call.code == 400 || p->call.code == 413 ? POST_REFUSED : POST_FAILED;
    post_say(p, verdict, status_text(p->call.code), "HTTP status %d: %.*s", p->call.code,
             (int)said.len, said.len > 0 ? (const char *)said.at : "");
    if (verdict == POST_REFUSED)
        give_up(p);
    return verdict;
}

static enum post_verdict judge(struct post *p)
{
    struct search_post *own = p->own;
    if (own->states != NULL && own->refused == p->parcel->record_count)
        return settle(p); /* none could be a document */
    if (p->call.status != OK)
        return post_say(p, POST_FAILED, "ES.ServiceException", "%s", p->call.fault.text);
    if (p->call.code != 200)
        return not_200(p);
    own->last_status = 0;
    if (bulk_answer_read(buf_view(&p->call.answer), own->sent_count, judge_item, p) != OK)
        return post_say(p, POST_FAILED, "ES.ServiceException",
                        "the answer is not one of the bulk API, or not to this request");
    return own->last_status != 0 ? POST_FAILED : settle(p);
}

static enum status open_search(const struct destination_settings *s, struct destination **out,
                               struct fault *f)
{
    static const struct post_ops ops = {.kind = DELIVERY_TO_OPENSEARCH,
                                        .side_bytes = sizeof(struct search_side),
                                        .own_bytes = sizeof(struct search_post),
                                        .retry_s = retry_s,
                                        .prepare = prepare,
                                        .judge = judge,
                                        .give_up = give_up,
                                        .end = end};
    return post_open(&destination_opensearch, &ops, s, out, f);
}

static void close_search(struct destination *d)
{
    if (d != NULL)
        credentials_wipe(&((struct search_side *)d)->credentials);
    post_close(d);
}

const struct destination_ops destination_opensearch = {
    .open = open_search, .send = post_send, .close = close_search};
