/* tally.c: a worker that commits what it did together with how far it got, for tests that kill it.
 *
 *   tally ENDPOINT STREAM GROUP FOLDER [file=PATH] [fetch=poll|push|auto] [codec=cbor] [threads=N] [slow=MICROSECONDS] [session=MS] [member=NAME]
 *         [apart] [every=MS]
 *
 *   FOLDER/SHARD.log    of each batch "= EPOCH PROCESS MILLISECONDS", then a line for each record: sequence number, sub-sequence number, data
 *   FOLDER/SHARD.state  epoch, place, how long the log is, and how many records are in it: replaced whole, so that log and place change together
 *   FOLDER/events       a line each: what, shard, epoch, process, milliseconds since 1970, and a word more
 *
 * It is what sluice/consumer.h (W1) asks of a handler that wants exactly once: a state of a later epoch is never touched, and records at or before
 * the state's place are left out, whatever the worker's checkpoint says. With `apart` it is a handler that has no such store: the place is not
 * looked at, so what comes again after a crash is written again; the epoch still is. With `every` the worker checkpoints by itself, so often.
 * SIGTERM stops it. SIGUSR1 has it stop (SIGSTOP) when it next has records in hand that it is about to commit, and no lock: as a process does that is
 * swapped out for long. Who continues it finds out whether a late commit is refused. */
#include <sluice/consumer.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

enum { SHARDS_MAX = 256 };

struct state {
    unsigned long long epoch, sub, bytes, records;
    char sequence[SLUICE_SEQUENCE_BYTES]; /* "-": none */
};
static const char *folder;
static long slow_us;
static bool apart, by_itself; /* as `apart` and `every` ask */
static sluice_worker *worker;
static atomic_bool asked_to_pause;
static pthread_rwlock_t pausing = PTHREAD_RWLOCK_INITIALIZER; /* read: a shard is locked */

static void fatal(const char *what)
{
    fprintf(stderr, "tally: %s: %s\n", what, strerror(errno));
    _exit(3);
}

static void path_of(char path[PATH_MAX], const char *shard, const char *end)
{
    if (snprintf(path, PATH_MAX, "%s/%s%s", folder, shard, end) >= PATH_MAX)
        fatal("path");
}

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void event(const char *what, sluice_shard *shard, const char *more)
{
    char path[PATH_MAX], line[400];
    int len = snprintf(
        line, sizeof(line), "%s %s %llu %d %lld %s\n", what, shard ? sluice_shard_id(shard) : "-",
        shard ? (unsigned long long)sluice_shard_epoch(shard) : 0, (int)getpid(), now_ms(), more);
    path_of(path, "events", "");
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, (size_t)len) != len)
        fatal("events");
    close(fd);
}

/* ---- the state of a shard, under its lock ---- */

static int lock_shard(const char *shard)
{
    char path[PATH_MAX];
    path_of(path, shard, ".lock");
    pthread_rwlock_rdlock(&pausing);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || flock(fd, LOCK_EX) != 0)
        fatal("lock");
    return fd;
}

static void unlock_shard(int lock)
{
    close(lock);
    pthread_rwlock_unlock(&pausing);
}

/* Stops with all threads, and comes back when somebody continues it. */
static void pause_if_asked(void)
{
    if (!atomic_exchange(&asked_to_pause, false))
        return;
    pthread_rwlock_wrlock(
        &pausing); /* a lock that is held meanwhile would hold up the next owner */
    raise(SIGSTOP);
    pthread_rwlock_unlock(&pausing);
}

static void read_state(const char *shard, struct state *s)
{
    char path[PATH_MAX];
    path_of(path, shard, ".state");
    *s = (struct state){.sequence = "-"};
    FILE *f = fopen(path, "re");
    if (f && fscanf(f, "%llu %129s %llu %llu %llu", &s->epoch, s->sequence, &s->sub, &s->bytes,
                    &s->records) != 5)
        fatal("state");
    if (f)
        fclose(f);
}

static void write_state(const char *shard, const struct state *s)
{
    char path[PATH_MAX], fresh[PATH_MAX];
    path_of(path, shard, ".state");
    path_of(fresh, shard, ".state.new");
    FILE *f = fopen(fresh, "we");
    if (!f ||
        fprintf(f, "%llu %s %llu %llu %llu\n", s->epoch, s->sequence, s->sub, s->bytes,
                s->records) < 0 ||
        fclose(f) != 0 || rename(fresh, path) != 0)
        fatal("state");
}

static int is_after(const struct sluice_received *r, const struct state *s)
{
    size_t a = strlen(r->sequence_number), b = strlen(s->sequence);
    if (s->sequence[0] == '-')
        return 1;
    if (a != b)
        return a > b;
    int order = strcmp(r->sequence_number, s->sequence);
    return order != 0 ? order > 0 : r->sub_sequence_number > s->sub;
}

/* ---- callbacks ---- */

static void on_begin(void *context, sluice_shard *shard)
{
    (void)context;
    struct state s;
    int lock = lock_shard(sluice_shard_id(shard));
    read_state(sluice_shard_id(shard), &s);
    event(s.epoch > sluice_shard_epoch(shard) ? "late" : "begin", shard, "");
    if (s.epoch < sluice_shard_epoch(shard)) {
        s.epoch = sluice_shard_epoch(shard);
        write_state(sluice_shard_id(shard), &s);
    }
    unlock_shard(lock);
}

static void append(const char *shard, const struct sluice_batch *batch, struct state *s,
                   unsigned long *skipped)
{
    char path[PATH_MAX];
    path_of(path, shard, ".log");
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    FILE *f = fd >= 0 && ftruncate(fd, (off_t)s->bytes) == 0 ? fdopen(fd, "w") : NULL;
    if (!f || fseek(f, (long)s->bytes, SEEK_SET) != 0)
        fatal("log");
    unsigned long long before = s->records;
    for (size_t i = 0; i < batch->count; i++) {
        const struct sluice_received *r = &batch->records[i];
        if (!apart && !is_after(r, s)) {
            ++*skipped;
            continue;
        }
        if (s->records++ == before)
            fprintf(f, "= %llu %d %lld\n", s->epoch, (int)getpid(), now_ms());
        fprintf(f, "%s %llu %.*s\n", r->sequence_number, (unsigned long long)r->sub_sequence_number,
                (int)r->data.len, (const char *)r->data.at);
        snprintf(s->sequence, sizeof(s->sequence), "%s", r->sequence_number);
        s->sub = r->sub_sequence_number;
    }
    s->bytes = (unsigned long long)ftell(f);
    if (fclose(f) != 0)
        fatal("log");
}

static enum sluice_status on_records(void *context, sluice_shard *shard,
                                     const struct sluice_batch *batch)
{
    (void)context;
    struct state s;
    struct sluice_error e;
    unsigned long skipped = 0;
    char more[64] = "";
    if (batch->count == 0)
        return SLUICE_OK;
    pause_if_asked();
    int lock = lock_shard(sluice_shard_id(shard));
    read_state(sluice_shard_id(shard), &s);
    bool mine = s.epoch == sluice_shard_epoch(shard);
    if (mine) {
        append(sluice_shard_id(shard), batch, &s, &skipped);
        write_state(sluice_shard_id(shard), &s);
    }
    unlock_shard(lock);
    if (!mine)
        event("fenced", shard, "");
    snprintf(more, sizeof(more), "%lu", skipped);
    if (skipped > 0)
        event("skipped", shard, more);
    if (slow_us > 0)
        usleep((useconds_t)slow_us); /* a handler that takes its time, as the test asked */
    if (mine && !by_itself && sluice_checkpoint_batch(shard, &e) != SLUICE_OK)
        event("unsaved", shard, sluice_status_name(e.status));
    return SLUICE_OK;
}

static void on_end(void *context, sluice_shard *shard, enum sluice_end why)
{
    static const char *const names[] = {"ended", "revoked", "lost", "stops"};
    (void)context;
    struct sluice_error e;
    event("end", shard, names[why]);
    if (why == SLUICE_SHARD_ENDED && !by_itself && sluice_checkpoint_end(shard, &e) != SLUICE_OK)
        event("unsaved", shard, sluice_status_name(e.status));
}

static void on_notice(void *context, const char *shard_id, const char *text)
{
    (void)context;
    fprintf(stderr, "%d %s %s\n", (int)getpid(), shard_id, text);
}

static void on_signal(int number)
{
    if (number == SIGUSR1)
        asked_to_pause = true;
    else
        sluice_worker_stop(worker);
}

/* ---- the program ---- */

static void take(struct sluice_worker_options *o, const char *word, sluice_lease_store **store)
{
    struct sluice_error e;
    if (strncmp(word, "file=", 5) == 0) {
        if (sluice_file_leases_new(word + 5, store, &e) != SLUICE_OK)
            fatal(e.message);
        o->store = *store;
    } else if (strcmp(word, "fetch=poll") == 0) {
        o->fetch = SLUICE_FETCH_POLL;
    } else if (strcmp(word, "codec=cbor") == 0) {
        o->client.codec = SLUICE_CBOR;
    } else if (strcmp(word, "fetch=push") == 0) {
        o->fetch = SLUICE_FETCH_PUSH;
    } else if (strcmp(word, "codec=cbor") == 0) {
        o->client.codec = SLUICE_CBOR;
    } else if (strncmp(word, "threads=", 8) == 0) {
        o->threads = (unsigned)strtoul(word + 8, NULL, 10);
    } else if (strncmp(word, "slow=", 5) == 0) {
        slow_us = strtol(word + 5, NULL, 10);
    } else if (strncmp(word, "session=", 8) == 0) {
        o->session_timeout_ms = (unsigned)strtoul(word + 8, NULL, 10);
    } else if (strncmp(word, "member=", 7) == 0) {
        o->member = word + 7;
    } else if (strncmp(word, "every=", 6) == 0) {
        o->checkpoint_every_ms = (unsigned)strtoul(word + 6, NULL, 10);
        by_itself = true;
    } else if (strcmp(word, "apart") == 0) {
        apart = true;
    }
}

int main(int argc, char **argv)
{
    struct sluice_worker_options o;
    struct sluice_error e = {0};
    sluice_lease_store *store = NULL;
    if (argc < 5)
        return 2;
    sluice_worker_options_init(&o);
    o.client.endpoint = argv[1];
    o.stream = argv[2];
    o.group = argv[3];
    folder = argv[4];
    o.poll_ms = 50;
    o.records_max = 200; /* many batches, so that kills come between them */
    o.handler = (struct sluice_handler){on_begin, on_records, on_end, on_notice};
    for (int i = 5; i < argc; i++)
        take(&o, argv[i], &store);
    enum sluice_status st = sluice_worker_new(&o, &worker, &e);
    if (st == SLUICE_OK) {
        signal(SIGTERM, on_signal);
        signal(SIGUSR1, on_signal);
        st = sluice_worker_run(worker, &e);
        sluice_worker_free(worker);
    }
    sluice_file_leases_free(store);
    if (st != SLUICE_OK)
        fprintf(stderr, "tally: %s %s: %s\n", sluice_status_name(st), e.type, e.message);
    return st == SLUICE_OK ? 0 : 1;
}
