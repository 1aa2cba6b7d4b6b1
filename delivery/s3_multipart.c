/* s3_multipart.c: an object above 8 MiB.
 *
 *   [SWEEP: list uploads of the key, abort each] -> CREATE -> PARTS, several at a time -> COMPLETE
 *
 * An attempt that fails anywhere is over; the next one sweeps first, and so clears away what this one left, whatever became of it: also when the answer to CREATE was lost, or
 * the whole server was killed. Parts that are not completed are no object: S3 shows all of it or nothing. */
#include "delivery/s3_multipart.h"

#include "base/mem.h"
#include "delivery/s3_answer.h"
#include "wire/uri.h"

#include <stdio.h>

enum { PARTS_AT_ONCE = 4, UPLOAD_ID_BYTES_MAX = 1024, ETAG_BYTES = 160 };

enum step { STEP_LIST, STEP_ABORT, STEP_CREATE, STEP_PARTS, STEP_COMPLETE };

struct part {
    struct s3_call call;
    struct s3_multipart *upload;
    uint32_t number; /* from 1 */
    char query[4 * UPLOAD_ID_BYTES_MAX];
};

struct s3_multipart {
    struct s3_client *client;
    struct s3_object object;
    void (*done)(void *, const struct s3_call *);
    void *owner;
    enum step step;
    struct s3_call call; /* of all steps but PARTS */
    char query[4 * UPLOAD_ID_BYTES_MAX];
    struct buf words; /* a body of ours, or the uploads still to be aborted */
    struct bytes leftovers;
    char upload_id[3 * UPLOAD_ID_BYTES_MAX]; /* escaped */
    uint32_t parts, begun, ended;
    char (*etags)[ETAG_BYTES];
    struct part running[PARTS_AT_ONCE];
};

static void on_call(struct s3_call *c);
static void on_part(struct s3_call *c);

/* An id as it stands in a query. False: it is too long. */
static bool escape_into(char *out, size_t room, struct bytes text)
{
    struct buf b;
    buf_init(&b, room);
    uri_escape(&b, text, false);
    bool fine = b.status == OK && b.len < room;
    if (fine)
        snprintf(out, room, "%.*s", (int)b.len, b.at ? (const char *)b.at : "");
    buf_fini(&b);
    return fine;
}

static enum status start(struct s3_multipart *m, enum step step, const char *method,
                         const char *key, struct bytes body, struct fault *f)
{
    const struct s3_request r = {
        .method = method,
        .bucket = m->object.bucket,
        .key = key,
        .query = m->query,
        .body = body,
        .kms_key = step == STEP_CREATE ? m->object.kms_key : NULL,
    };
    m->step = step;
    s3_call_end(&m->call);
    m->call.done = on_call;
    return s3_call_start(m->client, &m->call, &r, f);
}

static void end(struct s3_multipart *m, const struct s3_call *failed)
{
    for (int i = 0; i < PARTS_AT_ONCE; i++)
        if (&m->running[i].call != failed)
            s3_call_end(&m->running[i].call);
    m->done(m->owner, failed);
}

/* What could not even begin. */
static void end_with(struct s3_multipart *m, const struct fault *f)
{
    struct s3_call *c = &m->call;
    c->outcome = S3_FAILED;
    snprintf(c->code, sizeof(c->code), "S3.NotSigned");
    snprintf(c->why, sizeof(c->why), "%.200s", f->text);
    end(m, c);
}

/* ---- clearing away ---- */

static enum status list_uploads(struct s3_multipart *m, struct fault *f)
{
    char key[3 * UPLOAD_ID_BYTES_MAX + 1];
    if (!escape_into(key, sizeof(key), bytes_text(m->object.key)))
        return fault_set(f, TOO_LARGE, "the name of an object is too long");
    snprintf(m->query, sizeof(m->query), "prefix=%s&uploads=", key);
    return start(m, STEP_LIST, "GET", NULL, BYTES_LITERAL(""), f);
}

static enum status create(struct s3_multipart *m, struct fault *f)
{
    snprintf(m->query, sizeof(m->query), "uploads=");
    return start(m, STEP_CREATE, "POST", m->object.key, BYTES_LITERAL(""), f);
}

/* The next upload of just this key; when there is none, on to the object. */
static enum status abort_next(struct s3_multipart *m, struct fault *f)
{
    struct arena a;
    arena_init(&a, 64 * 1024);
    enum status st = END;
    while (st == END) {
        struct bytes upload = s3_element(&m->leftovers, "Upload");
        if (!bytes_present(upload))
            break;
        arena_reset(&a);
        struct bytes key = s3_text(upload, "Key", &a), id = s3_text(upload, "UploadId", &a);
        char escaped[3 * UPLOAD_ID_BYTES_MAX];
        if (!bytes_equal(key, bytes_text(m->object.key)) || id.len == 0 ||
            !escape_into(escaped, sizeof(escaped), id))
            continue;
        snprintf(m->query, sizeof(m->query), "uploadId=%s", escaped);
        st = start(m, STEP_ABORT, "DELETE", m->object.key, BYTES_LITERAL(""), f);
    }
    arena_fini(&a);
    return st == END ? create(m, f) : st;
}

static enum status on_list(struct s3_multipart *m, struct fault *f)
{
    buf_clear(&m->words);
    buf_append(&m->words, buf_view(&m->call.web.answer));
    m->leftovers = buf_view(&m->words);
    return abort_next(m, f);
}

/* ---- the object ---- */

static struct bytes body_of(const struct s3_multipart *m, uint32_t number)
{
    size_t at = (size_t)(number - 1) * S3_PART_BYTES;
    size_t left = m->object.body.len - at;
    return bytes_of(m->object.body.at + at, left < S3_PART_BYTES ? left : S3_PART_BYTES);
}

static enum status begin_part(struct s3_multipart *m, struct part *p, struct fault *f)
{
    p->upload = m;
    p->number = ++m->begun;
    snprintf(p->query, sizeof(p->query), "partNumber=%u&uploadId=%s", p->number, m->upload_id);
    const struct s3_request r = {.method = "PUT",
                                 .bucket = m->object.bucket,
                                 .key = m->object.key,
                                 .query = p->query,
                                 .body = body_of(m, p->number)};
    s3_call_end(&p->call);
    p->call.done = on_part;
    return s3_call_start(m->client, &p->call, &r, f);
}

static enum status on_created(struct s3_multipart *m, struct fault *f)
{
    struct bytes id = s3_text(buf_view(&m->call.web.answer), "UploadId", &m->call.arena);
    if (id.len == 0 || !escape_into(m->upload_id, sizeof(m->upload_id), id))
        return fault_set(f, MALFORMED, "the S3 server named no upload");
    m->step = STEP_PARTS;
    enum status st = OK;
    for (int i = 0; i < PARTS_AT_ONCE && m->begun < m->parts && st == OK; i++)
        st = begin_part(m, &m->running[i], f);
    return st;
}

static enum status complete(struct s3_multipart *m, struct fault *f)
{
    buf_clear(&m->words);
    buf_append_text(&m->words, "<CompleteMultipartUpload>");
    for (uint32_t i = 0; i < m->parts; i++)
        buf_printf(&m->words, "<Part><PartNumber>%u</PartNumber><ETag>%s</ETag></Part>", i + 1,
                   m->etags[i]);
    buf_append_text(&m->words, "</CompleteMultipartUpload>");
    if (m->words.status != OK)
        return fault_set(f, m->words.status, "no memory to complete an upload");
    snprintf(m->query, sizeof(m->query), "uploadId=%s", m->upload_id);
    return start(m, STEP_COMPLETE, "POST", m->object.key, buf_view(&m->words), f);
}

/* An ETag goes into XML as it came; it is hex in quotes, and nothing that XML would mind. */
static bool keep_etag(struct s3_multipart *m, const struct part *p)
{
    struct bytes etag = p->call.web.answer_etag;
    char *out = m->etags[p->number - 1];
    size_t len = 0;
    for (size_t i = 0; i < etag.len; i++) {
        uint8_t c = etag.at[i];
        if (c == '"')
            continue;
        if (c <= ' ' || c > '~' || c == '<' || c == '&' || len + 16 > ETAG_BYTES)
            return false;
        out[len++] = (char)c;
    }
    return len > 0;
}

static void on_part(struct s3_call *c)
{
    struct part *p = LIST_OWNER(c, struct part, call);
    struct s3_multipart *m = p->upload;
    struct fault f = {0};
    enum status st = OK;
    if (c->outcome == S3_FAILED) {
        end(m, c);
        return;
    }
    if (!keep_etag(m, p))
        st = fault_set(&f, MALFORMED, "the S3 server gave a part no ETag");
    m->ended++;
    if (st == OK && m->begun < m->parts)
        st = begin_part(m, p, &f);
    else if (st == OK && m->ended == m->parts)
        st = complete(m, &f);
    if (st != OK)
        end_with(m, &f);
}

static void on_call(struct s3_call *c)
{
    struct s3_multipart *m = LIST_OWNER(c, struct s3_multipart, call);
    struct fault f = {0};
    enum status st = OK;
    bool failed = c->outcome == S3_FAILED;
    bool connected = c->web.status == OK;
    if (m->step == STEP_LIST && failed && connected && c->web.code == 501)
        st = create(m, &f); /* a server that cannot list them */
    else if (m->step == STEP_ABORT && (!failed || strcmp(c->code, "S3.NoSuchUpload") == 0))
        st = abort_next(m, &f);
    else if (failed || m->step == STEP_COMPLETE)
        end(m, failed ? c : NULL);
    else if (m->step == STEP_LIST)
        st = on_list(m, &f);
    else
        st = on_created(m, &f);
    if (st != OK)
        end_with(m, &f);
}

enum status s3_multipart_start(struct s3_client *client, const struct s3_object *o, bool sweep,
                               void (*done)(void *, const struct s3_call *), void *owner,
                               struct s3_multipart **out, struct fault *f)
{
    struct s3_multipart *m = MEM_NEW(struct s3_multipart);
    m->client = client;
    m->object = *o;
    m->done = done;
    m->owner = owner;
    m->parts = (uint32_t)((o->body.len + S3_PART_BYTES - 1) / S3_PART_BYTES);
    m->etags = mem_must(m->parts * sizeof(*m->etags));
    buf_init(&m->words, SIZE_MAX / 2);
    enum status st = sweep ? list_uploads(m, f) : create(m, f);
    if (st != OK) {
        s3_multipart_free(m);
        m = NULL;
    }
    *out = m;
    return st;
}

void s3_multipart_free(struct s3_multipart *m)
{
    if (!m)
        return;
    s3_call_end(&m->call);
    for (int i = 0; i < PARTS_AT_ONCE; i++)
        s3_call_end(&m->running[i].call);
    buf_fini(&m->words);
    mem_free(m->etags);
    mem_free(m);
}
