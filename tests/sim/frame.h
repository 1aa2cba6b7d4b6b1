/* frame.h: what a run and its service say to each other, over a pair of sockets. Thread: each side's one. */
#ifndef SLUICE_TESTS_SIM_FRAME_H
#define SLUICE_TESTS_SIM_FRAME_H

#include <stdbool.h>
#include <stdint.h>

enum frame_kind {
    FRAME_CALL,  /* name: operation, text: JSON. The last of several (more is 0) starts them all */
    FRAME_TIME,  /* time_ms: it is that now */
    FRAME_TIDY,  /* trims logs and removes drained shards, until there is nothing to do */
    FRAME_SCALE, /* looks at on-demand streams, and lets them come to rest */
    FRAME_SUBSCRIBE, /* tag: slot, text: JSON */
    FRAME_POLL,      /* tag: slot; until `number` records have come, or its end */
    FRAME_HANG_UP,   /* tag: slot */
    FRAME_END,       /* closes cleanly and exits */
    FRAME_ANSWER,    /* tag: the call's; number: status; text: body */
};

struct frame {
    uint32_t kind, tag, more;
    int32_t number;
    uint64_t time_ms;
    uint32_t name_len, text_len;
    char *name, *text; /* NUL-terminated */
};

/* False: the other side has gone. */
bool frame_send(int fd, const struct frame *f);
/* Likewise. frame_free it. */
bool frame_receive(int fd, struct frame *f);
void frame_free(struct frame *f);

#endif
