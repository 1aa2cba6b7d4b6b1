/* log_fixture.c: see log_fixture.h. */
#include "support/log_fixture.h"

#include "base/mem.h"
#include "base/must.h"
#include "support/log_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

void log_fixture_open(struct log_fixture *x)
{
    struct fault f = {0};
    enum status st = log_leveldb_open(&x->settings, &x->engine, &f);
    if (st != OK)
        fprintf(stderr, "%s\n", f.text);
    assert_int_equal(st, OK);
}

void log_fixture_close(struct log_fixture *x)
{
    if (x->engine)
        x->engine->ops->close(x->engine);
    x->engine = NULL;
}

void log_fixture_reopen(struct log_fixture *x)
{
    log_fixture_close(x);
    log_fixture_open(x);
}

int log_fixture_setup(void **state)
{
    struct log_fixture *x = MEM_NEW(struct log_fixture);
    snprintf(x->folder, sizeof(x->folder), "/tmp/sluice-log-XXXXXX");
    must(mkdtemp(x->folder));
    clock_manual_init(&x->clock, LOG_FIXTURE_START_MS);
    log_leveldb_defaults(&x->settings);
    x->settings.folder = x->folder;
    x->settings.clock = &x->clock.clock;
    x->settings.segment_bytes = 256 * 1024;
    x->settings.tail_bytes_max = 64 * 1024;
    x->settings.commit_bytes_max = 128 * 1024;
    x->settings.disk_reserve_bytes = 0;
    log_fixture_open(x);
    *state = x;
    return 0;
}

int log_fixture_teardown(void **state)
{
    struct log_fixture *x = *state;
    char command[128];
    log_fixture_close(x);
    snprintf(command, sizeof(command), "rm -rf %s", x->folder);
    must(system(command) == 0);
    mem_free(x);
    return 0;
}

static uint64_t begin_ms(const struct log_keeper *k, uint64_t stream)
{
    const struct log_fixture_keeper *keeper = LIST_OWNER(k, struct log_fixture_keeper, keeper);
    if (stream == keeper->deleted)
        return UINT64_MAX;
    return stream == keeper->kept ? 0 : keeper->begin_ms;
}

struct log_fixture_keeper log_fixture_keep(uint64_t from_ms, uint64_t deleted)
{
    return (struct log_fixture_keeper){{begin_ms}, from_ms, deleted, UINT64_MAX};
}

void log_fixture_trim(struct log_fixture *x, const struct log_fixture_keeper *k)
{
    struct fault f;
    enum status st;
    while ((st = x->engine->ops->trim(x->engine, &k->keeper, clock_wall_ms(&x->clock.clock), 50,
                                      &f)) == OK)
        continue;
    assert_int_equal(st, END);
}

void assert_log_is(struct log *l, const char *prefix, unsigned count)
{
    char *all = driver_all(l), *at = all;
    for (unsigned i = 0; i < count; i++) {
        char text[64];
        int len = snprintf(text, sizeof(text), "%s-%u", prefix, i);
        if (strncmp(at, text, (size_t)len) != 0)
            fprintf(stderr, "record %u of %u: %.40s\n", i, count, at);
        assert_memory_equal(at, text, (size_t)len);
        at += len;
        assert_int_equal(*at, i + 1 == count ? '\0' : ',');
        at++;
    }
    if (count == 0)
        assert_string_equal(all, "");
    mem_free(all);
}

/* A copy at one moment: made anew until nothing changed while it was made, since the sealer goes on beside it. */
static void copy_folder(const char *folder)
{
    char command[512];
    snprintf(command, sizeof(command),
             "look() { find %.64s -printf '%%p %%i %%s %%T@\\n' | sort; }; before=$(look);"
             "rm -rf %.64s.crash; cp -a %.64s %.64s.crash 2>/dev/null && "
             "[ \"$before\" = \"$(look)\" ]",
             folder, folder, folder, folder);
    while (system(command) != 0)
        continue;
}

void log_fixture_crash(struct log_fixture *x, void (*work)(struct log_fixture *x))
{
    char command[300];
    work(x);
    copy_folder(x->folder);
    log_fixture_close(x);
    snprintf(command, sizeof(command), "rm -rf %s && mv %s.crash %s", x->folder, x->folder,
             x->folder);
    must(system(command) == 0);
}

static bool ends_with(const char *text, const char *ending)
{
    size_t len = strlen(text), tail = strlen(ending);
    return len > tail && strcmp(text + len - tail, ending) == 0;
}

static void look_into(const char *folder, const char *ending, char path[512], off_t *len)
{
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        char at[512];
        struct stat facts;
        snprintf(at, sizeof(at), "%.250s/%.200s", folder, e->d_name);
        if (ends_with(at, ending) && stat(at, &facts) == 0 && facts.st_size > *len) {
            memcpy(path, at, sizeof(at));
            *len = facts.st_size;
        }
    }
    if (d)
        closedir(d);
}

bool log_fixture_file(const struct log_fixture *x, const char *ending, char path[512], off_t *len)
{
    char segments[128];
    *len = 0;
    snprintf(segments, sizeof(segments), "%s/segments", x->folder);
    DIR *d = opendir(segments);
    must(d);
    for (struct dirent *e; (e = readdir(d));) {
        char folder[400];
        snprintf(folder, sizeof(folder), "%s/%.200s", segments, e->d_name);
        if (e->d_name[0] != '.')
            look_into(folder, ending, path, len);
    }
    closedir(d);
    return *len > 0;
}

void log_fixture_flip(const char *path, off_t at)
{
    FILE *f = fopen(path, "r+b");
    must(f && fseeko(f, at, at < 0 ? SEEK_END : SEEK_SET) == 0);
    int c = fgetc(f);
    must(c != EOF && fseeko(f, -1, SEEK_CUR) == 0);
    must(fputc(c ^ 0x40, f) != EOF && fclose(f) == 0);
}
