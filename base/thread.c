/* thread.c: named threads that know what they are.
 *
 * A function that belongs to one thread says so on its first line (thread_must_be), which costs one
 * load. Signals are for the main thread alone: every other blocks them all, so that no system call
 * of theirs is interrupted.
 *
 * Thread: any. */
#include "base/thread.h"

#include "base/mem.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NAME_BYTES = 16 };

struct birth {
    enum thread_role role;
    char name[NAME_BYTES];
    void (*run)(void *);
    void *arg;
};

static _Thread_local enum thread_role my_role = THREAD_MAIN;
static _Thread_local char my_name[NAME_BYTES] = "main";

static void *thread_main(void *arg)
{
    struct birth birth = *(struct birth *)arg;
    mem_free(arg);
    my_role = birth.role;
    memcpy(my_name, birth.name, sizeof(my_name));
    pthread_setname_np(pthread_self(), my_name); /* cosmetic: a failure is no matter */
    birth.run(birth.arg);
    return NULL;
}

void thread_start(struct thread *t, enum thread_role role, const char *name, void (*run)(void *),
                  void *arg)
{
    size_t length = strlen(name);
    must(length < NAME_BYTES);
    struct birth *birth = MEM_NEW(struct birth);
    birth->role = role;
    birth->run = run;
    birth->arg = arg;
    memcpy(birth->name, name, length + 1);

    /* The mask is inherited, so it is set around the creation: the new thread never runs without
     * it. */
    sigset_t all, before;
    sigfillset(&all);
    must(pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
    int error = pthread_create(&t->handle, NULL, thread_main, birth);
    must(pthread_sigmask(SIG_SETMASK, &before, NULL) == 0);
    if (error != 0)
        die("the system has no thread left for %s", name);
    t->started = true;
}

void thread_join(struct thread *t)
{
    if (!t->started)
        return;
    must(pthread_join(t->handle, NULL) == 0);
    t->started = false;
}

/* As sched_setattr(2) has it: the C library has no name for it yet. */
struct turn_attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

void thread_ask_short_turns(uint64_t turn_us)
{
    struct turn_attributes a = {.size = sizeof(a)};
    if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) != 0 || a.policy != SCHED_OTHER)
        return;
    a.runtime_ns = turn_us * 1000;
    (void)!syscall(SYS_sched_setattr, 0, &a, 0);
}

enum thread_role thread_role(void)
{
    return my_role;
}

const char *thread_name(void)
{
    return my_name;
}

void thread_assume(enum thread_role role)
{
    my_role = role;
}
