/* http2_flood.h: how much trouble an HTTP/2 client may be. Pure. Thread: the loop's own. */
#ifndef SLUICE_API_HTTP2_FLOOD_H
#define SLUICE_API_HTTP2_FLOOD_H

#include <stdbool.h>
#include <stdint.h>

/* Counted in bytes, so that what is sent to a client earns exactly what it is worth. */
enum { FLOOD_FRAME_BYTES = 4096, FLOOD_FRAMES_AT_ONCE = 1000, FLOOD_FRAMES_A_SECOND = 100 };

struct flood {
    uint64_t credit; /* in bytes; never more than FLOOD_FRAMES_AT_ONCE are worth */
    uint64_t now_us; /* until when the time has been paid out */
};

void flood_init(struct flood *f, uint64_t now_us);
/* A frame came that only costs: SETTINGS, PING, RST_STREAM, WINDOW_UPDATE, DATA without a byte. False: it is one too many. */
bool flood_frame(struct flood *f, uint64_t now_us);
/* The client was sent so many bytes of an answer, or a request was answered, which counts as FLOOD_FRAME_BYTES a few times over. */
void flood_earn(struct flood *f, uint64_t bytes);

#endif
