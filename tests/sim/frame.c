/* frame.c: see frame.h. */
#include "sim/frame.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static bool send_all(int fd, const void *bytes, size_t len)
{
    for (const char *at = bytes; len > 0;) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool receive_all(int fd, void *bytes, size_t len)
{
    for (char *at = bytes; len > 0;) {
        ssize_t got = recv(fd, at, len, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        at += got;
        len -= (size_t)got;
    }
    return true;
}

bool frame_send(int fd, const struct frame *f)
{
    struct frame head = *f;
    head.name_len = f->name ? (uint32_t)strlen(f->name) : 0;
    head.text_len = f->text ? (uint32_t)strlen(f->text) : 0;
    head.name = head.text = NULL;
    return send_all(fd, &head, sizeof(head)) && send_all(fd, f->name, head.name_len) &&
           send_all(fd, f->text, head.text_len);
}

bool frame_receive(int fd, struct frame *f)
{
    if (!receive_all(fd, f, sizeof(*f)))
        return false;
    f->name = mem_must(f->name_len + 1);
    f->text = mem_must(f->text_len + 1);
    if (receive_all(fd, f->name, f->name_len) && receive_all(fd, f->text, f->text_len))
        return true;
    frame_free(f);
    return false;
}

void frame_free(struct frame *f)
{
    mem_free(f->name);
    mem_free(f->text);
    f->name = f->text = NULL;
}
