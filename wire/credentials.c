/* credentials.c: see the header. */
#include "wire/credentials.h"

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
    if (value.len > 0)
        memcpy(out, value.at, value.len);
    out[value.len] = '\0';
    return true;
}

/* False, and wiped: not an access key and its secret. */
static bool put_all(struct bytes key, struct bytes secret, struct bytes token,
                    struct credentials *out)
{
    if (put(out->access_key, sizeof(out->access_key), key) &&
        put(out->secret_key, sizeof(out->secret_key), secret) &&
        put(out->token, sizeof(out->token), token) && key.len && secret.len)
        return true;
    credentials_wipe(out);
    return false;
}

enum status credentials_parse(enum profile_file which, struct bytes file, struct bytes profile,
                              struct credentials *out, struct fault *f)
{
    credentials_wipe(out);
    if (!profile_is_in(which, file, profile))
        return fault_set(f, NOT_FOUND, "the credentials file has no profile %.*s",
                         BYTES_ARGS(profile));
    struct bytes key = profile_value(which, file, profile, BYTES_LITERAL("aws_access_key_id"));
    struct bytes secret =
        profile_value(which, file, profile, BYTES_LITERAL("aws_secret_access_key"));
    struct bytes token = profile_value(which, file, profile, BYTES_LITERAL("aws_session_token"));
    if (which == PROFILE_CONFIG && !bytes_present(key) && !bytes_present(secret))
        return fault_set(f, NOT_FOUND, "profile %.*s of the config file has no access key",
                         BYTES_ARGS(profile));
    if (put_all(key, secret, token, out))
        return OK;
    return fault_set(f, INVALID_VALUE,
                     "profile %.*s of the credentials file is not an access key and its secret",
                     BYTES_ARGS(profile));
}

static enum status from_file(const struct credentials_from *from, enum profile_file which,
                             const char *profile, struct credentials *out, struct fault *f)
{
    struct buf file;
    enum status st = profile_read(which, from->variable, &file, f);
    if (st == OK) {
        st = credentials_parse(which, buf_view(&file), bytes_text(profile), out, f);
    } else if (st != NO_MEMORY) {
        char path[PROFILE_PATH_BYTES];
        profile_path(which, from->variable, path);
        st = fault_set(f, NOT_FOUND,
                       "there are no credentials: none in %s, none in AWS_ACCESS_KEY_ID, and no "
                       "file %.1024s",
                       from->said_where, path);
    }
    if (file.at)
        explicit_bzero(file.at, file.len);
    buf_fini(&file);
    return st;
}

static enum status from_texts(const char *key, const char *secret, const char *token,
                              const char *where, struct credentials *out, struct fault *f)
{
    if (put_all(bytes_text(key), bytes_text(secret), bytes_text(token), out))
        return OK;
    return fault_set(f, INVALID_VALUE, "%s are not an access key and its secret", where);
}

enum status credentials_find(const struct credentials_from *from, struct credentials *out,
                             struct fault *f)
{
    credentials_wipe(out);
    if (from->access_key && from->access_key[0])
        return from_texts(from->access_key, from->secret_key, from->token, from->said_where, out,
                          f);
    const char *key = profile_variable(from->variable, "AWS_ACCESS_KEY_ID");
    if (key[0])
        return from_texts(key, profile_variable(from->variable, "AWS_SECRET_ACCESS_KEY"),
                          profile_variable(from->variable, "AWS_SESSION_TOKEN"),
                          "AWS_ACCESS_KEY_ID and its like", out, f);
    const char *profile =
        from->profile ? from->profile : profile_variable(from->variable, "AWS_PROFILE");
    if (!profile[0])
        profile = "default";
    enum status st = from_file(from, PROFILE_CREDENTIALS, profile, out, f);
    if (st != NOT_FOUND || !from->with_config)
        return st;
    struct fault unheard; /* what the first file lacks is the better reason */
    enum status second = from_file(from, PROFILE_CONFIG, profile, out, &unheard);
    return second == OK || second == NO_MEMORY ? second : st;
}
