/* target.c: a table for each service, made of its .def; and what must be there for it to be served. */
#include "api/target.h"

#include "wire/model/firehose.h"
#include "wire/model/sluice.h"

static const struct operation_row kinesis_rows[] = {
#define OPERATION(name, index, handler)                                                            \
    {BYTES_LITERAL(#name), &kinesis_operations[KINESIS_OP_##index], handler, SERVICE_KINESIS},
#include "api/operations.def"
#undef OPERATION
};

static const struct operation_row firehose_rows[] = {
#define OPERATION(name, index, handler)                                                            \
    {BYTES_LITERAL(#name), &firehose_operations[FIREHOSE_OP_##index], handler, SERVICE_FIREHOSE},
#include "api/delivery_operations.def"
#undef OPERATION
};

/* Of our own. Those about faults are there only when faults may be injected. */
static const struct operation_row fault_rows[] = {
    {BYTES_LITERAL("GetFaultRules"), &sluice_operations[SLUICE_OP_GET_FAULT_RULES],
     op_get_fault_rules, SERVICE_SLUICE},
    {BYTES_LITERAL("PutFaultRules"), &sluice_operations[SLUICE_OP_PUT_FAULT_RULES],
     op_put_fault_rules, SERVICE_SLUICE},
};
static const struct operation_row delivery_rows[] = {
    {BYTES_LITERAL("FlushDeliveryStream"), &sluice_operations[SLUICE_OP_FLUSH_DELIVERY_STREAM],
     op_flush_delivery, SERVICE_SLUICE},
};
static const struct operation_row group_rows[] = {
#define OPERATION(name, index, handler)                                                            \
    {BYTES_LITERAL(#name), &sluice_operations[SLUICE_OP_##index], handler, SERVICE_SLUICE},
    OPERATION(CommitConsumerGroup, COMMIT_CONSUMER_GROUP, op_commit_group)
        OPERATION(CreateConsumerGroup, CREATE_CONSUMER_GROUP, op_create_group)
            OPERATION(DeleteConsumerGroup, DELETE_CONSUMER_GROUP, op_delete_group)
                OPERATION(DescribeConsumerGroup, DESCRIBE_CONSUMER_GROUP, op_describe_group)
                    OPERATION(HeartbeatConsumerGroup, HEARTBEAT_CONSUMER_GROUP, op_heartbeat_group)
                        OPERATION(JoinConsumerGroup, JOIN_CONSUMER_GROUP, op_join_group) OPERATION(
                            LeaveConsumerGroup, LEAVE_CONSUMER_GROUP, op_leave_group)
                            OPERATION(ListConsumerGroups, LIST_CONSUMER_GROUPS, op_list_groups)
                                OPERATION(ResetConsumerGroup, RESET_CONSUMER_GROUP, op_reset_group)
#undef OPERATION
};

static bool always(const struct service *s)
{
    (void)s;
    return true;
}

static bool with_deliveries(const struct service *s)
{
    return s->deliveries != NULL;
}

static bool with_faults(const struct service *s)
{
    return s->inject != NULL;
}

static bool with_groups(const struct service *s)
{
    return s->groups != NULL;
}

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static const struct target {
    struct bytes prefix;
    const struct operation_row *rows;
    size_t count;
    bool (*is_served)(const struct service *);
} targets[] = {
    {BYTES_LITERAL("Kinesis_20131202."), kinesis_rows, COUNT(kinesis_rows), always},
    {BYTES_LITERAL("Firehose_20150804."), firehose_rows, COUNT(firehose_rows), with_deliveries},
    {BYTES_LITERAL(SLUICE_TARGET_PREFIX "."), group_rows, COUNT(group_rows), with_groups},
    {BYTES_LITERAL(SLUICE_TARGET_PREFIX "."), fault_rows, COUNT(fault_rows), with_faults},
    {BYTES_LITERAL(SLUICE_TARGET_PREFIX "."), delivery_rows, COUNT(delivery_rows), with_deliveries},
};
enum { PLACED_TARGETS = 3 }; /* the first of them */

static const struct operation_row *row_of(const struct target *t, struct bytes name)
{
    for (size_t i = 0; i < t->count; i++)
        if (bytes_equal(t->rows[i].name, name))
            return &t->rows[i];
    return NULL;
}

const struct operation_row *target_row(const struct service *s, struct bytes target)
{
    const struct operation_row *row = NULL;
    for (size_t i = 0; i < COUNT(targets) && !row && bytes_present(target); i++) {
        const struct target *t = &targets[i];
        if (bytes_starts_with(target, t->prefix) && t->is_served(s))
            row = row_of(t, bytes_of(target.at + t->prefix.len, target.len - t->prefix.len));
    }
    return row;
}

size_t target_places(void)
{
    size_t count = 0;
    for (size_t i = 0; i < PLACED_TARGETS; i++)
        count += targets[i].count;
    return count;
}

bool target_place(const struct operation_row *row, size_t *place)
{
    *place = 0;
    for (size_t i = 0; i < PLACED_TARGETS; i++) {
        const struct target *t = &targets[i];
        if ((uintptr_t)row - (uintptr_t)t->rows < t->count * sizeof(*row)) {
            *place += (size_t)(row - t->rows);
            return true;
        }
        *place += t->count;
    }
    return false;
}

const struct operation_row *target_row_at(size_t place)
{
    size_t i = 0;
    while (place >= targets[i].count)
        place -= targets[i++].count;
    return &targets[i].rows[place];
}
