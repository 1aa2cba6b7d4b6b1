/* process_query.c: see the header. A pass over the tokens with a stack of brackets; libjq itself says whether the whole is a program.
 *
 * Left out although it does not loop: `*` (a string times a number is as long as one likes), `-` between values and an index that is a
 * value (both take quadratic time on arrays), regular expressions (their time may be exponential). */
#include "delivery/process_query.h"

static const char *const query_words[] = {"if",  "then", "elif", "else", "end",
                                          "and", "or",   "as",   "try",  "catch"};
static const char *const query_functions[] = {
    "not",
    "true",
    "false",
    "null",
    "empty",
    "error",
    "length",
    "type",
    "has",
    "first",
    "last",
    "select",
    "tonumber",
    "ascii_downcase",
    "ascii_upcase",
    "split",
    "startswith",
    "endswith",
    "ltrimstr",
    "rtrimstr",
    "floor",
    "sqrt",
    "fromjson",
    "strftime",
    "strptime",
    "gmtime",
    "mktime",
    "todate",
    "todateiso8601",
    "fromdate",
    "fromdateiso8601",
    "objects",
    "strings",
    "numbers",
    "values",
};
static const char *const query_growing[] = {"tostring", "tojson"};
static const char *const query_formats[] = {"text", "json", "uri", "base64", "base64d"};

enum token { START, VALUE, WORD, OPERATOR, OPEN, COMMA };

struct scan {
    struct bytes text;
    size_t at;
    enum token before;
    char brackets[QUERY_DEPTH_MAX]; /* ( [ { and s: an interpolation, in a string */
    uint32_t depth;
    uint32_t growth, objects;
    struct query_keys *keys;
    struct fault *f;
};

static enum status refuse(const struct scan *s, const char *what)
{
    return fault_set(s->f, INVALID_ARGUMENT,
                     "MetadataExtractionQuery: this server does not run queries with %s.", what);
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

static char bracket(const struct scan *s)
{
    return s->depth ? s->brackets[s->depth - 1] : 0;
}

static bool is_letter(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}
static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_one_of(struct bytes name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(name, bytes_text(names[i])))
            return true;
    return false;
}
#define IS_ONE_OF(name, names) is_one_of(name, names, sizeof(names) / sizeof(names[0]))

static enum status grow(struct scan *s)
{
    return ++s->growth > QUERY_GROWTH_MAX ? refuse(s, "more than 8 of + and what makes text") : OK;
}

static enum status push(struct scan *s, char c)
{
    if (s->depth == QUERY_DEPTH_MAX)
        return refuse(s, "so many brackets in one another");
    s->brackets[s->depth++] = c;
    s->before = OPEN;
    return OK;
}

static bool is_key_place(const struct scan *s)
{
    return bracket(s) == '{' && (s->before == OPEN || s->before == COMMA);
}

static enum status add_key(struct scan *s, struct bytes name)
{
    if (s->keys->count == QUERY_KEYS_MAX)
        return refuse(s, "more than 64 keys");
    s->keys->at[s->keys->count++] = name;
    s->before = VALUE;
    return OK;
}

static struct bytes take_name(struct scan *s)
{
    size_t begin = s->at;
    while (is_letter(peek(s, 0)) || is_digit(peek(s, 0)))
        s->at++;
    return bytes_of(s->text.at + begin, s->at - begin);
}

/* Behind the opening quote, or behind an interpolation. */
static enum status take_text(struct scan *s)
{
    bool is_key = is_key_place(s);
    size_t begin = s->at;
    for (; s->at < s->text.len; s->at++) {
        if (peek(s, 0) == '"') {
            struct bytes whole = bytes_of(s->text.at + begin, s->at++ - begin);
            s->before = VALUE;
            return is_key ? add_key(s, whole) : OK;
        }
        if (peek(s, 0) != '\\')
            continue;
        if (is_key)
            return refuse(s, "escapes in the names of keys");
        s->at++;
        if (peek(s, 0) != '(')
            continue;
        if (bracket(s) == '[')
            return refuse(s, "an index that is a value");
        s->at++;
        enum status st = grow(s);
        return st == OK ? push(s, 's') : st;
    }
    return malformed(s);
}

static enum status take_word(struct scan *s)
{
    struct bytes name = take_name(s);
    if (peek(s, 0) == ':' && peek(s, 1) == ':')
        return refuse(s, "modules");
    if (is_key_place(s))
        return add_key(s, name);
    s->before = VALUE;
    if (IS_ONE_OF(name, query_words)) {
        s->before = bytes_equal(name, BYTES_LITERAL("end")) ? VALUE : WORD;
        return OK;
    }
    if (IS_ONE_OF(name, query_growing))
        return grow(s);
    if (IS_ONE_OF(name, query_functions))
        return OK;
    return fault_set(s->f, INVALID_ARGUMENT,
                     "MetadataExtractionQuery: this server does not run queries with %.*s.",
                     BYTES_ARGS(name));
}

/* A path's step, or a variable, or a format. */
static enum status take_dot(struct scan *s)
{
    s->at++;
    if (peek(s, 0) == '.')
        return refuse(s, "..");
    if (is_letter(peek(s, 0)))
        (void)take_name(s);
    s->before = VALUE;
    return OK;
}

static enum status take_variable(struct scan *s)
{
    bool is_key = is_key_place(s);
    s->at++;
    struct bytes name = take_name(s);
    if (bytes_equal(name, BYTES_LITERAL("ENV")) || bytes_starts_with(name, BYTES_LITERAL("__")))
        return refuse(s, "the environment");
    s->before = VALUE;
    return is_key ? add_key(s, name) : OK;
}

static enum status take_format(struct scan *s)
{
    s->at++;
    struct bytes name = take_name(s);
    if (!IS_ONE_OF(name, query_formats) || is_key_place(s))
        return refuse(s, "formats other than @text, @json, @uri, @base64 and @base64d");
    s->before = VALUE;
    return grow(s);
}

static enum status take_open(struct scan *s)
{
    char c = (char)peek(s, 0);
    s->at++;
    if (c == '{')
        return ++s->objects > 1 ? refuse(s, "more than one object") : push(s, c);
    if (c == '(')
        return is_key_place(s) ? refuse(s, "keys that are computed") : push(s, c);
    if (s->before != VALUE)
        return refuse(s, "arrays");
    while (peek(s, 0) == ' ')
        s->at++;
    return peek(s, 0) == ']' ? refuse(s, "[]") : push(s, c);
}

static enum status take_close(struct scan *s)
{
    char c = (char)peek(s, 0);
    static const char opens[] = {[')'] = '(', [']'] = '[', ['}'] = '{'};
    char open = bracket(s);
    s->at++;
    if (s->depth == 0)
        return malformed(s);
    s->depth--;
    s->before = VALUE;
    if (open == 's' && c == ')')
        return take_text(s);
    return open == opens[(unsigned char)c] ? OK : malformed(s);
}

/* Operators that are taken, the longer ones first. */
static enum status take_operator(struct scan *s)
{
    static const char *const taken[] = {"==", "!=", "<=", ">=", "//", "|", "<",
                                        ">",  "+",  "-",  "/",  "%",  "?", ":"};
    static const char *const refused[] = {"?//", "//=", "|=", "+=", "-=", "*=", "/=", "%=", "::"};
    struct bytes rest = bytes_of(s->text.at + s->at, s->text.len - s->at);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
        if (bytes_starts_with(rest, bytes_text(refused[i])))
            return refuse(s, refused[i]);
    for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
        if (!bytes_starts_with(rest, bytes_text(taken[i])))
            continue;
        char c = taken[i][0];
        if (c == '-' && s->before == VALUE)
            return refuse(s, "- between values");
        s->at += strlen(taken[i]);
        s->before = c == '?' ? VALUE : OPERATOR;
        return c == '+' ? grow(s) : OK;
    }
    const char name[] = {(char)peek(s, 0), 0};
    return (uint8_t)name[0] > ' ' && (uint8_t)name[0] < 0x7f ? refuse(s, name) : malformed(s);
}

static enum status take_comma(struct scan *s)
{
    s->at++;
    s->before = COMMA;
    return bracket(s) == '{' ? OK : refuse(s, ", outside of the object");
}

static enum status take_number(struct scan *s)
{
    while (is_digit(peek(s, 0)) || (peek(s, 0) == '.' && is_digit(peek(s, 1))))
        s->at++;
    s->before = VALUE;
    return is_letter(peek(s, 0)) ? refuse(s, "numbers with letters") : OK;
}

/* Inside of [ ]: numbers, plain strings and a colon. */
static bool may_index(uint8_t c)
{
    return is_digit(c) || c == '"' || c == ':' || c == '-' || c == ']';
}

static enum status take_string(struct scan *s)
{
    s->at++;
    return take_text(s);
}

static enum status take_space(struct scan *s)
{
    s->at++;
    return OK;
}

/* By what a token begins with. */
static const struct {
    const char *first;
    enum status (*take)(struct scan *s);
} starts[] = {
    {" \t\n\r", take_space}, {".", take_dot},    {"\"", take_string}, {"$", take_variable},
    {"@", take_format},      {"([{", take_open}, {")]}", take_close}, {",", take_comma},
};

static enum status take_token(struct scan *s)
{
    uint8_t c = peek(s, 0);
    bool is_space = c != 0 && strchr(" \t\n\r", c) != NULL;
    if (bracket(s) == '[' && !is_space && !may_index(c))
        return refuse(s, "an index that is a value");
    if (is_digit(c))
        return take_number(s);
    if (is_letter(c))
        return take_word(s);
    for (size_t i = 0; c != 0 && i < sizeof(starts) / sizeof(starts[0]); i++)
        if (strchr(starts[i].first, c))
            return starts[i].take(s);
    return take_operator(s);
}

enum status query_scan(struct bytes text, struct query_keys *keys, struct fault *f)
{
    struct scan s = {.text = text, .keys = keys, .f = f};
    keys->count = 0;
    enum status st = OK;
    while (st == OK && s.at < text.len)
        st = take_token(&s);
    if (st == OK && s.depth > 0)
        st = malformed(&s);
    return st;
}
