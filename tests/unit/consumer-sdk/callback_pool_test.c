/* callback_pool_test.c: tasks, the way back, errands. */
#include "consumer-sdk/callback_pool.h"
#include "unit/base/cmocka_all.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>

enum { TASKS = 200 };

struct job {
    struct callback_task task;
    unsigned runs;
    pthread_t ran_on;
};
struct errand {
    struct callback_errand errand;
    pthread_t ran_on;
};

static struct callback_pool *pool;
static sem_t woken;

static void wake(void *arg)
{
    sem_post(arg);
}

static void make(unsigned threads)
{
    struct sluice_error e;
    sem_init(&woken, 0, 0);
    assert_int_equal(callback_pool_new(threads, wake, &woken, &pool, &e), SLUICE_OK);
}

static void drop(void)
{
    callback_pool_free(pool);
    sem_destroy(&woken);
}

static void run(struct callback_task *task)
{
    struct job *j = LIST_OWNER(task, struct job, task);
    j->runs++;
    j->ran_on = pthread_self();
}

static unsigned take(void)
{
    struct list done;
    unsigned count = 0;
    list_init(&done);
    callback_pool_take_done(pool, &done);
    LIST_EACH(node, keep, &done)
    {
        list_remove(node);
        count++;
    }
    return count;
}

static void without_threads_tasks_run_where_they_are_asked_for(void **state)
{
    (void)state;
    struct job jobs[2] = {{.task.run = run}, {.task.run = run}};
    make(0);
    assert_false(callback_pool_run_one(pool));
    callback_pool_submit(pool, &jobs[0].task);
    callback_pool_submit(pool, &jobs[1].task);
    assert_int_equal(jobs[0].runs, 0);
    assert_true(callback_pool_run_one(pool));
    assert_int_equal(jobs[0].runs, 1);
    assert_int_equal(jobs[1].runs, 0);
    assert_true(callback_pool_run_one(pool));
    assert_false(callback_pool_run_one(pool));
    assert_int_equal(take(), 2);
    assert_int_equal(take(), 0);
    drop();
}

/* K2 */
static void each_task_runs_once_on_a_thread_and_comes_back(void **state)
{
    (void)state;
    static struct job jobs[TASKS];
    unsigned back = 0;
    make(4);
    for (int i = 0; i < TASKS; i++) {
        jobs[i] = (struct job){.task.run = run};
        callback_pool_submit(pool, &jobs[i].task);
    }
    assert_false(callback_pool_run_one(pool));
    while (back < TASKS) {
        sem_wait(&woken);
        back += take();
    }
    for (int i = 0; i < TASKS; i++) {
        assert_int_equal(jobs[i].runs, 1);
        assert_false(pthread_equal(jobs[i].ran_on, pthread_self()));
    }
    drop();
}

static void note_thread(struct callback_errand *e)
{
    LIST_OWNER(e, struct errand, errand)->ran_on = pthread_self();
}

static void run_with_errand(struct callback_task *task)
{
    struct errand e = {.errand.run = note_thread};
    callback_pool_errand(pool, &e.errand);
    LIST_OWNER(task, struct job, task)->ran_on = e.ran_on;
}

static void an_errand_runs_on_the_thread_that_serves(void **state)
{
    (void)state;
    static struct job jobs[TASKS];
    unsigned back = 0;
    make(3);
    for (int i = 0; i < TASKS; i++) {
        jobs[i] = (struct job){.task.run = run_with_errand};
        callback_pool_submit(pool, &jobs[i].task);
    }
    while (back < TASKS) {
        sem_wait(&woken);
        callback_pool_serve(pool);
        back += take();
    }
    for (int i = 0; i < TASKS; i++)
        assert_true(pthread_equal(jobs[i].ran_on, pthread_self()));
    drop();
}

static void an_errand_from_the_serving_thread_runs_at_once(void **state)
{
    (void)state;
    struct job job = {.task.run = run_with_errand};
    make(0);
    callback_pool_submit(pool, &job.task);
    assert_true(callback_pool_run_one(pool));
    assert_true(pthread_equal(job.ran_on, pthread_self()));
    assert_int_equal(take(), 1);
    drop();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_threads_tasks_run_where_they_are_asked_for),
        cmocka_unit_test(each_task_runs_once_on_a_thread_and_comes_back),
        cmocka_unit_test(an_errand_runs_on_the_thread_that_serves),
        cmocka_unit_test(an_errand_from_the_serving_thread_runs_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
