/* profile.c: see the header. Nothing is kept: each question walks the file, which has some tens of lines. Thread: any. */
#include "wire/profile.h"

#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>

static const char *of_process(const char *name)
{
    return getenv(name); /* who changes the environment meanwhile has no threads */
}

const char *profile_variable(profile_variable_fn *variable, const char *name)
{
    const char *text = variable ? variable(name) : of_process(name);
    return text ? text : "";
}

void profile_path(enum profile_file which, profile_variable_fn *variable,
                  char out[PROFILE_PATH_BYTES])
{
    static const struct {
        const char *place, *name;
    } files[] = {{"AWS_SHARED_CREDENTIALS_FILE", "credentials"}, {"AWS_CONFIG_FILE", "config"}};
    const char *place = profile_variable(variable, files[which].place);
    if (place[0])
        snprintf(out, PROFILE_PATH_BYTES, "%s", place);
    else
        snprintf(out, PROFILE_PATH_BYTES, "%s/.aws/%s", profile_variable(variable, "HOME"),
                 files[which].name);
}

enum status profile_read(enum profile_file which, profile_variable_fn *variable, struct buf *out,
                         struct fault *f)
{
    char path[PROFILE_PATH_BYTES];
    profile_path(which, variable, path);
    buf_init(out, PROFILE_FILE_BYTES_MAX);
    return file_read(path, out, f);
}

/* ---- lines ---- */

/* Not trimmed at its beginning. */
static struct bytes take_line(struct bytes *rest)
{
    const uint8_t *end = memchr(rest->at, '\n', rest->len);
    size_t len = end ? (size_t)(end - rest->at) : rest->len;
    struct bytes line = bytes_of(rest->at, len);
    size_t taken = len + (end != NULL);
    *rest = bytes_of(rest->at + taken, rest->len - taken);
    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    return line;
}

static bool heads(enum profile_file which, struct bytes line, struct bytes profile)
{
    static const struct bytes word = BYTES_LITERAL("profile");
    if (line.len < 2 || line.at[line.len - 1] != ']')
        return false;
    struct bytes name = bytes_trim(bytes_of(line.at + 1, line.len - 2));
    bool worded = which == PROFILE_CONFIG && bytes_starts_with(name, word) && name.len > word.len &&
                  (name.at[word.len] == ' ' || name.at[word.len] == '\t');
    if (worded)
        name = bytes_trim(bytes_of(name.at + word.len, name.len - word.len));
    else if (which == PROFILE_CONFIG && !bytes_equal(name, BYTES_LITERAL("default")))
        return false;
    return bytes_equal(name, profile);
}

/* The next line of the profile, trimmed; false at the end. */
static bool next_line(enum profile_file which, struct bytes *rest, struct bytes profile,
                      bool *inside, bool *found, struct bytes *out)
{
    while (rest->len) {
        struct bytes raw = take_line(rest), line = bytes_trim(raw);
        bool nested = which == PROFILE_CONFIG && line.at != raw.at;
        if (line.len == 0 || line.at[0] == '#' || line.at[0] == ';')
            continue;
        if (line.at[0] == '[') {
            *inside = heads(which, line, profile);
            *found = *found || *inside;
        } else if (*inside && !nested) {
            *out = line;
            return true;
        }
    }
    return false;
}

bool profile_is_in(enum profile_file which, struct bytes file, struct bytes profile)
{
    bool inside = false, found = false;
    struct bytes line;
    while (!found && next_line(which, &file, profile, &inside, &found, &line)) {
    }
    return found;
}

struct bytes profile_value(enum profile_file which, struct bytes file, struct bytes profile,
                           struct bytes name)
{
    bool inside = false, found = false;
    struct bytes line, value = BYTES_NONE;
    while (next_line(which, &file, profile, &inside, &found, &line)) {
        const uint8_t *equals = memchr(line.at, '=', line.len);
        if (!equals)
            continue;
        size_t before = (size_t)(equals - line.at);
        if (bytes_equal(bytes_trim(bytes_of(line.at, before)), name))
            value = bytes_trim(bytes_of(equals + 1, line.len - before - 1));
    }
    return value;
}
