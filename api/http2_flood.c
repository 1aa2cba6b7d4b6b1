/* http2_flood.c: one account for every kind of HTTP/2 flood.
 *
 * Rapid resets, pings, settings, window updates, empty frames: each costs the client a few bytes and us a frame's work or an answer, and
 * each new kind has been a CVE of its own. They have in common that nothing useful comes of them. So all frames that carry no request and no
 * body draw on one account; time fills it slowly, and what the client was usefully sent fills it as fast as honest clients spend:
 * they answer what they get with at most two window updates a frame of 16 KiB, and a reply with a ping or two. (PRIORITY, which nghttp2 leaves unread
 * as we told all clients, costs nothing to speak of.)
 *
 * I1. Of n frames that only cost, more than FLOOD_FRAMES_AT_ONCE + FLOOD_FRAMES_A_SECOND * seconds are refused, but for those that were earned.
 *
 * Thread: the loop's own. */
#include "api/http2_flood.h"

enum { CREDIT_MAX = FLOOD_FRAMES_AT_ONCE * FLOOD_FRAME_BYTES, SECOND_US = 1000000 };

void flood_init(struct flood *f, uint64_t now_us)
{
    *f = (struct flood){.credit = CREDIT_MAX, .now_us = now_us};
}

void flood_earn(struct flood *f, uint64_t bytes)
{
    f->credit = bytes > CREDIT_MAX - f->credit ? CREDIT_MAX : f->credit + bytes;
}

bool flood_frame(struct flood *f, uint64_t now_us)
{
    if (now_us > f->now_us) {
        uint64_t passed_us = now_us - f->now_us;
        uint64_t most_us = (uint64_t)FLOOD_FRAMES_AT_ONCE * SECOND_US; /* more than fills it */
        passed_us = passed_us > most_us ? most_us : passed_us;
        flood_earn(f, passed_us * FLOOD_FRAMES_A_SECOND * FLOOD_FRAME_BYTES / SECOND_US);
        f->now_us = now_us;
    }
    if (f->credit < FLOOD_FRAME_BYTES)
        return false;
    f->credit -= FLOOD_FRAME_BYTES;
    return true;
}
