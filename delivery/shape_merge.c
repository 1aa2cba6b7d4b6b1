/* shape_merge.c: a walk over one table of fields beside another. The names that differ are Firehose's own, and few. */
#include "delivery/shape_merge.h"

#include "base/must.h"

/* What is one thing under several names: as configured, as updated, as described. */
static const char *const same[][3] = {
    {"S3Configuration", "S3Update", "S3DestinationDescription"},
    {"S3BackupConfiguration", "S3BackupUpdate", "S3BackupDescription"},
    {"VpcConfiguration", "", "VpcConfigurationDescription"},
};

/* The place in `same` of a name, or -1. */
static int same_of(const char *name)
{
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        for (size_t j = 0; j < 3; j++)
            if (strcmp(same[i][j], name) == 0)
                return (int)i;
    return -1;
}

static const struct shape_field *counterpart(const struct shape *to, const char *name)
{
    int group = same_of(name);
    for (uint32_t i = 0; i < to->field_count; i++) {
        const struct shape_field *field = &to->fields[i];
        if (strcmp(field->name, name) == 0 || (group >= 0 && same_of(field->name) == group))
            return field;
    }
    return NULL;
}

static size_t member_bytes(enum shape_kind kind)
{
    switch (kind) {
    case SHAPE_STRING:
    case SHAPE_BLOB:
        return sizeof(struct bytes);
    case SHAPE_DOUBLE:
        return sizeof(struct opt_double);
    case SHAPE_STRUCTURE:
        return sizeof(void *);
    case SHAPE_LIST:
    case SHAPE_MAP:
        return sizeof(struct shape_list);
    default:
        return sizeof(struct opt_int);
    }
}

/* The structure a member points to. */
static void *pointee(const void *member)
{
    void *p;
    memcpy(&p, member, sizeof(p));
    return p;
}

/* M1: its own structure is made anew, so that one shared with something else stays as it is. */
static enum status merge_structure(const struct shape *to, void *to_member,
                                   const struct shape *from, const void *from_member,
                                   struct arena *arena)
{
    void *made = arena_zero(arena, to->size);
    const void *before = pointee(to_member);
    if (!made)
        return NO_MEMORY;
    if (before)
        memcpy(made, before, to->size);
    memcpy(to_member, &made, sizeof(made));
    return shape_merge(to, made, from, pointee(from_member), arena);
}

void shape_fill(const struct shape *s, void *to, const void *from)
{
    for (uint32_t i = 0; i < s->field_count; i++) {
        const struct shape_field *field = &s->fields[i];
        uint8_t *to_member = (uint8_t *)to + field->offset;
        const uint8_t *from_member = (const uint8_t *)from + field->offset;
        if (!shape_is_present(field->shape, from_member))
            continue;
        if (!shape_is_present(field->shape, to_member))
            memcpy(to_member, from_member, member_bytes(field->shape->kind));
        else if (field->shape->kind == SHAPE_STRUCTURE)
            shape_fill(field->shape, pointee(to_member), pointee(from_member));
    }
}

enum status shape_merge(const struct shape *to_shape, void *to, const struct shape *from_shape,
                        const void *from, struct arena *arena)
{
    for (uint32_t i = 0; i < from_shape->field_count; i++) {
        const struct shape_field *source = &from_shape->fields[i];
        const uint8_t *from_member = (const uint8_t *)from + source->offset;
        const struct shape_field *target = counterpart(to_shape, source->name);
        if (!target || !shape_is_present(source->shape, from_member))
            continue; /* M3 */
        uint8_t *to_member = (uint8_t *)to + target->offset;
        must(source->shape->kind == target->shape->kind);
        must(source->shape->kind != SHAPE_LIST || source->shape->element->kind != SHAPE_STRUCTURE ||
             source->shape->element == target->shape->element);
        if (source->shape == target->shape || source->shape->kind != SHAPE_STRUCTURE) {
            memcpy(to_member, from_member, member_bytes(source->shape->kind)); /* M2 */
            continue;
        }
        enum status st =
            merge_structure(target->shape, to_member, source->shape, from_member, arena);
        if (st != OK)
            return st;
    }
    return OK;
}
