/* command_table.c: every command with its arguments, options, request and examples. docs/CLI.md is held to it by a test. */
#include "cli/ask.h"
#include "cli/commands.h"

#include <sluice/firehose.h>
#include <sluice/kinesis.h>
#include <sluice/service.h>

#define STREAM                                                                                     \
    {                                                                                              \
        .name = "STREAM", .member = "StreamName"                                                   \
    }
#define DELIVERY                                                                                   \
    {                                                                                              \
        .name = "NAME", .member = "DeliveryStreamName"                                             \
    }
#define ARGUMENTS(...) ((const struct argument[]){__VA_ARGS__, {0}})
#define OPTIONS(...)   ((const struct option[]){__VA_ARGS__, {0}})
#define COLUMNS(...)   ((const struct column[]){__VA_ARGS__, {0}})
#define ASK(...)       (&(const struct ask){__VA_ARGS__})
#define SWITCH(n, m, w)                                                                            \
    {                                                                                              \
        .name = (n), .kind = OPTION_SWITCH, .member = (m), .what = (w)                             \
    }
#define TEXT(n, v, m, w)                                                                           \
    {                                                                                              \
        .name = (n), .value = (v), .kind = OPTION_TEXT, .member = (m), .what = (w)                 \
    }
#define NUMBER(n, m, low, high, w)                                                                 \
    {                                                                                              \
        .name = (n), .value = "N", .kind = OPTION_NUMBER, .min = (low), .max = (high),             \
        .member = (m), .what = (w)                                                                 \
    }
#define WAIT SWITCH("wait", NULL, "come back when it is done")

#define RATE(w)      NUMBER("rate", NULL, 1, 1000000, "puts a second, each due at its time; " w)
#define CONNECTIONS  NUMBER("connections", NULL, 1, 64, "puts under way at once; 16 unless said")
#define RECORD_BYTES NUMBER("record-bytes", NULL, 20, 10485760, "of each record; 1024 unless said")
#define SECONDS(n)   NUMBER("seconds", NULL, 1, n, "how long; 10 unless said")

#define FROM "trim_horizon|latest|TIME|SEQUENCE"
#define FROM_WHAT                                                                                  \
    "where to begin: TIME as 2026-11-01T12:00:00Z or seconds since 1970; a sequence number goes "  \
    "with --shard"

const struct option common_options[] = {
    SWITCH("local", NULL,
           "the `sluice serve --dev` of this machine: http://127.0.0.1:4567, key dev/dev"),
    TEXT("endpoint", "URL", NULL,
         "the service's address; else AWS_ENDPOINT_URL and the like, or the profile's"),
    TEXT("region", "NAME", NULL, "else AWS_REGION, or the profile's"),
    TEXT("profile", "NAME", NULL, "of ~/.aws; else AWS_PROFILE, or default"),
    TEXT("ca-file", "FILE", NULL, "more certificate authorities to trust; else AWS_CA_BUNDLE"),
    SWITCH("json", NULL, "JSON lines, for programs"),
    {0},
};

const struct command command_table[] = {
    {.name = "put",
     .what = "puts each line of files or of standard input into a stream",
     .arguments = ARGUMENTS(STREAM, {.name = "FILE", .optional = true, .many = true}),
     .options = OPTIONS(
         TEXT("key", "COLUMN", NULL,
              "the partition key: a column's number (see --separator); with --jsonl a member's "
              "name"),
         TEXT("key-jq", "EXPR", NULL, "the partition key, by a jq expression over the line's JSON"),
         TEXT("key-fixed", "TEXT", NULL,
              "one partition key for all; without any of these each line has its own"),
         TEXT("separator", "TEXT", NULL, "what stands between columns: a tab, unless said"),
         SWITCH("jsonl", NULL, "each line must be JSON; one that is not fails"),
         SWITCH("aggregate", NULL, "packs records as the KPL does, for consumers that unpack them"),
         SWITCH("ordered", NULL, "keeps the order of lines in each shard"),
         SWITCH("idempotent", NULL, "a retry after a lost answer is stored once (Sluice's own)"),
         SWITCH("delivery", NULL,
                "STREAM is a delivery stream: by PutRecordBatch, each line with its newline")),
     .examples = "  echo hello | sluice put first --local\n"
                 "  sluice put orders --jsonl --key customer orders.jsonl\n"
                 "  journalctl -fo json | sluice put logs --key-jq ._HOSTNAME --aggregate\n",
     .run = put_run},
    {.name = "get",
     .what = "prints the records that are there, until the end",
     .arguments = ARGUMENTS(STREAM),
     .options = OPTIONS(
         TEXT("shard", "ID", NULL, "of this shard only"), TEXT("from", FROM, NULL, FROM_WHAT),
         NUMBER("max", NULL, 1, 0, "ends after so many records"),
         SWITCH("keep-aggregated", NULL,
                "aggregated records as they are stored, not as those that were put")),
     .examples = "  sluice get first --local\n"
                 "  sluice get orders --json --max 10 | jq .text\n",
     .run = read_run},
    {.name = "tail",
     .what = "prints records as they come, until Ctrl-C",
     .arguments = ARGUMENTS(STREAM),
     .options = OPTIONS(
         TEXT("shard", "ID", NULL, "of this shard only"), TEXT("from", FROM, NULL, FROM_WHAT),
         NUMBER("max", NULL, 1, 0, "ends after so many records"),
         SWITCH("keep-aggregated", NULL,
                "aggregated records as they are stored, not as those that were put")),
     .examples = "  sluice tail first --local\n"
                 "  sluice tail orders --from trim_horizon --json\n",
     .run = read_run},

    {.group = "stream",
     .name = "list",
     .what = "the streams",
     .examples = "  sluice stream list --local\n",
     .ask = ASK(.operation = &sluice_kinesis_list_streams_operation, .list = "StreamSummaries",
                .next_in = "NextToken", .token_alone = true,
                .columns = COLUMNS({"NAME", "StreamName"}, {"STATUS", "StreamStatus"},
                                   {"MODE", "StreamModeDetails.StreamMode"},
                                   {"CREATED", "StreamCreationTimestamp"}))},
    {.group = "stream",
     .name = "create",
     .what = "makes a stream",
     .arguments = ARGUMENTS(STREAM),
     .options = OPTIONS(
         NUMBER("shards", "ShardCount", 1, 0, "how many; 1 unless said"),
         TEXT("mode", "PROVISIONED|ON_DEMAND", "StreamModeDetails.StreamMode",
              "who counts the shards"),
         NUMBER("max-record-kib", "MaxRecordSizeInKiB", 1, 0, "how large a record may be"), WAIT),
     .examples = "  sluice stream create first --local --wait\n"
                 "  sluice stream create clicks --mode ON_DEMAND\n",
     .ask = ASK(.operation = &sluice_kinesis_create_stream_operation, .lacks = "StreamModeDetails",
                .then = "{\"ShardCount\":1}", .said = "is being created", .active = "ACTIVE")},
    {.group = "stream",
     .name = "delete",
     .what = "deletes a stream and all its records",
     .arguments = ARGUMENTS(STREAM),
     .options = OPTIONS(
         SWITCH("enforce", "EnforceConsumerDeletion", "its registered consumers too"), WAIT),
     .examples = "  sluice stream delete first --wait\n",
     .ask = ASK(.operation = &sluice_kinesis_delete_stream_operation, .said = "is being deleted",
                .active = "")},
    {.group = "stream",
     .name = "describe",
     .what = "what a stream is set to",
     .arguments = ARGUMENTS(STREAM),
     .examples = "  sluice stream describe first\n",
     .ask = ASK(.operation = &sluice_kinesis_describe_stream_summary_operation,
                .object = "StreamDescriptionSummary")},
    {.group = "stream",
     .name = "update-mode",
     .what = "who counts its shards: you, or the service",
     .arguments = ARGUMENTS(
         STREAM, {.name = "PROVISIONED|ON_DEMAND", .member = "StreamModeDetails.StreamMode"}),
     .options = OPTIONS(WAIT),
     .examples = "  sluice stream update-mode clicks ON_DEMAND\n",
     .ask = ASK(.operation = &sluice_kinesis_update_stream_mode_operation, .by_arn = true,
                .said = "is being updated", .active = "ACTIVE")},
    {.group = "stream",
     .name = "update-count",
     .what = "splits and merges until it has so many shards",
     .arguments =
         ARGUMENTS(STREAM, {.name = "SHARDS", .member = "TargetShardCount", .number = true}),
     .options = OPTIONS(WAIT),
     .examples = "  sluice stream update-count orders 4 --wait\n",
     .ask = ASK(.operation = &sluice_kinesis_update_shard_count_operation,
                .extra = "{\"ScalingType\":\"UNIFORM_SCALING\"}", .said = "is being updated",
                .active = "ACTIVE")},
    {.group = "stream",
     .name = "retention",
     .what = "how many hours it keeps records",
     .arguments = ARGUMENTS(STREAM, {.name = "HOURS", .number = true}),
     .options = OPTIONS(WAIT),
     .examples = "  sluice stream retention orders 168\n",
     .run = retention_run},
    {.group = "stream",
     .name = "encrypt",
     .what = "stores what comes from now on encrypted",
     .arguments = ARGUMENTS(STREAM),
     .options = OPTIONS(
         TEXT("key", "ID", "KeyId", "of a master key; alias/aws/kinesis unless said"), WAIT),
     .examples = "  sluice stream encrypt orders --wait\n",
     .ask = ASK(.operation = &sluice_kinesis_start_stream_encryption_operation,
                .extra = "{\"EncryptionType\":\"KMS\"}", .lacks = "KeyId",
                .then = "{\"KeyId\":\"alias/aws/kinesis\"}", .said = "is being updated",
                .active = "ACTIVE")},
    {.group = "stream",
     .name = "decrypt",
     .what = "stores what comes from now on as it is",
     .arguments = ARGUMENTS(STREAM),
     .options = OPTIONS(
         TEXT("key", "ID", "KeyId", "the master key in use; alias/aws/kinesis unless said"), WAIT),
     .examples = "  sluice stream decrypt orders --wait\n",
     .ask = ASK(.operation = &sluice_kinesis_stop_stream_encryption_operation,
                .extra = "{\"EncryptionType\":\"KMS\"}", .lacks = "KeyId",
                .then = "{\"KeyId\":\"alias/aws/kinesis\"}", .said = "is being updated",
                .active = "ACTIVE")},

    {.group = "shard",
     .name = "list",
     .what = "a stream's shards, those that were split or merged too",
     .arguments = ARGUMENTS(STREAM),
     .examples = "  sluice shard list orders\n",
     .ask = ASK(.operation = &sluice_kinesis_list_shards_operation, .list = "Shards",
                .next_in = "NextToken", .token_alone = true,
                .columns = COLUMNS({"SHARD", "ShardId"}, {"PARENT", "ParentShardId"},
                                   {"OTHER PARENT", "AdjacentParentShardId"},
                                   {"FIRST HASH", "HashKeyRange.StartingHashKey"},
                                   {"LAST HASH", "HashKeyRange.EndingHashKey"},
                                   {"ENDED AT", "SequenceNumberRange.EndingSequenceNumber"}))},
    {.group = "shard",
     .name = "split",
     .what = "makes two of a shard",
     .arguments = ARGUMENTS(STREAM, {.name = "SHARD"}),
     .options =
         OPTIONS(TEXT("at", "HASH", NULL, "where the second begins; the middle unless said"), WAIT),
     .examples = "  sluice shard split orders shardId-000000000000 --wait\n",
     .run = split_run},
    {.group = "shard",
     .name = "merge",
     .what = "makes one of two neighbours",
     .arguments = ARGUMENTS(STREAM, {.name = "SHARD", .member = "ShardToMerge"},
                            {.name = "NEIGHBOUR", .member = "AdjacentShardToMerge"}),
     .options = OPTIONS(WAIT),
     .examples = "  sluice shard merge orders shardId-000000000001 shardId-000000000002\n",
     .ask = ASK(.operation = &sluice_kinesis_merge_shards_operation, .said = "is being updated",
                .active = "ACTIVE")},

    {.group = "consumer",
     .name = "list",
     .what = "a stream's registered consumers (enhanced fan-out)",
     .arguments = ARGUMENTS(STREAM),
     .examples = "  sluice consumer list orders\n",
     .ask =
         ASK(.operation = &sluice_kinesis_list_stream_consumers_operation, .by_arn = true,
             .list = "Consumers", .next_in = "NextToken",
             .columns = COLUMNS({"NAME", "ConsumerName"}, {"STATUS", "ConsumerStatus"},
                                {"CREATED", "ConsumerCreationTimestamp"}, {"ARN", "ConsumerARN"}))},
    {.group = "consumer",
     .name = "register",
     .what = "registers one",
     .arguments = ARGUMENTS(STREAM, {.name = "CONSUMER", .member = "ConsumerName"}),
     .examples = "  sluice consumer register orders billing\n",
     .ask = ASK(.operation = &sluice_kinesis_register_stream_consumer_operation, .by_arn = true,
                .object = "Consumer")},
    {.group = "consumer",
     .name = "deregister",
     .what = "takes one off",
     .arguments = ARGUMENTS(STREAM, {.name = "CONSUMER", .member = "ConsumerName"}),
     .examples = "  sluice consumer deregister orders billing\n",
     .ask = ASK(.operation = &sluice_kinesis_deregister_stream_consumer_operation, .by_arn = true,
                .said = "loses that consumer")},
    {.group = "consumer",
     .name = "describe",
     .what = "one of them",
     .arguments = ARGUMENTS(STREAM, {.name = "CONSUMER", .member = "ConsumerName"}),
     .examples = "  sluice consumer describe orders billing\n",
     .ask = ASK(.operation = &sluice_kinesis_describe_stream_consumer_operation, .by_arn = true,
                .object = "ConsumerDescription")},

    {.group = "group",
     .name = "list",
     .what = "a stream's consumer groups",
     .arguments = ARGUMENTS(STREAM),
     .examples = "  sluice group list orders\n",
     .ask =
         ASK(.operation = &sluice_service_list_consumer_groups_operation, .list = "ConsumerGroups",
             .columns = COLUMNS({"NAME", "GroupName"}, {"MEMBERS", "MemberCount"},
                                {"CREATED", "GroupCreationTimestamp"}))},
    {.group = "group",
     .name = "describe",
     .what = "members, who has which shard, and how far behind it is",
     .arguments = ARGUMENTS(STREAM, {.name = "GROUP", .member = "GroupName"}),
     .examples = "  sluice group describe orders billing\n",
     .run = group_run},
    {.group = "group",
     .name = "reset",
     .what = "sets where a group without members goes on",
     .arguments = ARGUMENTS(STREAM, {.name = "GROUP", .member = "GroupName"}),
     .options =
         OPTIONS(TEXT("position", "TRIM_HORIZON|LATEST|AT_TIMESTAMP", "Position", "of every shard"),
                 NUMBER("timestamp", "Timestamp", 0, 0, "with AT_TIMESTAMP: seconds since 1970"),
                 TEXT("shard", "ID", "ShardId", "this shard only, with --sequence"),
                 TEXT("sequence", "NUMBER", "SequenceNumber", "the record after which it goes on")),
     .examples = "  sluice group reset orders billing --position TRIM_HORIZON\n",
     .ask = ASK(.operation = &sluice_service_reset_consumer_group_operation,
                .said = "has the group reset")},
    {.group = "group",
     .name = "delete",
     .what = "deletes a group and its checkpoints",
     .arguments = ARGUMENTS(STREAM, {.name = "GROUP", .member = "GroupName"}),
     .examples = "  sluice group delete orders billing\n",
     .ask = ASK(.operation = &sluice_service_delete_consumer_group_operation,
                .said = "loses that group")},

    {.group = "delivery",
     .name = "list",
     .what = "the delivery streams",
     .examples = "  sluice delivery list\n",
     .ask = ASK(.operation = &sluice_firehose_list_delivery_streams_operation,
                .list = "DeliveryStreamNames", .next_in = "ExclusiveStartDeliveryStreamName",
                .more = "HasMoreDeliveryStreams", .columns = COLUMNS({"NAME", ""}))},
    {.group = "delivery",
     .name = "create",
     .what = "makes one, as CreateDeliveryStream's JSON says (a file, or standard input)",
     .arguments = ARGUMENTS({.name = "FILE", .optional = true}),
     .options = OPTIONS(TEXT("name", "NAME", "DeliveryStreamName", "instead of the file's")),
     .examples = "  sluice delivery create archive.json\n"
                 "  sluice delivery create --name archive2 < archive.json\n",
     .ask = ASK(.operation = &sluice_firehose_create_delivery_stream_operation, .body = true,
                .object = "")},
    {.group = "delivery",
     .name = "describe",
     .what = "what one is set to",
     .arguments = ARGUMENTS(DELIVERY),
     .examples = "  sluice delivery describe archive\n",
     .ask = ASK(.operation = &sluice_firehose_describe_delivery_stream_operation,
                .object = "DeliveryStreamDescription")},
    {.group = "delivery",
     .name = "update",
     .what =
         "changes its destination, as UpdateDestination's JSON says (a file, or standard input)",
     .arguments = ARGUMENTS({.name = "NAME"}, {.name = "FILE", .optional = true}),
     .examples =
         "  echo '{\"HttpEndpointDestinationUpdate\":{\"BufferingHints\":{\"SizeInMBs\":1}}}' | "
         "sluice delivery update "
         "archive\n",
     .run = update_run},
    {.group = "delivery",
     .name = "delete",
     .what = "deletes one",
     .arguments = ARGUMENTS(DELIVERY),
     .options = OPTIONS(SWITCH("force", "AllowForceDelete", "even when its key cannot be used")),
     .examples = "  sluice delivery delete archive\n",
     .ask = ASK(.operation = &sluice_firehose_delete_delivery_stream_operation,
                .said = "is being deleted")},
    {.group = "delivery",
     .name = "flush",
     .what = "delivers what it holds now, and waits for it (Sluice's own)",
     .arguments = ARGUMENTS(DELIVERY),
     .options =
         OPTIONS(NUMBER("within", "WithinSeconds", 1, 300, "how many seconds that may take")),
     .examples = "  sluice delivery flush archive\n",
     .ask =
         ASK(.operation = &sluice_service_flush_delivery_stream_operation, .said = "is flushed")},
    {.group = "delivery",
     .name = "put",
     .what = "puts each line of files or of standard input, by PutRecordBatch",
     .arguments = ARGUMENTS({.name = "NAME"}, {.name = "FILE", .optional = true, .many = true}),
     .options = OPTIONS(SWITCH("jsonl", NULL, "each line must be JSON; one that is not fails")),
     .examples = "  sluice delivery put archive events.jsonl\n",
     .run = delivery_put_run},

    {.group = "bench",
     .name = "put",
     .what = "puts records, and says how many a second and how long each took",
     .arguments = ARGUMENTS(STREAM),
     .options =
         OPTIONS(RATE("as fast as it goes unless said"), CONNECTIONS, RECORD_BYTES, SECONDS(86400)),
     .examples = "  sluice bench put first --local --rate 1000 --seconds 30\n",
     .run = bench_put_run},
    {.group = "bench",
     .name = "read",
     .what = "reads what is there by GetRecords, and says how many a second",
     .arguments = ARGUMENTS(STREAM),
     .options = OPTIONS(SECONDS(86400)),
     .examples = "  sluice bench read first --local\n",
     .run = bench_read_run},
    {.group = "bench",
     .name = "latency",
     .what = "from put to a subscriber: puts at a rate, and says how long each record took",
     .arguments = ARGUMENTS(STREAM),
     .options = OPTIONS(RATE("100 unless said"), CONNECTIONS, RECORD_BYTES, SECONDS(270)),
     .examples = "  sluice bench latency first --local --rate 500\n",
     .run = bench_push_run},
    {.group = "bench",
     .name = "fanout",
     .what = "the same with several registered consumers, each of which gets all",
     .arguments = ARGUMENTS(STREAM),
     .options = OPTIONS(NUMBER("consumers", NULL, 1, 20, "how many; 1 unless said"),
                        RATE("100 unless said"), CONNECTIONS, RECORD_BYTES, SECONDS(270)),
     .examples = "  sluice bench fanout first --local --consumers 5\n",
     .run = bench_push_run},

    {.name = "completion",
     .what = "prints what a shell reads to complete these commands",
     .arguments = ARGUMENTS({.name = "bash|zsh|fish"}),
     .examples = "  source <(sluice completion bash)\n"
                 "  sluice completion fish > ~/.config/fish/completions/sluice.fish\n",
     .run = completion_run},
};
const size_t command_count = sizeof(command_table) / sizeof(command_table[0]);
