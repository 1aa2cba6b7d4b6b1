/* process_query.c: see the header. A pass over the tokens with a stack of brackets, since words count as such outside of strings, fields
 * (.now) and keys ({now: ...}), and inside of interpolations. */
#include "delivery/process_query.h"

/* `debug` and `stderr` would change nothing, and say it where nobody reads. */
static const char *const refused_words[] = {
    "now",    "env",     "input", "inputs", "input_filename", "input_line_number",
    "import", "include", "debug", "stderr", "modulemeta",     "get_search_list",
};
static const char *const refused_variables[] = {"ENV", "__prog_args"};

struct scan {
    struct bytes text;
    size_t at;
    bool key_place;                 /* the next token is a key of an object */
    char brackets[QUERY_DEPTH_MAX]; /* ( [ { and s: an interpolation, in a string */
    uint32_t depth;
    struct query_keys *keys;
    struct fault *f;
};

static enum status refuse(const struct scan *s, struct bytes what)
{
    return fault_set(s->f, INVALID_ARGUMENT,
                     "MetadataExtractionQuery: this server does not run queries with %.*s.",
                     BYTES_ARGS(what));
}

static enum status malformed(const struct scan *s)
{
    return fault_set(s->f, INVALID_ARGUMENT,
                     "MetadataExtractionQuery is not a valid JQ 1.6 expression.");
}

static uint8_t peek(const struct scan *s, size_t more)
{
    return s->at + more < s->text.len ? s->text.at[s->at + more] : 0;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_one_of(struct bytes name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(name, bytes_text(names[i])))
            return true;
    return false;
}
#define IS_ONE_OF(name, names) is_one_of(name, names, sizeof(names) / sizeof(names[0]))

static enum status push(struct scan *s, char c)
{
    if (s->depth == QUERY_DEPTH_MAX)
        return refuse(s, BYTES_LITERAL("so many brackets in one another"));
    s->brackets[s->depth++] = c;
    s->key_place = c == '{';
    return OK;
}

static enum status add_key(struct scan *s, struct bytes name)
{
    if (s->keys->count == QUERY_KEYS_MAX)
        return refuse(s, BYTES_LITERAL("more than 256 keys"));
    s->keys->at[s->keys->count++] = name;
    s->key_place = false;
    return OK;
}

static struct bytes take_name(struct scan *s)
{
    size_t begin = s->at;
    while (is_letter(peek(s, 0)) || (peek(s, 0) >= '0' && peek(s, 0) <= '9'))
        s->at++;
    return bytes_of(s->text.at + begin, s->at - begin);
}

/* Behind the opening quote, or behind an interpolation. */
static enum status take_text(struct scan *s)
{
    bool is_key = s->key_place;
    size_t begin = s->at;
    s->key_place = false;
    for (; s->at < s->text.len; s->at++) {
        if (peek(s, 0) == '"') {
            struct bytes whole = bytes_of(s->text.at + begin, s->at++ - begin);
            return is_key ? add_key(s, whole) : OK;
        }
        if (peek(s, 0) != '\\')
            continue;
        s->keys->computed = s->keys->computed || is_key;
        is_key = false;
        s->at++;
        if (peek(s, 0) != '(')
            continue;
        s->at++;
        return push(s, 's');
    }
    return malformed(s);
}

static enum status take_string(struct scan *s)
{
    s->at++;
    return take_text(s);
}

static enum status take_word(struct scan *s)
{
    struct bytes name = take_name(s);
    if (s->key_place)
        return add_key(s, name);
    if (peek(s, 0) == ':' && peek(s, 1) == ':')
        return refuse(s, BYTES_LITERAL("modules"));
    return IS_ONE_OF(name, refused_words) ? refuse(s, name) : OK;
}

static enum status take_field(struct scan *s)
{
    s->at++;
    (void)take_name(s);
    return OK;
}

static enum status take_variable(struct scan *s)
{
    s->at++;
    struct bytes name = take_name(s);
    if (IS_ONE_OF(name, refused_variables))
        return refuse(s, BYTES_LITERAL("the environment"));
    return s->key_place ? add_key(s, name) : OK;
}

static enum status take_format(struct scan *s)
{
    s->at++;
    (void)take_name(s);
    s->keys->computed = s->keys->computed || s->key_place;
    s->key_place = false;
    return OK;
}

static enum status take_comment(struct scan *s)
{
    while (s->at < s->text.len && peek(s, 0) != '\n')
        s->at++;
    return OK;
}

static enum status take_open(struct scan *s)
{
    s->keys->computed = s->keys->computed || s->key_place;
    return push(s, (char)s->text.at[s->at++]);
}

static enum status take_close(struct scan *s)
{
    static const char opens[] = {[')'] = '(', [']'] = '[', ['}'] = '{'};
    char c = (char)s->text.at[s->at++];
    s->key_place = false;
    if (s->depth == 0)
        return malformed(s);
    char open = s->brackets[--s->depth];
    if (open == 's' && c == ')')
        return take_text(s);
    return open == opens[(unsigned char)c] ? OK : malformed(s);
}

static enum status take_comma(struct scan *s)
{
    s->at++;
    s->key_place = s->depth > 0 && s->brackets[s->depth - 1] == '{';
    return OK;
}

/* By what a token begins with; all others are of no concern. */
static const struct {
    const char *first;
    enum status (*take)(struct scan *s);
} starts[] = {
    {".", take_field},  {"\"", take_string}, {"$", take_variable}, {"@", take_format},
    {"([{", take_open}, {")]}", take_close}, {",", take_comma},    {"#", take_comment},
};

static enum status take_token(struct scan *s)
{
    uint8_t c = peek(s, 0);
    if (is_letter(c))
        return take_word(s);
    for (size_t i = 0; c != 0 && i < sizeof(starts) / sizeof(starts[0]); i++)
        if (strchr(starts[i].first, c))
            return starts[i].take(s);
    s->at++;
    return c != 0 ? OK : malformed(s);
}

enum status query_scan(struct bytes text, struct query_keys *keys, struct fault *f)
{
    struct scan s = {.text = text, .keys = keys, .f = f};
    *keys = (struct query_keys){0};
    enum status st = OK;
    while (st == OK && s.at < text.len)
        st = take_token(&s);
    if (st == OK && s.depth > 0)
        st = malformed(&s);
    /* without an object of its own it may give the record, or a part of it */
    keys->computed = keys->computed || keys->count == 0;
    return st;
}
