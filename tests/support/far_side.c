/* far_side.c: a server of few promises. Blocking sockets, a thread each; everything ends when far_close shuts the sockets. */
#include "support/far_side.h"

#include "api/tls.h"
#include "base/mem.h"
#include "unit/base/cmocka_all.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_BYTES_MAX = 256 << 10, BODY_BYTES_MAX = 128 << 20 };

struct far_connection {
    struct far_side *far;
    struct thread thread;
    int fd;
    SSL *ssl;
    unsigned number;
    struct buf got;
    bool gone;
};

/* ---- bytes */

static bool read_some(struct far_connection *c)
{
    uint8_t *at = buf_reserve(&c->got, 64 << 10);
    assert_non_null(at);
    ssize_t got = c->ssl != NULL ? SSL_read(c->ssl, at, 64 << 10) : read(c->fd, at, 64 << 10);
    if (got <= 0)
        return false;
    buf_add(&c->got, (size_t)got);
    return true;
}

void far_write(struct far_request *r, struct bytes bytes)
{
    struct far_connection *c = r->connection;
    while (bytes.len > 0 && !c->gone) {
        int most = bytes.len < (1 << 20) ? (int)bytes.len : 1 << 20;
        ssize_t sent = c->ssl != NULL ? SSL_write(c->ssl, bytes.at, most)
                                      : send(c->fd, bytes.at, (size_t)most, MSG_NOSIGNAL);
        c->gone = sent <= 0;
        if (sent > 0)
            bytes = bytes_of(bytes.at + sent, bytes.len - (size_t)sent);
    }
}

void far_printf(struct far_request *r, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int len = vasprintf(&text, format, args);
    va_end(args);
    assert_true(len >= 0);
    far_write(r, bytes_of(text, (size_t)len));
    (free)(text);
}

void far_answer(struct far_request *r, int code, const char *type, const char *body)
{
    far_printf(r, "HTTP/1.1 %d Whatever\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n%s", code,
               type, strlen(body), body);
}

bool far_header(const struct far_request *r, const char *name, char *out, size_t room)
{
    size_t len = strlen(name);
    out[0] = '\0';
    for (const char *line = strstr(r->head, "\r\n"); line != NULL && line[2] != '\r';
         line = strstr(line + 2, "\r\n")) {
        const char *at = line + 2;
        if (strncasecmp(at, name, len) != 0 || at[len] != ':')
            continue;
        at += len + 1;
        at += strspn(at, " ");
        snprintf(out, room, "%.*s", (int)strcspn(at, "\r"), at);
        return true;
    }
    return false;
}

/* ---- requests */

static bool read_head(struct far_connection *c, size_t *head_len)
{
    for (;;) {
        const uint8_t *end = c->got.len == 0 ? NULL : memmem(c->got.at, c->got.len, "\r\n\r\n", 4);
        if (end != NULL) {
            *head_len = (size_t)(end - c->got.at) + 4;
            return true;
        }
        assert_true(c->got.len < HEAD_BYTES_MAX);
        if (!read_some(c))
            return false;
    }
}

static enum far_next serve_one(struct far_connection *c)
{
    struct far_side *far = c->far;
    struct far_request r = {.far = far, .connection = c, .connection_number = c->number};
    enum far_next next = FAR_CLOSE;
    size_t head_len, body_len = 0;
    if (!read_head(c, &head_len))
        return FAR_CLOSE;
    char *head = mem_must(head_len + 1);
    memcpy(head, c->got.at, head_len);
    r.head = head;
    assert_int_equal(sscanf(head, "%15s %2047s", r.method, r.target), 2);
    char length[32];
    if (far_header(&r, "Content-Length", length, sizeof(length)))
        body_len = strtoull(length, NULL, 10);
    lock_take(&far->lock);
    r.number = far->requests++;
    signal_all(&far->changed);
    lock_drop(&far->lock);
    if (far->before_body != NULL && far->before_body(&r, &next)) {
        mem_free(head);
        return next;
    }
    bool whole = true;
    while (whole && c->got.len < head_len + body_len)
        whole = read_some(c);
    if (whole) {
        r.body = bytes_of(c->got.at + head_len, body_len);
        next = far->handle(&r);
        size_t used = head_len + body_len;
        memmove(c->got.at, c->got.at + used, c->got.len - used);
        c->got.len -= used;
    }
    mem_free(head);
    return next;
}

static void hang(struct far_connection *c)
{
    uint8_t byte[256];
    while (recv(c->fd, byte, sizeof(byte), 0) > 0) {
    }
}

static bool begin_tls(struct far_connection *c)
{
    if (c->far->bad_tls) {
        static const char nonsense[] = "this is no TLS at all, whatever you said\r\n";
        uint8_t hello[512];
        ssize_t got = read(c->fd, hello, sizeof(hello));
        ssize_t sent = send(c->fd, nonsense, sizeof(nonsense), MSG_NOSIGNAL);
        return got < 0 && sent < 0; /* never */
    }
    if (c->far->context == NULL)
        return true;
    c->ssl = SSL_new(c->far->context);
    SSL_set_fd(c->ssl, c->fd);
    return SSL_accept(c->ssl) == 1;
}

static void serve(void *arg)
{
    struct far_connection *c = arg;
    enum far_next next = begin_tls(c) ? FAR_KEEP : FAR_CLOSE;
    while (next == FAR_KEEP && !c->gone)
        next = serve_one(c);
    if (next == FAR_HANG)
        hang(c);
    if (next == FAR_RESET) {
        struct linger now = {.l_onoff = 1, .l_linger = 0};
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    } else if (c->ssl != NULL && next == FAR_CLOSE) {
        SSL_shutdown(c->ssl);
    }
    lock_take(&c->far->lock); /* far_close shuts only descriptors that are still ours */
    close(c->fd);
    c->fd = -1;
    lock_drop(&c->far->lock);
}

static void accept_all(void *arg)
{
    struct far_side *far = arg;
    for (int fd; (fd = accept(far->fd, NULL, NULL)) >= 0;) {
        struct far_connection *c = MEM_NEW(struct far_connection);
        *c = (struct far_connection){.far = far, .fd = fd};
        buf_init(&c->got, BODY_BYTES_MAX);
        if (far->send_buffer_bytes > 0)
            setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &far->send_buffer_bytes, sizeof(int));
        lock_take(&far->lock);
        assert_true(far->connections < FAR_CONNECTIONS_MAX);
        c->number = far->connections;
        far->all[far->connections++] = c;
        thread_start(&c->thread, THREAD_READER, "far-connection", serve, c);
        signal_all(&far->changed);
        lock_drop(&far->lock);
    }
}

/* ---- its life */

void far_prepare_process(void)
{
    static const char *const proxies[] = {"http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy",
                                          "ALL_PROXY"};
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < sizeof(proxies) / sizeof(proxies[0]); i++)
        unsetenv(proxies[i]);
}

void far_init(struct far_side *far)
{
    *far = (struct far_side){.fd = -1};
    lock_init(&far->lock, LOCK_TEST);
    signal_init(&far->changed);
}

static void open_tls(struct far_side *far)
{
    struct fault f;
    char path[128];
    snprintf(far->folder, sizeof(far->folder), "/tmp/sluice-far-XXXXXX");
    assert_non_null(mkdtemp(far->folder));
    if (tls_open(&(struct tls_settings){.folder = far->folder}, &far->local_ca, &f) != OK)
        fail_msg("tls_open: %s", f.text);
    snprintf(far->ca_path, sizeof(far->ca_path), "%s", tls_ca_path(far->local_ca));
    far->context = SSL_CTX_new(TLS_server_method());
    snprintf(path, sizeof(path), "%s/server.pem", far->folder);
    assert_int_equal(SSL_CTX_use_certificate_chain_file(far->context, path), 1);
    snprintf(path, sizeof(path), "%s/server.key", far->folder);
    assert_int_equal(SSL_CTX_use_PrivateKey_file(far->context, path, SSL_FILETYPE_PEM), 1);
}

void far_open(struct far_side *far)
{
    if (far->tls)
        open_tls(far);
    far->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(address);
    assert_int_equal(bind(far->fd, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(far->fd, 256), 0);
    assert_int_equal(getsockname(far->fd, (struct sockaddr *)&address, &len), 0);
    far->port = ntohs(address.sin_port);
    thread_start(&far->acceptor, THREAD_READER, "far-acceptor", accept_all, far);
}

void far_close(struct far_side *far)
{
    shutdown(far->fd, SHUT_RDWR);
    thread_join(&far->acceptor);
    close(far->fd);
    lock_take(&far->lock);
    far->closing = true;
    signal_all(&far->changed);
    for (unsigned i = 0; i < far->connections; i++) {
        if (far->all[i]->fd >= 0)
            shutdown(far->all[i]->fd, SHUT_RDWR);
    }
    lock_drop(&far->lock);
    for (unsigned i = 0; i < far->connections; i++) {
        thread_join(&far->all[i]->thread);
        SSL_free(far->all[i]->ssl);
        buf_fini(&far->all[i]->got);
        mem_free(far->all[i]);
    }
    if (far->context != NULL) {
        char command[96];
        SSL_CTX_free(far->context);
        tls_close(far->local_ca);
        snprintf(command, sizeof(command), "rm -r %s", far->folder);
        assert_int_equal(system(command), 0);
    }
    signal_fini(&far->changed);
    lock_fini(&far->lock);
}

const char *far_url(const struct far_side *far, const char *path)
{
    static _Thread_local char url[512];
    snprintf(url, sizeof(url), "%s://127.0.0.1:%u%s", far->tls || far->bad_tls ? "https" : "http",
             far->port, path);
    return url;
}

unsigned far_requests(struct far_side *far)
{
    lock_take(&far->lock);
    unsigned count = far->requests;
    lock_drop(&far->lock);
    return count;
}

unsigned far_connections(struct far_side *far)
{
    lock_take(&far->lock);
    unsigned count = far->connections;
    lock_drop(&far->lock);
    return count;
}

void far_wait_requests(struct far_side *far, unsigned count)
{
    lock_take(&far->lock);
    while (far->requests < count && !far->closing) {
        if (!signal_wait_ms(&far->changed, &far->lock, 20000))
            die("%u of %u requests arrived", far->requests, count); /* on any thread */
    }
    lock_drop(&far->lock);
}
