/* bulk_answer.c: {"errors": true, "items": [{"index": {"status": 400, "error": {"type": "...", "reason": "..."}}}, ...]}, one item for each
 * action, in order. The name of the action ("index") is whatever the cluster says it was. Thread: any. */
#include "delivery/bulk.h"

#include <jansson.h>
#include <stdio.h>

enum { WHY_BYTES = 256 };

/* False: not an item. */
static bool read_item(json_t *wrapped, struct bulk_item *out, char why[WHY_BYTES])
{
    void *first = json_object_iter(wrapped);
    json_t *item = first != NULL ? json_object_iter_value(first) : NULL;
    json_t *status = json_object_get(item, "status");
    json_t *error = json_object_get(item, "error");
    const char *type = json_string_value(json_object_get(error, "type"));
    const char *reason = json_string_value(json_object_get(error, "reason"));
    if (!json_is_integer(status) || json_integer_value(status) < 100 ||
        json_integer_value(status) > 599)
        return false;
    why[0] = '\0';
    if (type != NULL || reason != NULL)
        snprintf(why, WHY_BYTES, "%s: %s", type != NULL ? type : "error",
                 reason != NULL ? reason : "");
    else if (json_is_string(error)) /* Elasticsearch 1 */
        snprintf(why, WHY_BYTES, "%s", json_string_value(error));
    *out = (struct bulk_item){.status = (int)json_integer_value(status), .why = why};
    return true;
}

enum status bulk_answer_read(struct bytes answer, uint32_t count,
                             void (*each)(void *arg, uint32_t place, const struct bulk_item *item),
                             void *arg)
{
    json_error_t error;
    json_t *root = json_loadb((const char *)answer.at, answer.len, 0, &error);
    json_t *items = json_object_get(root, "items");
    enum status st = json_is_array(items) && json_array_size(items) == count ? OK : MALFORMED;
    char why[WHY_BYTES];
    struct bulk_item item;
    for (uint32_t i = 0; st == OK && i < count; i++) { /* all of it, before anything is believed */
        if (!read_item(json_array_get(items, i), &item, why))
            st = MALFORMED;
    }
    for (uint32_t i = 0; st == OK && i < count; i++) {
        if (read_item(json_array_get(items, i), &item, why))
            each(arg, i, &item);
    }
    json_decref(root);
    return st;
}
