/* row_store.c: see the header. */
#include "shards/row_store.h"

#include "base/file.h"
#include "base/mem.h"
#include "shards/store_wal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { WRITE_BUFFER_BYTES = 1 << 20 };

/* "Corruption: block checksum mismatch" has "lock" in it, too. */
enum status leveldb_status(const char *error)
{
    return strstr(error, "No space left") ? NO_SPACE
           : strstr(error, "orruption")   ? CORRUPT
           : strstr(error, "no memory")   ? NO_MEMORY
           : strstr(error, "lock ")       ? IN_USE
                                          : IO_FAILED;
}

enum status row_store_fault(const struct row_store *r, char *error, const char *what,
                            struct fault *f)
{
    enum status st = leveldb_status(error);
    fault_set(f, st, "%s: %s: %s", r->what, what, error);
    leveldb_free(error);
    return st;
}

enum status row_store_reopen(struct row_store *r, struct fault *f)
{
    char *error = NULL;
    enum status st = wal_mend(r->folder, f);
    if (st != OK)
        return st;
    r->db = leveldb_open(r->options, r->folder, &error);
    return error ? row_store_fault(r, error, "it cannot be opened", f) : OK;
}

enum status row_store_open(struct row_store *r, const char *what, const char *folder,
                           struct fault *f)
{
    *r = (struct row_store){.what = what, .folder = mem_strdup(folder)};
    r->options = leveldb_options_create();
    leveldb_options_set_create_if_missing(r->options, 1);
    leveldb_options_set_paranoid_checks(r->options, 1);
    leveldb_options_set_write_buffer_size(r->options, WRITE_BUFFER_BYTES);
    r->synced = leveldb_writeoptions_create();
    leveldb_writeoptions_set_sync(r->synced, 1);
    r->checked = leveldb_readoptions_create();
    leveldb_readoptions_set_verify_checksums(r->checked, 1);
    enum status st = folder_make(folder, f);
    return st == OK ? row_store_reopen(r, f) : st;
}

void row_store_close(struct row_store *r)
{
    if (r->db)
        leveldb_close(r->db);
    r->db = NULL;
}

void row_store_fini(struct row_store *r)
{
    row_store_close(r);
    leveldb_options_destroy(r->options);
    leveldb_writeoptions_destroy(r->synced);
    leveldb_readoptions_destroy(r->checked);
    mem_free(r->folder);
}

enum status row_store_write(struct row_store *r, leveldb_writebatch_t *batch, struct fault *f)
{
    char *error = NULL;
    leveldb_write(r->db, r->synced, batch, &error);
    return error ? row_store_fault(r, error, "a change could not be written", f) : OK;
}

enum status row_store_check_format(struct row_store *r, int format, struct fault *f)
{
    static const char key[] = "meta/format";
    char *error = NULL, first[32];
    size_t len;
    char *row = leveldb_get(r->db, r->checked, key, sizeof(key) - 1, &len, &error);
    if (error)
        return row_store_fault(r, error, "it cannot be read", f);
    if (!row) {
        snprintf(first, sizeof(first), "{\"format\":%d}", format);
        leveldb_writebatch_t *batch = leveldb_writebatch_create();
        leveldb_writebatch_put(batch, key, sizeof(key) - 1, first, strlen(first));
        enum status st = row_store_write(r, batch, f);
        leveldb_writebatch_destroy(batch);
        return st;
    }
    json_t *object = json_loadb(row, len, 0, NULL);
    json_int_t found = json_integer_value(json_object_get(object, "format"));
    json_decref(object);
    leveldb_free(row);
    if (found == format)
        return OK;
    return fault_set(f, found ? UNSUPPORTED : CORRUPT,
                     "%s: this folder has format %" JSON_INTEGER_FORMAT
                     ", and this program knows only %d",
                     r->what, found, format);
}
