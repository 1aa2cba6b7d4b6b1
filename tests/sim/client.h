/* client.h: a run's side of its service: calls, one or many at once; kills and starts. Thread: the run's. */
#ifndef SLUICE_TESTS_SIM_CLIENT_H
#define SLUICE_TESTS_SIM_CLIENT_H

#include "sim/diary.h"
#include "sim/forget.h"
#include "sim/frame.h"
#include "sim/host.h"

#include <jansson.h>
#include <sys/types.h>

struct client {
    struct diary *diary;
    struct host_settings settings;
    uint64_t now_ms; /* the run's time; the service has it before each call */
    uint64_t told_ms;
    pid_t host; /* 0: none */
    int fd;
    unsigned blocks_lost; /* in all kills */
};

/* One call under way. */
struct flight {
    const char *operation;
    json_t *ask;
    uint64_t asked_ms; /* set when it is sent */
    /* set when it is answered */
    bool answered;
    int status;
    json_t *answer; /* an empty body: an empty object */
};
void flight_fini(struct flight *f);
/* "": it went well; else the __type. */
const char *flight_error(const struct flight *f);
const char *flight_message(const struct flight *f);

void client_start(struct client *c);
/* A clean end; it must exit with 0. */
void client_end(struct client *c);
/* SIGKILL; then the disk forgets. */
void client_kill(struct client *c, enum forget_manner manner, struct random *chance);
/* All at once; then it is killed: after so many answers, when none comes for so many microseconds, or in one of its next syncs, whichever is first. NULL: it is not. */
struct fall {
    uint32_t answers_max;
    uint32_t us_max;
    uint32_t syncs_max; /* 0: none */
};
void client_fly(struct client *c, struct flight *flights, uint32_t count, const struct fall *fall);

/* One call: takes over `ask`, and must be answered. A caller who is throttled waits a second and asks again. flight_fini it. */
struct flight client_call(struct client *c, const char *operation, json_t *ask);
/* The same, and it must go well: the answer, to be json_decref'd. */
json_t *client_ask(struct client *c, const char *operation, json_t *ask);
/* Anything but a call; the answer's text, if the frame has one, to be mem_free'd. */
char *client_say(struct client *c, enum frame_kind kind, uint32_t tag, int32_t number, json_t *ask,
                 int *status);
void client_tell(struct client *c, enum frame_kind kind, uint32_t tag);

#endif
