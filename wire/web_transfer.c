/* web_transfer.c: one HTTP call as libcurl's easy handle: what is set, what comes back, what an outcome means.
 *
 * The body goes by CURLOPT_POSTFIELDS, whatever the method: libcurl then reads it where it is, says its exact length and can send it
 * again on a new connection when a kept one was dead. One in pieces is handed out by us instead, to the same end. `Expect: 100-continue` would cost a round trip for each large body, and
 * far sides that do not know it a second; it is never sent.
 *
 * I1. A header that holds a line's end is refused: it would be another header.
 * I2. Faults hold the far side's scheme, host and port and libcurl's words for what failed; nothing that was sent (W4).
 *
 * Left to others: when it runs (web.c). Thread: the loop's own. */
#include "wire/web_internal.h"

#include "base/mem.h"

enum {
    UPLOAD_BUFFER_BYTES = 64 << 10, /* libcurl's own */
    UPLOAD_BUFFER_BYTES_MAX = 1 << 20,
    LARGE_ANSWER_BYTES = 16 << 20,
    LARGE_RECEIVE_BUFFER_BYTES = 128 << 10,
    HEADER_BYTES_MAX = 128 << 10 /* X-Amz-Firehose-Common-Attributes (HTTP_ATTRIBUTES_BYTES_MAX) */
};

/* ---- what comes back */

/* Keeps the value in the call's answer_head, as far as there is room: a cut one equals nothing that is expected. */
static struct bytes keep(struct web_transfer *t, struct bytes value)
{
    size_t room = sizeof(t->call->answer_head) - t->head_len;
    char *at = t->call->answer_head + t->head_len;
    value.len = value.len < room / 2 ? value.len : room / 2;
    memcpy(at, value.at, value.len);
    t->head_len += value.len;
    return bytes_of(at, value.len);
}

/* The headers of an answer that somebody asks for. */
static const struct {
    const char *name;
    size_t offset;
} kept[] = {
    {"Content-Type", offsetof(struct web_call, answer_type)},
    {"ETag", offsetof(struct web_call, answer_etag)},
    {"Content-Encoding", offsetof(struct web_call, answer_encoding)},
    {"X-Amz-Function-Error", offsetof(struct web_call, answer_function_error)},
    {"x-amzn-RequestId", offsetof(struct web_call, answer_request_id)},
    {"x-amzn-ErrorType", offsetof(struct web_call, answer_error_type)},
    {"Date", offsetof(struct web_call, answer_date)},
};

static struct bytes *kept_at(struct web_call *c, size_t which)
{
    return (struct bytes *)(void *)((char *)c + kept[which].offset);
}

static void forget_head(struct web_transfer *t)
{
    struct web_call *c = t->call;
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
        *kept_at(c, i) = BYTES_NONE;
    c->answer_has_length = false;
    t->head_len = 0;
}

static size_t on_header(char *line, size_t size, size_t count, void *arg)
{
    struct web_transfer *t = arg;
    struct web_call *c = t->call;
    struct bytes rest = bytes_of(line, size * count);
    if (bytes_starts_with(rest,
                          BYTES_LITERAL("HTTP/"))) { /* a new head: what came before was a 1xx */
        forget_head(t);
        return size * count;
    }
    const uint8_t *colon = memchr(rest.at, ':', rest.len);
    if (colon == NULL)
        return size * count;
    struct bytes name = bytes_of(rest.at, (size_t)(colon - rest.at));
    struct bytes value = bytes_of(colon + 1, rest.len - name.len - 1);
    while (value.len > 0 && (value.at[value.len - 1] == '\n' || value.at[value.len - 1] == '\r'))
        value.len--;
    value = bytes_trim(value);
    for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
        if (bytes_equal_ignore_case(name, bytes_text(kept[i].name)))
            *kept_at(c, i) = keep(t, value);
    }
    if (bytes_equal_ignore_case(name, BYTES_LITERAL("Content-Length")))
        c->answer_has_length = true;
    return size * count;
}

/* Room for all of an answer at once, as far as it says how much that is: growing by doubling would copy each byte twice. */
static void make_room(struct web_transfer *t)
{
    struct web_call *c = t->call;
    curl_off_t said = -1;
    curl_easy_getinfo(t->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &said);
    if (said <= 0 || (uint64_t)said > c->answer_bytes_max)
        return;
    if (c->sized != NULL)
        c->sized(c, (size_t)said);
    if (buf_reserve(&c->answer, (size_t)said) == NULL)
        return; /* a failure latches: whoever appends hears of it */
}

static size_t on_body(char *at, size_t size, size_t count, void *arg)
{
    struct web_transfer *t = arg;
    struct web_call *c = t->call;
    long code = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code);
    if (code < 300 && c->arrived != NULL) {
        if (t->paused)
            return CURL_WRITEFUNC_PAUSE;
        web_transfer_arrived(t);
    }
    if (code >= 300 && !c->keep_error_body) {
        t->thrown_away += size * count;
        t->too_large = t->thrown_away > c->answer_bytes_max;
        return t->too_large ? 0 : size * count;
    }
    if (c->answer.at == NULL && c->arrived == NULL)
        make_room(t);
    buf_append(&c->answer, bytes_of(at, size * count));
    t->too_large = c->answer.status == TOO_LARGE;
    return c->answer.status == OK ? size * count : 0;
}

/* ---- what is sent */

static bool has_line_end(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == '\r' || text.at[i] == '\n' || text.at[i] == '\0')
            return true;
    }
    return false;
}

static bool given(const struct web_call *c, const char *name)
{
    for (uint32_t i = 0; i < c->header_count; i++) {
        if (bytes_present(c->headers[i].value) &&
            bytes_equal_ignore_case(c->headers[i].name, bytes_text(name)))
            return true;
    }
    return false;
}

static enum status add_line(struct web_transfer *t, const char *line)
{
    struct curl_slist *longer = curl_slist_append(t->headers, line);
    if (longer == NULL)
        return fault_set(&t->call->fault, NO_MEMORY, "no memory for a request");
    t->headers = longer;
    return OK;
}

static enum status add_header(struct web_transfer *t, const struct web_header *h)
{
    if (!bytes_present(h->value))
        return OK;
    if (has_line_end(h->name) || has_line_end(h->value)) /* I1 */
        return fault_set(&t->call->fault, INVALID_ARGUMENT,
                         "the value of the header %.*s holds a line's end", BYTES_ARGS(h->name));
    struct buf line;
    buf_init(&line, HEADER_BYTES_MAX);
    buf_append(&line, h->name);
    /* libcurl takes "Name:" for "leave it out", and "Name;" for an empty one */
    buf_append_text(&line, h->value.len == 0 ? ";" : ": ");
    buf_append(&line, h->value);
    buf_append_byte(&line, '\0');
    enum status st = line.status == OK
                         ? add_line(t, (const char *)line.at)
                         : fault_set(&t->call->fault, line.status, "the header %.*s is too large",
                                     BYTES_ARGS(h->name));
    if (line.at != NULL)
        explicit_bzero(line.at, line.len); /* it may have held a key */
    buf_fini(&line);
    return st;
}

static enum status add_headers(struct web_transfer *t)
{
    static const char *const not_by_itself[] = {"Expect", "Accept", "Content-Type"};
    enum status st = OK;
    for (uint32_t i = 0; st == OK && i < t->call->header_count; i++)
        st = add_header(t, &t->call->headers[i]);
    for (size_t i = 0; st == OK && i < sizeof(not_by_itself) / sizeof(not_by_itself[0]); i++) {
        char line[32];
        snprintf(line, sizeof(line), "%s:", not_by_itself[i]);
        if (!given(t->call, not_by_itself[i]))
            st = add_line(t, line);
    }
    return st;
}

/* The same for every call. */
static bool set_fixed(CURL *easy)
{
    static const struct {
        CURLoption option;
        long value;
    } fixed[] = {
        {CURLOPT_NOSIGNAL, 1},
        {CURLOPT_QUICK_EXIT,
         1}, /* W2: do not wait for a thread that resolves a name nobody wants any more */
        {CURLOPT_FOLLOWLOCATION, 0},
        {CURLOPT_SUPPRESS_CONNECT_HEADERS, 1}, /* a proxy's answer is not the far side's */
        {CURLOPT_TCP_KEEPALIVE, 1},
        {CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2},
        {CURLOPT_SSL_VERIFYPEER, 1},
        {CURLOPT_SSL_VERIFYHOST, 2},
        {CURLOPT_HTTP09_ALLOWED, 0},
        {CURLOPT_NETRC, CURL_NETRC_IGNORED},
        {CURLOPT_PATH_AS_IS, 1}, /* a signature is of the path as it is sent */
    };
    bool fine = true;
    for (size_t i = 0; fine && i < sizeof(fixed) / sizeof(fixed[0]); i++)
        fine = curl_easy_setopt(easy, fixed[i].option, fixed[i].value) == CURLE_OK;
    return fine && curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "sluice/" SLUICE_VERSION) == CURLE_OK;
}

/* A body goes at once, as far as the socket takes it: in pieces, those of all calls would go in turns, and each would be complete on the far side when all are. */
static bool set_upload_buffer(CURL *easy, size_t body_len)
{
    size_t bytes = body_len < UPLOAD_BUFFER_BYTES_MAX ? body_len : UPLOAD_BUFFER_BYTES_MAX;
    return bytes <= UPLOAD_BUFFER_BYTES ||
           curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)bytes) == CURLE_OK;
}

static size_t on_upload(char *to, size_t size, size_t count, void *arg)
{
    struct web_transfer *t = arg;
    size_t copied = rope_copy(t->call->pieces, t->sent, (uint8_t *)to, size * count);
    t->sent += copied;
    return copied;
}

/* Before each sending, the first too: libcurl asks for a rewind only when it has handed some of the body to the socket, not when it has merely read it. */
static int on_sending(void *arg, char *remote_ip, char *local_ip, int remote_port, int local_port)
{
    (void)remote_ip, (void)local_ip, (void)remote_port, (void)local_port;
    struct web_transfer *t = arg;
    t->sent = 0;
    return CURL_PREREQFUNC_OK;
}

static int on_rewind(void *arg, curl_off_t offset, int from)
{
    struct web_transfer *t = arg;
    if (from != SEEK_SET || offset < 0)
        return CURL_SEEKFUNC_CANTSEEK;
    t->sent = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static bool set_pieces(struct web_transfer *t, size_t len)
{
    CURL *easy = t->easy;
    return curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_READDATA, t) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_sending) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PREREQDATA, t) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_rewind) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_SEEKDATA, t) == CURLE_OK;
}

static bool set_whole(CURL *easy, struct bytes body)
{
    const void *at = body.len > 0 ? (const void *)body.at : "";
    return curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDS, at) == CURLE_OK;
}

static bool set_method(struct web_transfer *t)
{
    const struct web_call *c = t->call;
    if (strcmp(c->method, "HEAD") == 0)
        return curl_easy_setopt(t->easy, CURLOPT_NOBODY, 1L) == CURLE_OK;
    size_t len = c->pieces.count > 0 ? rope_len(c->pieces) : c->body.len;
    bool has_body = len > 0 || strcmp(c->method, "PUT") == 0 || strcmp(c->method, "POST") == 0;
    bool fine = true;
    if (has_body)
        fine = c->pieces.count > 0 ? set_pieces(t, len) : set_whole(t->easy, c->body);
    return fine && set_upload_buffer(t->easy, len) &&
           curl_easy_setopt(t->easy, CURLOPT_CUSTOMREQUEST, c->method) == CURLE_OK;
}

/* Plain HTTP has no ALPN: whoever asks for HTTP/2 there knows that the far side has it. libcurl before version 8 sends the preface
 * again on a kept connection, which ends it: so there plain HTTP stays HTTP/1.1. */
static long version_of(const struct web_call *c, const struct web_manner *m)
{
    if (!m->http2)
        return CURL_HTTP_VERSION_1_1;
    if (bytes_starts_with(bytes_text(c->url), BYTES_LITERAL("https")))
        return CURL_HTTP_VERSION_2TLS;
    return curl_version_info(CURLVERSION_NOW)->version_num >= 0x080000
               ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
               : CURL_HTTP_VERSION_1_1;
}

static bool set_manner(struct web_transfer *t, const struct web_manner *m)
{
    long version = version_of(t->call, m);
    return curl_easy_setopt(t->easy, CURLOPT_HTTP_VERSION, version) == CURLE_OK &&
           curl_easy_setopt(t->easy, CURLOPT_PIPEWAIT, m->http2 ? 1L : 0L) == CURLE_OK &&
           curl_easy_setopt(t->easy, CURLOPT_CONNECTTIMEOUT_MS, m->connect_ms) == CURLE_OK &&
           /* The system's CAs stay trusted: they are in libcurl's CAPATH. */
           (m->ca_file[0] == '\0' ||
            curl_easy_setopt(t->easy, CURLOPT_CAINFO, m->ca_file) == CURLE_OK);
}

/* Answers that may be large are read in larger pieces than libcurl's 16 KiB: fewer calls of the system for each. */
static bool set_receive_buffer(struct web_transfer *t)
{
    return t->call->answer_bytes_max < LARGE_ANSWER_BYTES ||
           curl_easy_setopt(t->easy, CURLOPT_BUFFERSIZE, (long)LARGE_RECEIVE_BUFFER_BYTES) ==
               CURLE_OK;
}

static bool set_own(struct web_transfer *t)
{
    CURL *easy = t->easy;
    return set_receive_buffer(t) && curl_easy_setopt(easy, CURLOPT_URL, t->call->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTPHEADER, t->headers) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, t->words) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, t) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, t) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PRIVATE, t) == CURLE_OK;
}

enum status web_transfer_prepare(struct web_transfer *t, const struct web_manner *m)
{
    enum status st = add_headers(t);
    if (st != OK)
        return st;
    t->easy = curl_easy_init();
    if (t->easy == NULL || !set_fixed(t->easy) || !set_method(t) || !set_manner(t, m) ||
        !set_own(t))
        return fault_set(&t->call->fault, NO_MEMORY, "no memory for a request");
    return OK;
}

void web_transfer_release(struct web_transfer *t)
{
    curl_easy_cleanup(t->easy);
    for (struct curl_slist *line = t->headers; line != NULL; line = line->next)
        explicit_bzero(line->data, strlen(line->data));
    curl_slist_free_all(t->headers);
}

/* ---- what an outcome means */

struct meaning {
    CURLcode result;
    enum status status;
    enum web_failure why;
};

static struct meaning meaning_of(CURLcode result)
{
    static const struct meaning meanings[] = {
        {CURLE_COULDNT_RESOLVE_HOST, IO_FAILED, WEB_FAILED_CONNECT},
        {CURLE_COULDNT_RESOLVE_PROXY, IO_FAILED, WEB_FAILED_CONNECT},
        {CURLE_COULDNT_CONNECT, IO_FAILED, WEB_FAILED_CONNECT},
        {CURLE_OPERATION_TIMEDOUT, IO_FAILED, WEB_FAILED_CONNECT}, /* CONNECT_MS; no other is set */
        {CURLE_GOT_NOTHING, IO_FAILED, WEB_FAILED_RESET},
        {CURLE_SEND_ERROR, IO_FAILED, WEB_FAILED_RESET},
        {CURLE_RECV_ERROR, IO_FAILED, WEB_FAILED_RESET},
        {CURLE_PARTIAL_FILE, IO_FAILED, WEB_FAILED_RESET},
        {CURLE_SSL_CONNECT_ERROR, IO_FAILED, WEB_FAILED_TLS},
        {CURLE_SSL_CIPHER, IO_FAILED, WEB_FAILED_TLS},
        {CURLE_SSL_CERTPROBLEM, IO_FAILED, WEB_FAILED_TLS},
        {CURLE_SSL_CACERT_BADFILE, IO_FAILED, WEB_FAILED_CERTIFICATE},
        {CURLE_PEER_FAILED_VERIFICATION, IO_FAILED, WEB_FAILED_CERTIFICATE},
        {CURLE_URL_MALFORMAT, INVALID_ARGUMENT, WEB_FAILED_OTHER},
        {CURLE_OUT_OF_MEMORY, NO_MEMORY, WEB_FAILED_OTHER},
    };
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
        if (meanings[i].result == result)
            return meanings[i];
    }
    return (struct meaning){result, IO_FAILED, WEB_FAILED_OTHER};
}

void web_transfer_judge(struct web_transfer *t, CURLcode result)
{
    struct web_call *c = t->call;
    long code = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code);
    c->code = (int)code;
    c->status = OK;
    if (result == CURLE_OK)
        return;
    struct meaning meaning = meaning_of(result);
    c->why = meaning.why;
    c->status = t->too_large             ? TOO_LARGE
                : c->answer.status != OK ? c->answer.status
                                         : meaning.status;
    const char *words = t->words[0] != '\0' ? t->words : curl_easy_strerror(result);
    if (t->too_large)
        fault_set(&c->fault, TOO_LARGE, "%.*s: the answer is over %zu bytes", (int)t->host->len,
                  t->host->origin, c->answer_bytes_max);
    else
        fault_set(&c->fault, c->status, "%.*s: %s", (int)t->host->len, t->host->origin, words);
}
