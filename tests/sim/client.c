/* client.c: see client.h. */
#include "sim/client.h"

#include "base/mem.h"
#include "base/must.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PATIENCE_MS = 90000 }; /* sanitized, on a busy machine */

/* ---- the process ---- */

void client_start(struct client *c)
{
    int pair[2];
    must(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
    c->settings.now_ms = c->told_ms = c->now_ms;
    forget_watch(c->settings.folder);
    fflush(NULL);
    c->host = fork();
    must(c->host >= 0);
    if (c->host == 0) {
        close(pair[0]);
        host_run(&c->settings, pair[1]);
    }
    close(pair[1]);
    c->fd = pair[0];
}

static int reap(struct client *c)
{
    int status;
    close(c->fd);
    must(waitpid(c->host, &status, 0) == c->host);
    c->host = 0;
    return status;
}

_Noreturn static void died(struct client *c)
{
    int status = reap(c);
    if (WIFSIGNALED(status))
        diary_differs(c->diary, "the service was ended by signal %d", WTERMSIG(status));
    diary_differs(c->diary, "the service ended with %d", WEXITSTATUS(status));
}

void client_end(struct client *c)
{
    client_tell(c, FRAME_END, 0);
    int status = reap(c);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        diary_differs(c->diary, "the service closed with status %#x", status);
}

void client_kill(struct client *c, enum forget_manner manner, struct random *chance)
{
    if (c->host) {
        kill(c->host, SIGKILL);
        int status = reap(c);
        if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
            diary_differs(c->diary, "the service ended by itself, with status %#x", status);
    }
    struct forgotten lost = forget_unsynced(manner, chance);
    c->blocks_lost += lost.blocks;
    diary_note(c->diary,
               "killed; manner %d, %u files lost something, %u blocks what was written over them",
               (int)manner, lost.files, lost.blocks);
}

/* ---- frames ---- */

static void send_frame(struct client *c, const struct frame *f)
{
    const struct frame time = {.kind = FRAME_TIME, .time_ms = c->now_ms};
    bool sent = c->told_ms == c->now_ms || frame_send(c->fd, &time);
    c->told_ms = c->now_ms;
    if (!sent || !frame_send(c->fd, f))
        died(c);
}

/* Whether something comes within so many microseconds (or the other side has gone). */
static bool comes(struct client *c, uint64_t us)
{
    struct pollfd p = {.fd = c->fd, .events = POLLIN};
    struct timespec t = {.tv_sec = (time_t)(us / 1000000), .tv_nsec = (long)(us % 1000000 * 1000)};
    int ready;
    while ((ready = ppoll(&p, 1, &t, NULL)) < 0 && errno == EINTR)
        continue;
    return ready > 0;
}

static void receive(struct client *c, struct frame *f)
{
    if (!comes(c, PATIENCE_MS * 1000ull))
        diary_differs(c->diary, "no answer in %d s", PATIENCE_MS / 1000);
    if (!frame_receive(c->fd, f))
        died(c);
}

void client_tell(struct client *c, enum frame_kind kind, uint32_t tag)
{
    send_frame(c, &(struct frame){.kind = kind, .tag = tag});
}

char *client_say(struct client *c, enum frame_kind kind, uint32_t tag, int32_t number, json_t *ask,
                 int *status)
{
    struct frame f = {.kind = kind, .tag = tag, .number = number};
    f.text = ask ? json_dumps(ask, JSON_COMPACT) : NULL;
    send_frame(c, &f);
    mem_free(f.text);
    json_decref(ask);
    receive(c, &f);
    if (status)
        *status = f.number;
    mem_free(f.name);
    return f.text;
}

/* ---- calls ---- */

void flight_fini(struct flight *f)
{
    json_decref(f->ask);
    json_decref(f->answer);
    f->ask = f->answer = NULL;
}

const char *flight_error(const struct flight *f)
{
    const char *type = json_string_value(json_object_get(f->answer, "__type"));
    return f->status == 200 ? "" : type ? type : "?";
}

const char *flight_message(const struct flight *f)
{
    const char *text = json_string_value(json_object_get(f->answer, "message"));
    return text ? text : "";
}

static void send_calls(struct client *c, struct flight *flights, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        struct frame f = {.kind = FRAME_CALL, .tag = i, .more = count - 1 - i};
        f.name = (char *)(uintptr_t)flights[i].operation;
        f.text = json_dumps(flights[i].ask, JSON_COMPACT);
        flights[i].asked_ms = c->now_ms;
        send_frame(c, &f);
        mem_free(f.text);
    }
}

static void take_answer(struct client *c, struct flight *flights, struct frame *f)
{
    struct flight *one = &flights[f->tag];
    one->answered = true;
    one->status = f->number;
    one->answer = f->text[0] ? json_loads(f->text, 0, NULL) : json_object();
    if (!one->answer)
        diary_differs(c->diary, "%s answered %d: %s", one->operation, one->status, f->text);
    frame_free(f);
}

void client_fly(struct client *c, struct flight *flights, uint32_t count, const struct fall *fall)
{
    struct frame f;
    uint32_t left = count;
    send_calls(c, flights, count);
    if (!fall) {
        for (; left > 0; left--) {
            receive(c, &f);
            take_answer(c, flights, &f);
        }
        return;
    }
    forget_fall_in(fall->syncs_max);
    for (uint32_t i = 0; left > 0 && i < fall->answers_max && comes(c, fall->us_max); i++, left--) {
        if (!frame_receive(c->fd, &f))
            break;
        take_answer(c, flights, &f);
    }
    kill(c->host, SIGKILL);
    while (left > 0 && frame_receive(c->fd, &f)) { /* said before it was killed */
        take_answer(c, flights, &f);
        left--;
    }
}

struct flight client_call(struct client *c, const char *operation, json_t *ask)
{
    for (;;) {
        struct flight f = {.operation = operation, .ask = ask};
        client_fly(c, &f, 1, NULL);
        bool throttled = c->settings.quotas &&
                         (strcmp(flight_error(&f), "ProvisionedThroughputExceededException") == 0 ||
                          (strcmp(flight_error(&f), "LimitExceededException") == 0 &&
                           strncmp(flight_message(&f), "Rate exceeded", 13) == 0));
        if (!throttled)
            return f;
        json_decref(f.answer);
        c->now_ms += 1000;
    }
}

json_t *client_ask(struct client *c, const char *operation, json_t *ask)
{
    struct flight f = client_call(c, operation, ask);
    if (f.status != 200) {
        char *asked = json_dumps(f.ask, JSON_COMPACT);
        diary_differs(c->diary, "%s %.300s was refused: %d %s: %s", operation, asked, f.status,
                      flight_error(&f), flight_message(&f));
    }
    json_decref(f.ask);
    return f.answer;
}
