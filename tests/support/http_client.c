/* http_client.c: a blocking client over sockets, for tests. */
#include "support/http_client.h"

#include "base/clock.h"
#include "base/mem.h"
#include "unit/base/cmocka_all.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { GOT_MAX = 64 * 1024 * 1024, READ_BYTES = 64 * 1024 };

void client_open(struct client *c, uint16_t port)
{
    int one = 1;
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *c = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    assert_true(c->fd >= 0);
    assert_int_equal(setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)), 0);
    assert_int_equal(connect(c->fd, (struct sockaddr *)&to, sizeof(to)), 0);
    buf_init(&c->got, GOT_MAX);
}

static bool readable_within(struct client *c, unsigned ms)
{
    if (c->ssl != NULL && SSL_pending(c->ssl) > 0)
        return true;
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    int ready;
    do
        ready = poll(&p, 1, (int)ms);
    while (ready < 0 && errno == EINTR);
    return ready > 0;
}

bool client_tls(struct client *c, SSL_CTX *context, const char *alpn)
{
    c->ssl = SSL_new(context);
    assert_non_null(c->ssl);
    if (alpn != NULL)
        assert_int_equal(SSL_set_alpn_protos(c->ssl, (const uint8_t *)alpn, (unsigned)strlen(alpn)),
                         0);
    assert_int_equal(SSL_set_tlsext_host_name(c->ssl, "localhost"), 1);
    assert_int_equal(SSL_set1_host(c->ssl, "localhost"), 1);
    assert_int_equal(SSL_set_fd(c->ssl, c->fd), 1);
    return SSL_connect(c->ssl) == 1;
}

void client_close(struct client *c)
{
    SSL_free(c->ssl);
    close(c->fd);
    buf_fini(&c->got);
    c->fd = -1;
    c->ssl = NULL;
}

bool client_try_send(struct client *c, struct bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = c->ssl != NULL ? SSL_write(c->ssl, bytes.at, (int)bytes.len)
                                      : send(c->fd, bytes.at, bytes.len, MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        bytes = bytes_of(bytes.at + sent, bytes.len - (size_t)sent);
    }
    return true;
}

void client_send_bytes(struct client *c, struct bytes bytes)
{
    assert_true(client_try_send(c, bytes));
}

void client_send(struct client *c, const char *text)
{
    client_send_bytes(c, bytes_text(text));
}

void client_post(struct client *c, const char *path, struct bytes body)
{
    char head[512];
    int len = snprintf(head, sizeof(head),
                       "POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %zu\r\n\r\n", path,
                       body.len);
    assert_true(len > 0 && (size_t)len < sizeof(head));
    client_send(c, head);
    client_send_bytes(c, body);
}

/* Bytes read; 0 at the end, also when that is a reset. */
static size_t read_some(struct client *c)
{
    uint8_t *to = buf_reserve(&c->got, READ_BYTES);
    assert_non_null(to);
    ssize_t got =
        c->ssl != NULL ? SSL_read(c->ssl, to, READ_BYTES) : recv(c->fd, to, READ_BYTES, 0);
    if (got <= 0)
        return 0;
    buf_add(&c->got, (size_t)got);
    return (size_t)got;
}

static void read_until(struct client *c, size_t len)
{
    while (c->got.len < len) {
        if (!readable_within(c, CLIENT_PATIENCE_MS))
            fail_msg("no answer within %d ms; so far: %.*s", CLIENT_PATIENCE_MS,
                     BYTES_ARGS(buf_view(&c->got)));
        if (read_some(c) == 0)
            fail_msg("closed after %zu bytes of an answer", c->got.len);
    }
}

static void drop_front(struct buf *b, size_t len)
{
    memmove(b->at, b->at + len, b->len - len);
    b->len -= len;
}

static size_t head_length(const struct buf *b)
{
    const uint8_t *end = b->len == 0 ? NULL : memmem(b->at, b->len, "\r\n\r\n", 4);
    return end == NULL ? 0 : (size_t)(end - b->at) + 4;
}

void client_read_to(struct client *c, const char *text)
{
    size_t len = strlen(text);
    while (c->got.len < len || memcmp(c->got.at + c->got.len - len, text, len) != 0)
        read_until(c, c->got.len + 1);
}

void client_read(struct client *c, struct client_reply *r, bool bodiless)
{
    size_t head_len;
    while ((head_len = head_length(&c->got)) == 0)
        read_until(c, c->got.len + 1);
    assert_true(head_len < sizeof(r->head));
    memcpy(r->head, c->got.at, head_len);
    r->head[head_len] = 0;
    drop_front(&c->got, head_len);
    assert_int_equal(sscanf(r->head, "HTTP/1.1 %d ", &r->status), 1);
    r->body_len = 0;
    const char *length = client_reply_header(r, "Content-Length");
    if (r->status != 100) {
        assert_non_null(length);
        assert_int_equal(sscanf(length, "%zu", &r->body_len), 1);
        assert_null(client_reply_header(r, "Transfer-Encoding"));
    }
    if (bodiless)
        r->body_len = 0;
    read_until(c, r->body_len);
    r->body = mem_must(r->body_len + 1);
    if (r->body_len > 0) {
        memcpy(r->body, c->got.at, r->body_len);
        drop_front(&c->got, r->body_len);
    }
}

void client_reply_end(struct client_reply *r)
{
    mem_free(r->body);
}

void client_expect(struct client *c, int status, const char *body)
{
    struct client_reply r;
    client_read(c, &r, false);
    assert_int_equal(r.status, status);
    assert_string_equal((const char *)r.body, body);
    client_reply_end(&r);
}

bool client_closed_within(struct client *c, unsigned ms)
{
    uint64_t until_us = clock_mono_us(&clock_system) + (uint64_t)ms * 1000;
    for (;;) {
        uint64_t now_us = clock_mono_us(&clock_system);
        if (now_us >= until_us || !readable_within(c, (unsigned)((until_us - now_us) / 1000 + 1)))
            return false;
        if (read_some(c) == 0)
            return true;
    }
}

const char *client_reply_header(const struct client_reply *r, const char *name)
{
    static _Thread_local char value[512];
    size_t len = strlen(name);
    for (const char *line = r->head; line != NULL && *line != 0;) {
        const char *end = strstr(line, "\r\n");
        if (strncasecmp(line, name, len) == 0 && line[len] == ':') {
            const char *from = line + len + 1 + strspn(line + len + 1, " ");
            snprintf(value, sizeof(value), "%.*s", (int)(end - from), from);
            return value;
        }
        line = end == NULL ? NULL : end + 2;
    }
    return NULL;
}
