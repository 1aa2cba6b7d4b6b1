import com.google.protobuf.ByteString;
import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.PutRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.StreamDescriptionSummary;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.common.StreamIdentifier;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.retrieval.AggregatorUtil;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.kpl.Messages;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * The Kinesis Client Library 3: {@code Kcl STREAM polling|fanout}. Records put before a split, after it, and at the end as the Kinesis Producer
 * Library aggregates them (its envelope, without its native program) are all processed, each once, each key's in order; the parent's end is
 * told before its children's beginning.
 *
 * <p>The Kinesis client is as the library makes it. Leases are in DynamoDB, or what stands in for it at AWS_ENDPOINT_URL_DYNAMODB. Only waits were
 * shortened; metrics, which would go to CloudWatch, are off.
 */
public final class Kcl {
    private static final Duration PATIENCE = Duration.ofSeconds(90);

    /** What the processors of all shards have been given, in order. */
    private final ConcurrentLinkedQueue<KinesisClientRecord> given = new ConcurrentLinkedQueue<>();
    private final List<String> began = Collections.synchronizedList(new ArrayList<>());
    private final List<String> ended = Collections.synchronizedList(new ArrayList<>());
    private final KinesisAsyncClient kinesis = KinesisClientUtil.createKinesisAsyncClient(KinesisAsyncClient.builder());
    private final String stream;

    private Kcl(String stream) {
        this.stream = stream;
    }

    private static void ok(String step, String detail) {
        System.out.println(("ok " + step + " " + detail).strip());
    }

    private static void until(String words, BooleanSupplier condition) throws InterruptedException {
        for (long end = System.nanoTime() + PATIENCE.toNanos(); !condition.getAsBoolean(); Thread.sleep(50)) {
            Records.demand(System.nanoTime() < end, words + " did not come within " + PATIENCE);
        }
    }

    private final class Processor implements ShardRecordProcessor {
        private String shard;

        @Override
        public void initialize(InitializationInput input) {
            shard = input.shardId();
            began.add(shard);
        }

        @Override
        public void processRecords(ProcessRecordsInput input) {
            given.addAll(input.records());
        }

        @Override
        public void leaseLost(LeaseLostInput input) {}

        @Override
        public void shardEnded(ShardEndedInput input) {
            ended.add(shard);
            try {
                input.checkpointer().checkpoint();
            } catch (InvalidStateException | ShutdownException e) {
                throw new IllegalStateException(e);
            }
        }

        @Override
        public void shutdownRequested(ShutdownRequestedInput input) {
            try {
                input.checkpointer().checkpoint();
            } catch (InvalidStateException | ShutdownException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private Scheduler scheduler(boolean fanout, DynamoDbAsyncClient dynamo, CloudWatchAsyncClient watch) {
        InitialPositionInStreamExtended beginning =
                InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
        SingleStreamTracker tracker = new SingleStreamTracker(StreamIdentifier.singleStreamInstance(stream), beginning);
        ConfigsBuilder configs = new ConfigsBuilder(tracker, stream, kinesis, dynamo, watch, UUID.randomUUID().toString(), Processor::new);
        RetrievalSpecificConfig retrieval = fanout
                ? new FanOutConfig(kinesis).streamName(stream).applicationName(stream)
                : new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(200);
        return new Scheduler(
                configs.checkpointConfig(),
                configs.coordinatorConfig().parentShardPollIntervalMillis(500).shardConsumerDispatchPollIntervalMillis(200),
                configs.leaseManagementConfig().shardSyncIntervalMillis(1000).failoverTimeMillis(2000)
                        .leasesRecoveryAuditorExecutionFrequencyMillis(2000),
                configs.lifecycleConfig(),
                configs.metricsConfig().metricsFactory(new NullMetricsFactory()),
                configs.processorConfig(),
                configs.retrievalConfig().retrievalSpecificConfig(retrieval));
    }

    // ---- putting

    private void put(List<PutRecordsRequestEntry> entries) {
        PutRecordsResponse answer = kinesis.putRecords(r -> r.streamName(stream).records(entries)).join();
        Records.demand(answer.failedRecordCount() == 0, "records were refused");
    }

    private void putPlain(int from, int to) {
        List<PutRecordsRequestEntry> entries = new ArrayList<>();
        for (int i = from; i < to; i++) {
            entries.add(PutRecordsRequestEntry.builder().partitionKey(Records.keyOf(i)).data(Records.dataOf(i)).build());
        }
        put(entries);
    }

    /** As the KPL does: magic, protobuf, MD5. The records of one key together: they belong to one shard. */
    private static SdkBytes aggregate(String key, List<SdkBytes> records) throws Exception {
        Messages.AggregatedRecord.Builder all = Messages.AggregatedRecord.newBuilder().addPartitionKeyTable(key);
        for (SdkBytes data : records) {
            all.addRecords(Messages.Record.newBuilder().setPartitionKeyIndex(0).setData(ByteString.copyFrom(data.asByteArray())));
        }
        byte[] message = all.build().toByteArray();
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(AggregatorUtil.AGGREGATED_RECORD_MAGIC);
        out.write(message);
        out.write(MessageDigest.getInstance("MD5").digest(message));
        return SdkBytes.fromByteArray(out.toByteArray());
    }

    private void putAggregated(int from, int to, int keys) throws Exception {
        List<PutRecordsRequestEntry> entries = new ArrayList<>();
        for (int key = 0; key < keys; key++) {
            List<SdkBytes> records = new ArrayList<>();
            for (int i = from + key; i < to; i += keys) {
                records.add(Records.dataOf(i));
            }
            String name = Records.keyOf(from + key);
            entries.add(PutRecordsRequestEntry.builder().partitionKey(name).data(aggregate(name, records)).build());
        }
        put(entries);
    }

    // ---- the play

    private StreamDescriptionSummary summary() {
        return kinesis.describeStreamSummary(r -> r.streamName(stream)).join().streamDescriptionSummary();
    }

    private String split() throws InterruptedException {
        Shard shard = kinesis.listShards(r -> r.streamName(stream)).join().shards().get(0);
        BigInteger middle = new BigInteger(shard.hashKeyRange().startingHashKey())
                .add(new BigInteger(shard.hashKeyRange().endingHashKey())).shiftRight(1);
        kinesis.splitShard(r -> r.streamName(stream).shardToSplit(shard.shardId()).newStartingHashKey(middle.toString())).join();
        until("the end of the split", () -> summary().streamStatus() == StreamStatus.ACTIVE);
        return shard.shardId();
    }

    private void expect(int count, String step) throws InterruptedException {
        until(count + " records (" + given.size() + " came)", () -> given.size() >= count);
        List<Record> all = given.stream().map(r -> Record.builder().partitionKey(r.partitionKey())
                .data(SdkBytes.fromByteBuffer(r.data())).approximateArrivalTimestamp(r.approximateArrivalTimestamp()).build()).toList();
        Records.compare(List.of(all), count);
        ok(step, count + " records processed so far");
    }

    private void run(boolean fanout) throws Exception {
        kinesis.createStream(r -> r.streamName(stream).shardCount(2)).join();
        until("an ACTIVE stream", () -> summary().streamStatus() == StreamStatus.ACTIVE);
        ok("create", stream);
        putPlain(0, 50);

        try (DynamoDbAsyncClient dynamo = DynamoDbAsyncClient.create(); CloudWatchAsyncClient watch = CloudWatchAsyncClient.create()) {
            Scheduler scheduler = scheduler(fanout, dynamo, watch);
            Thread worker = new Thread(scheduler, "scheduler");
            worker.setDaemon(true);
            worker.start();
            expect(50, "read");

            String parent = split();
            putPlain(50, 100);
            expect(100, "split");
            until("the end of the parent", () -> ended.contains(parent));
            until("both children", () -> began.size() == 4);
            Records.demand(ended.equals(List.of(parent)), "shards that ended: " + ended);
            ok("parent ended", parent + ", then came " + began.subList(2, 4));

            putAggregated(100, 150, 10);
            expect(150, "aggregated");
            Records.demand(given.stream().filter(KinesisClientRecord::aggregated).count() == 50, "50 records were aggregated");
            if (fanout) {
                Records.demand(summary().consumerCount() == 1, "the library has a consumer registered");
                ok("fan-out", "1 consumer registered");
            }
            Records.demand(scheduler.startGracefulShutdown().get(60, TimeUnit.SECONDS), "the library shut down");
            ok("shutdown", "");
        }
        kinesis.deleteStream(r -> r.streamName(stream).enforceConsumerDeletion(true)).join();
        kinesis.waiter().waitUntilStreamNotExists(r -> r.streamName(stream)).join();
        ok("delete", "");
    }

    public static void main(String[] args) throws Exception {
        new Kcl(args[0]).run(args[1].equals("fanout"));
        System.exit(0); // the library leaves threads behind
    }
}
