/* time_zone.c: reads the files under /usr/share/zoneinfo.
 *
 * The C library knows one zone a process (TZ), and setting it is a matter of all threads. A delivery stream has its own. So the files, which Debian's tzdata
 * keeps in step with IANA, are read here: 64-bit transitions (version 2 of RFC 8536 or later), and for what comes after the last of them the rule in the footer (a POSIX
 * TZ string). Debian's files hold transitions until 2037, so the rule is for later ones, and for a system whose files are "slim".
 *
 * Z1. Any bytes are read without harm: all counts are held against the length first.
 * Z2. What is open is in memory whole, and never changes. */
#include "delivery/time_zone.h"

#include "base/file.h"
#include "base/limits.h"
#include "base/mem.h"
#include "delivery/time_zone_internal.h"

#include <stdio.h>

enum { HEADER_BYTES = 44, TYPE_BYTES = 6, FILE_BYTES_MAX = 256 * 1024, TRANSITIONS_MAX = 16384 };

struct zone_type {
    int32_t offset_s;
    uint8_t name; /* place in `names` */
};

struct time_zone {
    char name[TIME_ZONE_NAME_BYTES_MAX + 1];
    struct bytes times;  /* transitions: 8 bytes each */
    struct bytes chosen; /* a type each */
    struct bytes types, names;
    struct zone_rule rule; /* of what comes after */
    size_t len;
    uint8_t file[];
};

static uint32_t u32_at(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static int64_t i64_at(const uint8_t *p)
{
    return (int64_t)((uint64_t)u32_at(p) << 32 | u32_at(p + 4));
}

struct header {
    uint8_t version;
    uint32_t utc_count, std_count, leap_count, time_count, type_count, name_bytes;
};

static bool header_read(struct bytes b, struct header *h)
{
    if (b.len < HEADER_BYTES || memcmp(b.at, "TZif", 4) != 0)
        return false;
    h->version = b.at[4];
    h->utc_count = u32_at(b.at + 20);
    h->std_count = u32_at(b.at + 24);
    h->leap_count = u32_at(b.at + 28);
    h->time_count = u32_at(b.at + 32);
    h->type_count = u32_at(b.at + 36);
    h->name_bytes = u32_at(b.at + 40);
    return h->time_count <= TRANSITIONS_MAX && h->type_count >= 1 && h->type_count <= 256 &&
           h->name_bytes >= 1 && h->name_bytes <= 4096 && h->utc_count <= 256 &&
           h->std_count <= 256 && h->leap_count <= 4096;
}

static size_t body_bytes(const struct header *h, size_t time_bytes)
{
    return h->time_count * (time_bytes + 1) + h->type_count * TYPE_BYTES + h->name_bytes +
           h->leap_count * (time_bytes + 4) + h->std_count + h->utc_count;
}

static struct bytes cut(struct bytes *rest, size_t len)
{
    struct bytes piece = bytes_of(rest->at, len);
    *rest = bytes_of(rest->at + len, rest->len - len);
    return piece;
}

/* Z1: what is chosen and named exists, and times grow. */
static bool is_sound(const struct time_zone *z)
{
    size_t types = z->types.len / TYPE_BYTES;
    if (z->names.at[z->names.len - 1] != 0)
        return false;
    for (size_t i = 0; i < types; i++) {
        int32_t offset = (int32_t)u32_at(z->types.at + i * TYPE_BYTES);
        if (z->types.at[i * TYPE_BYTES + 5] >= z->names.len || offset < -93600 || offset > 93600)
            return false;
    }
    for (size_t i = 0; i < z->chosen.len; i++) {
        if (z->chosen.at[i] >= types)
            return false;
        if (i > 0 && i64_at(z->times.at + 8 * i) <= i64_at(z->times.at + 8 * (i - 1)))
            return false;
    }
    return true;
}

static bool lay_out(struct time_zone *z)
{
    struct bytes rest = bytes_of(z->file, z->len);
    struct header h;
    if (!header_read(rest, &h) || h.version < '2')
        return false;
    size_t first = HEADER_BYTES + body_bytes(&h, 4);
    if (rest.len < first)
        return false;
    (void)cut(&rest, first);
    if (!header_read(rest, &h) || rest.len < HEADER_BYTES + body_bytes(&h, 8))
        return false;
    (void)cut(&rest, HEADER_BYTES);
    z->times = cut(&rest, h.time_count * 8);
    z->chosen = cut(&rest, h.time_count);
    z->types = cut(&rest, h.type_count * TYPE_BYTES);
    z->names = cut(&rest, h.name_bytes);
    (void)cut(&rest, h.leap_count * 12 + h.std_count + h.utc_count);
    if (rest.len < 2 || rest.at[0] != '\n' || rest.at[rest.len - 1] != '\n')
        return false;
    return is_sound(z) && zone_rule_parse(bytes_of(rest.at + 1, rest.len - 2), &z->rule);
}

enum status time_zone_parse(struct bytes file, struct bytes name, struct time_zone **out,
                            struct fault *f)
{
    *out = NULL;
    struct time_zone *z = mem_try(sizeof(*z) + file.len);
    if (!z)
        return fault_set(f, NO_MEMORY, "no memory for a time zone");
    *z = (struct time_zone){.len = file.len};
    if (file.len)
        memcpy(z->file, file.at, file.len);
    snprintf(z->name, sizeof(z->name), "%.*s", BYTES_ARGS(name));
    if (name.len > TIME_ZONE_NAME_BYTES_MAX || !lay_out(z)) {
        mem_free(z);
        return fault_set(f, CORRUPT, "the file of time zone %.*s is not one", BYTES_ARGS(name));
    }
    *out = z;
    return OK;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Names are paths; only such as the database has are looked for: letters first, and after each slash something. */
static bool name_is_fine(struct bytes name)
{
    if (name.len < 1 || name.len > TIME_ZONE_NAME_BYTES_MAX || !is_letter(name.at[0]))
        return false;
    for (size_t i = 1; i < name.len; i++) {
        uint8_t c = name.at[i];
        if (c == '/' && (i + 1 == name.len || name.at[i - 1] == '/'))
            return false;
        if (!is_letter(c) && !(c && memchr("0123456789_-+/", c, 14)))
            return false;
    }
    return true;
}

enum status time_zone_open(struct bytes name, struct time_zone **out, struct fault *f)
{
    *out = NULL;
    if (!name_is_fine(name))
        return fault_set(f, INVALID_ARGUMENT, "%.*s is not a time zone", BYTES_ARGS(name));
    char path[128];
    snprintf(path, sizeof(path), "/usr/share/zoneinfo/%.*s", BYTES_ARGS(name));
    struct buf file;
    buf_init(&file, FILE_BYTES_MAX);
    enum status st = file_read(path, &file, NULL);
    if (st == OK)
        st = time_zone_parse(buf_view(&file), name, out, f);
    else if (st != NO_MEMORY)
        st = fault_set(f, INVALID_ARGUMENT, "%.*s is not a time zone", BYTES_ARGS(name));
    buf_fini(&file);
    return st;
}

void time_zone_free(struct time_zone *z)
{
    mem_free(z);
}

const char *time_zone_name(const struct time_zone *z)
{
    return z ? z->name : "UTC";
}

static void moment_of_type(const struct time_zone *z, size_t type, struct time_zone_moment *out)
{
    const uint8_t *at = z->types.at + type * TYPE_BYTES;
    out->offset_s = (int32_t)u32_at(at);
    snprintf(out->abbreviation, sizeof(out->abbreviation), "%s", (const char *)z->names.at + at[5]);
}

void time_zone_at(const struct time_zone *z, int64_t unix_s, struct time_zone_moment *out)
{
    *out = (struct time_zone_moment){.abbreviation = "UTC"};
    if (!z)
        return;
    size_t low = 0, high = z->chosen.len; /* the number of transitions at or before the instant */
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (i64_at(z->times.at + 8 * mid) <= unix_s)
            low = mid + 1;
        else
            high = mid;
    }
    if (low == z->chosen.len && z->rule.given)
        zone_rule_at(&z->rule, unix_s, out);
    else
        moment_of_type(z, low == 0 ? 0 : z->chosen.at[low - 1], out);
}
