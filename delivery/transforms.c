/* transforms.c: see the header. */
#include "delivery/transforms.h"

#include "base/buf.h"
#include "base/file.h"
#include "base/mem.h"
#include "wire/uri.h"

#include <jansson.h>
#include <stdio.h>

struct transforms {
    struct transform_target *at;
    size_t count;
    char *endpoint; /* without a slash at its end; NULL: none */
};

/* ---- reading ---- */

static bool is_http(const char *url)
{
    struct uri uri;
    struct fault f;
    return url && strlen(url) < TRANSFORM_URL_BYTES / 2 &&
           uri_parse(bytes_text(url), &uri, &f) == OK &&
           (bytes_equal(uri.scheme, BYTES_LITERAL("http")) ||
            bytes_equal(uri.scheme, BYTES_LITERAL("https")));
}

static enum status read_command(struct transform_target *t, const json_t *words, struct fault *f)
{
    size_t count = json_array_size(words);
    if (count == 0 || count > TRANSFORM_WORDS_MAX)
        return fault_set(f, INVALID_VALUE, "transform %s: command is not a list of 1 to %d texts",
                         t->name, TRANSFORM_WORDS_MAX);
    t->command = mem_must((count + 1) * sizeof(char *));
    for (size_t i = 0; i < count; i++) {
        const char *word = json_string_value(json_array_get(words, i));
        if (!word)
            return fault_set(f, INVALID_VALUE, "transform %s: command is not a list of texts",
                             t->name);
        t->command[i] = mem_strdup(word);
    }
    return OK;
}

static enum status read_target(struct transform_target *t, const json_t *row, struct fault *f)
{
    const json_t *url = json_object_get(row, "url"), *command = json_object_get(row, "command");
    const json_t *seconds = json_object_get(row, "timeoutSeconds");
    size_t known = (size_t)((url != NULL) + (command != NULL) + (seconds != NULL));
    if (json_object_size(row) != known || (url != NULL) == (command != NULL))
        return fault_set(f, INVALID_VALUE,
                         "transform %s: it has either url or command, and timeoutSeconds if wanted",
                         t->name);
    json_int_t s = seconds ? json_integer_value(seconds) : TRANSFORM_TIMEOUT_MS / 1000;
    if (s < 1 || s > TRANSFORM_TIMEOUT_MS / 1000)
        return fault_set(f, INVALID_VALUE, "transform %s: timeoutSeconds is not 1 to %d", t->name,
                         TRANSFORM_TIMEOUT_MS / 1000);
    t->timeout_ms = (uint64_t)s * 1000;
    if (command)
        return read_command(t, command, f);
    if (!is_http(json_string_value(url)))
        return fault_set(f, INVALID_VALUE, "transform %s: url is not an http or https URL",
                         t->name);
    t->url = mem_strdup(json_string_value(url));
    return OK;
}

static enum status read_all(struct transforms *t, json_t *root, struct fault *f)
{
    size_t count = json_object_size(root);
    if (!json_is_object(root) || count > TRANSFORMS_MAX)
        return fault_set(f, INVALID_VALUE, "the file of transforms is not an object of at most %d",
                         TRANSFORMS_MAX);
    t->at = mem_must((count + 1) * sizeof(*t->at));
    enum status st = OK;
    const char *name;
    json_t *row;
    json_object_foreach(root, name, row)
    {
        if (st != OK)
            break;
        t->at[t->count].name = mem_strdup(name);
        st = read_target(&t->at[t->count++], row, f);
    }
    return st;
}

static enum status read_file(struct transforms *t, const char *path, struct fault *f)
{
    struct buf text;
    buf_init(&text, TRANSFORMS_FILE_BYTES_MAX);
    enum status st = file_read(path, &text, f);
    if (st == OK) {
        json_error_t why;
        json_t *root = json_loadb((const char *)text.at, text.len, JSON_REJECT_DUPLICATES, &why);
        st = root ? read_all(t, root, f)
                  : fault_set(f, INVALID_VALUE, "%s, line %d: %s", path, why.line, why.text);
        json_decref(root);
    }
    buf_fini(&text);
    return st;
}

enum status transforms_open(const char *file, const char *endpoint, struct transforms **out,
                            struct fault *f)
{
    struct transforms *t = MEM_NEW(struct transforms);
    enum status st = OK;
    if (endpoint && endpoint[0]) {
        st = is_http(endpoint)
                 ? OK
                 : fault_set(f, INVALID_VALUE, "--lambda-endpoint is not an http or https URL");
        t->endpoint = mem_strdup(endpoint);
        for (size_t len = strlen(endpoint); len > 0 && t->endpoint[len - 1] == '/'; len--)
            t->endpoint[len - 1] = '\0';
    }
    if (st == OK && file && file[0])
        st = read_file(t, file, f);
    if (st != OK) {
        transforms_close(t);
        t = NULL;
    }
    *out = t;
    return st;
}

void transforms_close(struct transforms *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->count; i++) {
        for (size_t k = 0; t->at[i].command && t->at[i].command[k]; k++)
            mem_free(t->at[i].command[k]);
        mem_free(t->at[i].command);
        mem_free(t->at[i].url);
        mem_free(t->at[i].name);
    }
    mem_free(t->at);
    mem_free(t->endpoint);
    mem_free(t);
}

/* ---- finding ---- */

static bool is_name(struct bytes name)
{
    for (size_t i = 0; i < name.len; i++) {
        uint8_t c = name.at[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
            c != '-' && c != '_' && c != '$')
            return false;
    }
    return name.len > 0 && name.len <= TRANSFORM_NAME_BYTES_MAX;
}

/* Up to the next colon; absent at the end. */
static struct bytes take_part(struct bytes *rest)
{
    if (!bytes_present(*rest))
        return BYTES_NONE;
    const uint8_t *colon = rest->len ? memchr(rest->at, ':', rest->len) : NULL;
    size_t len = colon ? (size_t)(colon - rest->at) : rest->len;
    struct bytes part = bytes_of(rest->at, len);
    *rest = colon ? bytes_of(colon + 1, rest->len - len - 1) : BYTES_NONE;
    return part;
}

struct bytes transform_name(struct bytes arn, struct bytes *qualifier)
{
    struct bytes rest = arn, parts[7];
    for (size_t i = 0; i < 7; i++)
        parts[i] = take_part(&rest);
    *qualifier = rest;
    bool fine = bytes_equal(parts[0], BYTES_LITERAL("arn")) &&
                bytes_equal(parts[2], BYTES_LITERAL("lambda")) &&
                bytes_equal(parts[5], BYTES_LITERAL("function")) && is_name(parts[6]) &&
                (!bytes_present(rest) || is_name(rest));
    return fine ? parts[6] : BYTES_NONE;
}

enum status transforms_find(const struct transforms *t, struct bytes arn,
                            struct transform_target *out, char url[TRANSFORM_URL_BYTES])
{
    struct bytes qualifier, name = transform_name(arn, &qualifier);
    if (!t || !bytes_present(name))
        return NOT_FOUND;
    for (size_t i = 0; i < t->count; i++) {
        if (bytes_equal(name, bytes_text(t->at[i].name))) {
            *out = t->at[i];
            return OK;
        }
    }
    if (!t->endpoint)
        return NOT_FOUND;
    struct buf escaped;
    buf_init(&escaped, 4 * TRANSFORM_NAME_BYTES_MAX);
    if (bytes_present(qualifier)) {
        buf_append_text(&escaped, "?Qualifier=");
        uri_escape(&escaped, qualifier, false);
    }
    snprintf(url, TRANSFORM_URL_BYTES, "%s/2015-03-31/functions/%.*s/invocations%.*s", t->endpoint,
             BYTES_ARGS(name), (int)escaped.len, escaped.len ? (const char *)escaped.at : "");
    buf_fini(&escaped);
    *out = (struct transform_target){
        .url = url, .is_lambda = true, .timeout_ms = TRANSFORM_TIMEOUT_MS};
    return OK;
}
