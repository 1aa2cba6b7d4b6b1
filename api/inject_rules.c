/* inject_rules.c: from text to rules that can be held against a request.
 *
 *   text -> JSON, for the line of what is wrong -> every member known and of its kind -> struct, by the model -> bounds, by the model
 *   -> what only makes sense together
 *
 * On the wire, members that nobody knows are passed over. In a file written by hand such a member is a slip of the pen, and a rule
 * without it would do something else than was meant: so it is refused.
 *
 * I1. A set holds only rules that are whole: one action each, names that exist, bounds kept.
 *
 * Thread: any. */
#include "api/inject_rules.h"

#include "api/target.h"

#include "base/limits.h"
#include "base/mem.h"
#include "shards/stream_view.h"
#include "wire/check.h"
#include "wire/json.h"

#include <jansson.h>
#include <stdio.h>

enum { ARENA_BYTES_MAX = 4 * INJECT_BYTES_MAX, PATH_BYTES = 128 };

/* ---- members and their kinds ---- */

static const char *kind_name(enum shape_kind kind)
{
    switch (kind) {
    case SHAPE_INTEGER:
    case SHAPE_LONG:
        return "a whole number";
    case SHAPE_DOUBLE:
        return "a number";
    case SHAPE_BOOLEAN:
        return "true or false";
    case SHAPE_STRUCTURE:
        return "an object";
    case SHAPE_LIST:
        return "a list";
    default:
        return "a text";
    }
}

static bool is_of_kind(const json_t *value, enum shape_kind kind)
{
    switch (kind) {
    case SHAPE_INTEGER:
    case SHAPE_LONG:
        return json_is_integer(value);
    case SHAPE_DOUBLE:
        return json_is_number(value);
    case SHAPE_BOOLEAN:
        return json_is_boolean(value);
    case SHAPE_STRUCTURE:
        return json_is_object(value);
    case SHAPE_LIST:
        return json_is_array(value);
    default:
        return json_is_string(value);
    }
}

/* As deep as the model's shapes are, which is not very. */
static enum status check_members(const json_t *value, const struct shape *s, const char *path,
                                 struct fault *f)
{
    char inner[PATH_BYTES];
    const char *name;
    json_t *member;
    size_t i;
    if (!is_of_kind(value, s->kind))
        return fault_set(f, MALFORMED, "%s must be %s", *path ? path : "it", kind_name(s->kind));
    if (s->kind == SHAPE_STRUCTURE) {
        json_object_foreach((json_t *)(uintptr_t)value, name, member)
        {
            uint32_t hint = 0;
            const struct shape_field *field = shape_field_find(s, bytes_text(name), &hint);
            if (!field)
                return fault_set(f, INVALID_VALUE, "%s%sthere is no member \"%.64s\"", path,
                                 *path ? ": " : "", name);
            snprintf(inner, sizeof(inner), "%s%s%s", path, *path ? "." : "", name);
            enum status st = check_members(member, field->shape, inner, f);
            if (st != OK)
                return st;
        }
    } else if (s->kind == SHAPE_LIST) {
        json_array_foreach(value, i, member)
        {
            snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
            enum status st = check_members(member, s->element, inner, f);
            if (st != OK)
                return st;
        }
    }
    return OK;
}

static enum status check_text(struct bytes json, struct fault *f)
{
    json_error_t error;
    if (json.len > INJECT_BYTES_MAX)
        return fault_set(f, TOO_LARGE, "rules may be %llu bytes, and these are %zu",
                         INJECT_BYTES_MAX, json.len);
    json_t *root = json_loadb((const char *)json.at, json.len, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        return fault_set(f, MALFORMED, "line %d: %s", error.line, error.text);
    enum status st = check_members(root, &shape_sluice_put_fault_rules_input, "", f);
    json_decref(root);
    return st;
}

/* ---- what only makes sense together ---- */

/* Errors of no operation in particular, and their HTTP status where it is not 400. */
static const struct common_error {
    const char *name;
    int http_status;
} common_errors[] = {
    {"AccessDeniedException", 400},
    {"ExpiredTokenException", 400},
    {"IncompleteSignatureException", 400},
    {"InternalFailure", 500},
    {"InternalFailureException", 500},
    {"InvalidSignatureException", 400},
    {"MissingAuthenticationTokenException", 400},
    {"RequestTimeoutException", 400},
    {"SerializationException", 400},
    {"ServiceUnavailable", 503},
    {"ServiceUnavailableException", 503},
    {"ThrottlingException", 400},
    {"UnknownOperationException", 400},
    {"UnrecognizedClientException", 400},
    {"ValidationException", 400},
};

/* Every operation that a rule may name; NULL behind them. */
static const struct operation_model *known(size_t i)
{
    return i < target_places() ? target_row_at(i)->model : NULL;
}

/* The HTTP status that goes with an error's name; 0: there is no such error. */
static int error_status(struct bytes name)
{
    for (size_t i = 0; i < sizeof(common_errors) / sizeof(*common_errors); i++)
        if (bytes_equal(bytes_text(common_errors[i].name), name))
            return common_errors[i].http_status;
    for (size_t i = 0; known(i); i++)
        for (const char *const *error = known(i)->errors; *error; error++)
            if (bytes_equal(bytes_text(*error), name))
                return 400;
    return 0;
}

static enum status take_operation(struct inject_rule *r, uint32_t index, struct fault *f)
{
    struct bytes name = r->said->operation;
    for (size_t i = 0; bytes_present(name) && !r->operation && known(i); i++)
        if (bytes_equal(bytes_text(known(i)->name), name))
            r->operation = known(i);
    if (bytes_present(name) && !r->operation)
        return fault_set(f, INVALID_ARGUMENT, "Rules[%u].Operation: there is no operation %.*s",
                         index, BYTES_ARGS(name));
    return OK;
}

static bool is_put(const struct operation_model *operation)
{
    return operation == &kinesis_operations[KINESIS_OP_PUT_RECORD] ||
           operation == &kinesis_operations[KINESIS_OP_PUT_RECORDS];
}

static enum status take_shard(struct inject_rule *r, uint32_t index, struct fault *f)
{
    uint32_t shard;
    r->shard = SHARD_NONE;
    if (!bytes_present(r->said->shard_id))
        return OK;
    if (!shard_id_parse(r->said->shard_id, &shard))
        return fault_set(f, INVALID_ARGUMENT, "Rules[%u].ShardId: %.*s is no shard", index,
                         BYTES_ARGS(r->said->shard_id));
    r->shard = shard;
    if (is_put(r->operation) && r->action != INJECT_THROTTLE)
        return fault_set(f, INVALID_ARGUMENT,
                         "Rules[%u].ShardId: puts name no shard; by shard they can only be "
                         "throttled",
                         index);
    return OK;
}

/* I1. */
static enum status take_action(struct inject_rule *r, uint32_t index, struct fault *f)
{
    const struct sluice_fault_rule *said = r->said;
    bool throttle = said->throttle.present && said->throttle.value;
    bool drop = bytes_present(said->drop);
    if ((said->error != NULL) + (said->latency != NULL) + throttle + drop != 1)
        return fault_set(f, INVALID_ARGUMENT,
                         "Rules[%u]: a rule does one thing: Error, Latency, Throttle or Drop",
                         index);
    if (throttle)
        r->action = INJECT_THROTTLE;
    if (drop)
        r->action =
            shape_enum_index(&shape_sluice_drop_point, said->drop) == SLUICE_DROP_POINT_BEFORE
                ? INJECT_DROP_BEFORE
                : INJECT_DROP_AFTER;
    if (said->latency) {
        const struct sluice_fault_latency *latency = said->latency;
        r->action = INJECT_LATENCY;
        r->latency_least_ms = (uint32_t)latency->min_ms.value;
        r->latency_most_ms =
            latency->max_ms.present ? (uint32_t)latency->max_ms.value : r->latency_least_ms;
        if (r->latency_most_ms < r->latency_least_ms)
            return fault_set(f, INVALID_ARGUMENT, "Rules[%u].Latency: MaxMs is less than MinMs",
                             index);
    }
    if (said->error) {
        r->action = INJECT_ERROR;
        r->http_status = error_status(said->error->name);
        if (r->http_status == 0)
            return fault_set(f, INVALID_ARGUMENT, "Rules[%u].Error.Name: there is no error %.*s",
                             index, BYTES_ARGS(said->error->name));
        if (said->error->http_status.present)
            r->http_status = (int)said->error->http_status.value;
    }
    return OK;
}

static enum status take_rule(struct inject_rule *r, const struct sluice_fault_rule *said,
                             uint32_t index, struct fault *f)
{
    double probability = said->probability.present ? said->probability.value : 1;
    r->said = said;
    r->millionths = (uint32_t)(probability * 1e6 + 0.5); /* 0 to 1: it was checked */
    r->seed = said->seed.present ? (uint64_t)said->seed.value : index;
    r->times = said->times.present ? (uint64_t)said->times.value : UINT64_MAX;
    enum status st = take_operation(r, index, f);
    if (st == OK)
        st = take_action(r, index, f);
    if (st == OK)
        st = take_shard(r, index, f);
    return st;
}

/* ---- the set ---- */

static enum status read_rules(struct inject_rules *rules, struct bytes json, struct fault *f)
{
    const struct shape *shape = &shape_sluice_put_fault_rules_input;
    struct sluice_put_fault_rules_input *said = arena_zero(&rules->arena, sizeof(*said));
    struct bytes text = arena_copy(&rules->arena, json); /* decoding overwrites it */
    if (!said || !bytes_present(text))
        return fault_set(f, NO_MEMORY, "no memory for the rules");
    enum status st =
        json_decode(shape, (uint8_t *)(uintptr_t)text.at, text.len, &rules->arena, said, f);
    if (st == MALFORMED) /* jansson lets NUL bytes pass, for one */
        return fault_set(f, MALFORMED, "it is not JSON");
    if (st == OK)
        st = check(shape, said, f);
    if (st != OK)
        return st;
    rules->said = said;
    rules->at = arena_zero(&rules->arena, (said->rules.count + 1) * sizeof(*rules->at));
    if (!rules->at)
        return fault_set(f, NO_MEMORY, "no memory for the rules");
    for (; rules->count < said->rules.count && st == OK; rules->count++)
        st = take_rule(&rules->at[rules->count], &said->rules.at[rules->count], rules->count, f);
    return st;
}

enum status inject_rules_parse(struct bytes json, struct inject_rules **out, struct fault *f)
{
    *out = NULL;
    enum status st = check_text(json, f);
    if (st != OK)
        return st;
    struct inject_rules *rules = MEM_NEW(struct inject_rules);
    atomic_store(&rules->refs, 1);
    arena_init(&rules->arena, ARENA_BYTES_MAX);
    st = read_rules(rules, json, f);
    if (st == OK)
        *out = rules;
    else
        inject_rules_unref(rules);
    return st;
}

struct inject_rules *inject_rules_ref(struct inject_rules *r)
{
    atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
    return r;
}

void inject_rules_unref(struct inject_rules *r)
{
    if (!r || atomic_fetch_sub(&r->refs, 1) != 1)
        return;
    arena_fini(&r->arena);
    mem_free(r);
}
