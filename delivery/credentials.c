/* credentials.c: see the header. */
#include "delivery/credentials.h"

#include "base/buf.h"
#include "base/file.h"

#include <stdio.h>
#include <stdlib.h>

void credentials_wipe(struct credentials *c)
{
    explicit_bzero(c, sizeof(*c));
}

/* False: it does not fit, or holds what no header may hold (a secret with a space in it is as good as any: it is in none). */
static bool put(char *out, size_t room, struct bytes value)
{
    if (value.len >= room)
        return false;
    for (size_t i = 0; i < value.len; i++)
        if (value.at[i] < ' ' || value.at[i] > '~')
            return false;
    memcpy(out, value.at, value.len);
    out[value.len] = '\0';
    return true;
}

/* ---- the file ---- */

static struct bytes take_line(struct bytes *rest)
{
    const uint8_t *end = memchr(rest->at, '\n', rest->len);
    size_t len = end ? (size_t)(end - rest->at) : rest->len;
    struct bytes line = bytes_of(rest->at, len);
    size_t taken = len + (end != NULL);
    *rest = bytes_of(rest->at + taken, rest->len - taken);
    if (line.len && line.at[line.len - 1] == '\r')
        line.len--;
    return bytes_trim(line);
}

static bool put_line(struct credentials *out, struct bytes line)
{
    const uint8_t *equals = memchr(line.at, '=', line.len);
    if (!equals)
        return true;
    size_t before = (size_t)(equals - line.at);
    struct bytes name = bytes_trim(bytes_of(line.at, before));
    struct bytes value = bytes_trim(bytes_of(equals + 1, line.len - before - 1));
    if (bytes_equal(name, BYTES_LITERAL("aws_access_key_id")))
        return put(out->access_key, sizeof(out->access_key), value);
    if (bytes_equal(name, BYTES_LITERAL("aws_secret_access_key")))
        return put(out->secret_key, sizeof(out->secret_key), value);
    if (bytes_equal(name, BYTES_LITERAL("aws_session_token")))
        return put(out->token, sizeof(out->token), value);
    return true;
}

enum status credentials_parse(struct bytes file, struct bytes profile, struct credentials *out,
                              struct fault *f)
{
    credentials_wipe(out);
    bool inside = false, found = false, fine = true;
    while (file.len && fine) {
        struct bytes line = take_line(&file);
        if (line.len == 0 || line.at[0] == '#' || line.at[0] == ';')
            continue;
        if (line.at[0] == '[') {
            bool closed = line.at[line.len - 1] == ']' && line.len >= 2;
            inside =
                closed && bytes_equal(bytes_trim(bytes_of(line.at + 1, line.len - 2)), profile);
            found = found || inside;
        } else if (inside) {
            fine = put_line(out, line);
        }
    }
    if (!found)
        return fault_set(f, NOT_FOUND, "the credentials file has no profile %.*s",
                         BYTES_ARGS(profile));
    if (fine && out->access_key[0] && out->secret_key[0])
        return OK;
    credentials_wipe(out);
    return fault_set(f, INVALID_VALUE,
                     "profile %.*s of the credentials file is not an access key and its secret",
                     BYTES_ARGS(profile));
}

static enum status from_file(const char *path, const char *profile, struct credentials *out,
                             struct fault *f)
{
    struct buf file;
    buf_init(&file, CREDENTIALS_FILE_BYTES_MAX);
    enum status st = file_read(path, &file, f);
    if (st == OK)
        st = credentials_parse(buf_view(&file), bytes_text(profile), out, f);
    else
        st = fault_set(f, NOT_FOUND,
                       "there are no credentials for S3: none in the settings, none in "
                       "AWS_ACCESS_KEY_ID, and no file %s",
                       path);
    if (file.at)
        explicit_bzero(file.at, file.len);
    buf_fini(&file);
    return st;
}

/* ---- */

static const char *of_process(const char *name)
{
    return getenv(name); /* nothing in the program changes the environment */
}

static const char *variable(const struct credentials_from *from, const char *name)
{
    const char *text = from->variable ? from->variable(name) : of_process(name);
    return text ? text : "";
}

static enum status put_all(const char *key, const char *secret, const char *token,
                           const char *where, struct credentials *out, struct fault *f)
{
    if (put(out->access_key, sizeof(out->access_key), bytes_text(key)) &&
        put(out->secret_key, sizeof(out->secret_key), bytes_text(secret)) &&
        put(out->token, sizeof(out->token), bytes_text(token)) && out->secret_key[0])
        return OK;
    credentials_wipe(out);
    return fault_set(f, INVALID_VALUE, "%s are not an access key and its secret", where);
}

enum status credentials_find(const struct credentials_from *from, struct credentials *out,
                             struct fault *f)
{
    credentials_wipe(out);
    if (from->access_key && from->access_key[0])
        return put_all(from->access_key, from->secret_key ? from->secret_key : "", "",
                       "the settings for S3", out, f);
    const char *key = variable(from, "AWS_ACCESS_KEY_ID");
    if (key[0])
        return put_all(key, variable(from, "AWS_SECRET_ACCESS_KEY"),
                       variable(from, "AWS_SESSION_TOKEN"), "AWS_ACCESS_KEY_ID and its like", out,
                       f);
    const char *file = variable(from, "AWS_SHARED_CREDENTIALS_FILE");
    const char *profile = variable(from, "AWS_PROFILE");
    char path[4096];
    if (file[0])
        snprintf(path, sizeof(path), "%s", file);
    else
        snprintf(path, sizeof(path), "%s/.aws/credentials", variable(from, "HOME"));
    return from_file(path, profile[0] ? profile : "default", out, f);
}
