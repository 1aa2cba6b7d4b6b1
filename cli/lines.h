/* lines.h: the lines of files, or of standard input, one after the other. What a pipe brings is handed out at once. Thread: main. */
#ifndef SLUICE_CLI_LINES_H
#define SLUICE_CLI_LINES_H

#include "base/buf.h"

struct lines {
    const char *const *paths; /* "-": standard input */
    unsigned path_count, path;
    int fd; /* -1: none is open */
    struct buf room;
    size_t from;        /* where the next line begins in room */
    bool at_end;        /* of this file */
    uint64_t number;    /* of the line handed out last, from 1, over all files */
    const char *failed; /* the file of an IO_FAILED */
};

/* No paths: standard input. The paths are borrowed. */
void lines_init(struct lines *l, const char *const *paths, unsigned path_count);
/* OK: *line, without its newline, lives until the next call. END; IO_FAILED (errno says why); TOO_LARGE: a line that no stream takes, it is passed
 * over; CLOSING: a signal came. */
enum status lines_next(struct lines *l, struct bytes *line);
/* Whether the next call would wait for somebody. */
bool lines_would_wait(const struct lines *l);
void lines_fini(struct lines *l);

#endif
