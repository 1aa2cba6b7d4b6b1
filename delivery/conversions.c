/* conversions.c: see the header. */
#include "delivery/conversions.h"

#include "base/lock.h"
#include "base/mem.h"
#include "base/trace.h"
#include "delivery/columns.h"
#include "delivery/tables.h"

#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };
#define LIBRARY "sluice-columnar.so"

struct conversions {
    struct tables *tables;
    char *path; /* "": look for it */
    struct lock mu;
    /* under mu */
    const struct columnar_library *library;
};

enum status conversions_open(const char *tables_file, const char *library, struct conversions **out,
                             struct fault *f)
{
    *out = NULL;
    struct tables *tables;
    enum status st = tables_open(tables_file, &tables, f);
    if (st != OK)
        return st;
    struct conversions *c = MEM_NEW(struct conversions);
    c->tables = tables;
    c->path = mem_strdup(library ? library : "");
    lock_init(&c->mu, LOCK_CONVERSIONS);
    *out = c;
    return OK;
}

void conversions_close(struct conversions *c)
{
    if (!c)
        return;
    tables_close(c->tables);
    lock_fini(&c->mu);
    mem_free(c->path);
    mem_free(c);
}

/* ---- the library ---- */

static bool beside_program(const char *from_there, char path[PATH_BYTES])
{
    ssize_t len = readlink("/proc/self/exe", path, PATH_BYTES - 64);
    if (len <= 0)
        return false;
    path[len] = '\0';
    char *slash = strrchr(path, '/');
    snprintf(slash + 1, 64, "%s" LIBRARY, from_there);
    return access(path, R_OK) == 0;
}

static enum status load(const char *path, const struct columnar_library **out, struct fault *f)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    columnar_entry *entry = NULL;
    if (handle)
        *(void **)&entry = dlsym(handle, "sluice_columnar"); /* as POSIX's page of dlsym has it */
    const struct columnar_library *library = entry ? entry() : NULL;
    if (library && library->version == COLUMNAR_VERSION) {
        trace(TRACE_INFO, "delivery", "%s is loaded: %s", path, library->name);
        *out = library;
        return OK;
    }
    fault_set(f, UNSUPPORTED, "%s: %s", path,
              !handle  ? dlerror()
              : !entry ? "it is not the library that writes columns"
                       : "it belongs to another version of this program");
    if (handle)
        dlclose(handle);
    return UNSUPPORTED;
}

static enum status find_and_load(const struct conversions *c, const struct columnar_library **out,
                                 struct fault *f)
{
    char path[PATH_BYTES];
    if (c->path[0])
        return load(c->path, out, f);
    if (beside_program("", path) || beside_program("../lib/sluice/", path))
        return load(path, out, f);
    return fault_set(f, UNSUPPORTED, "%s is not beside the program", LIBRARY);
}

enum status conversions_library(struct conversions *c, const struct columnar_library **out,
                                struct fault *f)
{
    *out = NULL;
    if (!c)
        return fault_set(f, UNSUPPORTED, "this server converts no data formats");
    lock_take(&c->mu);
    enum status st = c->library ? OK : find_and_load(c, &c->library, f);
    *out = c->library;
    lock_drop(&c->mu);
    return st;
}

/* ---- tables ---- */

enum status conversions_columns(const struct conversions *c,
                                const struct firehose_schema_configuration *schema, struct arena *a,
                                struct bytes *out, struct fault *f)
{
    struct buf text;
    buf_init(&text, TABLES_FILE_BYTES_MAX);
    enum status st = tables_find(c ? c->tables : NULL, schema->database_name, schema->table_name,
                                 schema->version_id, &text);
    if (st == OK)
        *out = arena_copy(a, buf_view(&text));
    if (st == OK && !bytes_present(*out))
        st = NO_MEMORY;
    buf_fini(&text);
    if (st == NOT_FOUND)
        return fault_set(f, INVALID_ARGUMENT,
                         "This server does not know the table %.*s.%.*s of SchemaConfiguration: it "
                         "is not listed by --tables in such a version.",
                         BYTES_ARGS(schema->database_name), BYTES_ARGS(schema->table_name));
    return st == OK ? OK : fault_set(f, st, "no memory for a table's columns");
}
