/* lines.c: a buffer that is read into and cut at newlines. The last line needs none. */
#include "cli/lines.h"

#include "base/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

enum { READ_AT_ONCE = 256 * 1024 };
#define LINE_BYTES_MAX MIB(16) /* more than any stream takes as a record */

static const char *const standard_input[] = {"-"};

void lines_init(struct lines *l, const char *const *paths, unsigned path_count)
{
    *l = (struct lines){.paths = path_count ? paths : standard_input,
                        .path_count = path_count ? path_count : 1,
                        .fd = -1};
    buf_init(&l->room, LINE_BYTES_MAX + READ_AT_ONCE);
}

void lines_fini(struct lines *l)
{
    if (l->fd > STDIN_FILENO)
        close(l->fd);
    buf_fini(&l->room);
}

static enum status open_next(struct lines *l)
{
    const char *path = l->paths[l->path++];
    l->failed = path;
    l->at_end = false;
    l->fd = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    return l->fd >= 0 ? OK : IO_FAILED;
}

/* Takes what was handed out off the front. */
static void compact(struct lines *l)
{
    if (l->from == 0)
        return;
    memmove(l->room.at, l->room.at + l->from, l->room.len - l->from);
    l->room.len -= l->from;
    l->from = 0;
}

static enum status fill(struct lines *l)
{
    compact(l);
    uint8_t *to = buf_reserve(&l->room, READ_AT_ONCE);
    if (to == NULL)
        return NO_MEMORY;
    ssize_t got = read(l->fd, to, READ_AT_ONCE);
    if (got < 0)
        return errno == EINTR ? CLOSING : IO_FAILED;
    buf_add(&l->room, (size_t)got);
    l->at_end = got == 0;
    return OK;
}

/* Reads on until the newline of a line that is too long. */
static enum status pass_over(struct lines *l)
{
    for (;;) {
        uint8_t *end = memchr(l->room.at, '\n', l->room.len);
        l->from = end ? (size_t)(end - l->room.at) + 1 : l->room.len;
        if (end || l->at_end)
            return TOO_LARGE;
        enum status st = fill(l);
        if (st != OK)
            return st;
    }
}

static bool cut(struct lines *l, struct bytes *line)
{
    const uint8_t *begin = l->room.at + l->from;
    size_t len = l->room.len - l->from;
    const uint8_t *end = len ? memchr(begin, '\n', len) : NULL;
    if (end == NULL && (!l->at_end || len == 0))
        return false;
    *line = bytes_of(begin, end ? (size_t)(end - begin) : len);
    l->from += line->len + (end ? 1 : 0);
    l->number++;
    return true;
}

enum status lines_next(struct lines *l, struct bytes *line)
{
    for (;;) {
        enum status st = OK;
        if (l->fd >= 0 && cut(l, line))
            return OK;
        if (l->fd >= 0 && l->at_end) {
            if (l->fd > STDIN_FILENO)
                close(l->fd);
            l->fd = -1;
        }
        if (l->fd < 0 && l->path == l->path_count)
            return END;
        if (l->fd < 0)
            st = open_next(l);
        else if (l->room.len - l->from >= LINE_BYTES_MAX) {
            l->number++;
            compact(l);
            st = pass_over(l);
        } else
            st = fill(l);
        if (st != OK)
            return st;
    }
}

bool lines_would_wait(const struct lines *l)
{
    struct pollfd p = {.fd = l->fd, .events = POLLIN};
    size_t len = l->room.len - l->from;
    if (l->fd < 0 || (len && memchr(l->room.at + l->from, '\n', len)))
        return false;
    return poll(&p, 1, 0) == 0;
}
