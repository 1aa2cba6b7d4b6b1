import com.google.common.util.concurrent.ListenableFuture;
import java.io.BufferedReader;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.Record;
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
import software.amazon.kinesis.processor.RecordProcessorCheckpointer;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.UserRecordResult;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * The Kinesis Client Library 3: {@code Kcl STREAM polling|fanout}. A worker in another process is killed when it has processed and checkpointed the first
 * records; one in this process takes its leases over, and goes on across a split, a merge, and what the Kinesis Producer Library writes. Every record is
 * processed once, each key's in order, and the end of a shard is told before its children's beginning.
 *
 * <p>The Kinesis client is as the library makes it. Leases are in DynamoDB, or what stands in for it at AWS_ENDPOINT_URL_DYNAMODB. Only waits were
 * shortened; metrics, which would go to CloudWatch, are off.
 */
public final class Kcl {
    private static final String TOOK = "took ";

    /** What the processors of all shards have been given, and checkpointed, in order. */
    private final ConcurrentLinkedQueue<Record> given = new ConcurrentLinkedQueue<>();
    private final List<String> began = Collections.synchronizedList(new ArrayList<>());
    private final List<String> ended = Collections.synchronizedList(new ArrayList<>());
    private final AtomicInteger aggregated = new AtomicInteger();
    private final KinesisAsyncClient kinesis = KinesisClientUtil.createKinesisAsyncClient(KinesisAsyncClient.builder());
    private final Stage stage;
    private final String stream;
    private final String way;

    private Kcl(String stream, String way) {
        this.stage = new Stage(kinesis, stream);
        this.stream = stream;
        this.way = way;
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
            List<Record> records = new ArrayList<>();
            for (KinesisClientRecord one : input.records()) {
                records.add(Record.builder().partitionKey(one.partitionKey()).data(SdkBytes.fromByteBuffer(one.data()))
                        .approximateArrivalTimestamp(one.approximateArrivalTimestamp()).build());
                aggregated.addAndGet(one.aggregated() ? 1 : 0);
            }
            checkpoint(input.checkpointer());
            given.addAll(records);
        }

        @Override
        public void leaseLost(LeaseLostInput input) {}

        @Override
        public void shardEnded(ShardEndedInput input) {
            ended.add(shard);
            checkpoint(input.checkpointer());
        }

        @Override
        public void shutdownRequested(ShutdownRequestedInput input) {
            checkpoint(input.checkpointer());
        }

        private static void checkpoint(RecordProcessorCheckpointer checkpointer) {
            try {
                checkpointer.checkpoint();
            } catch (InvalidStateException | ShutdownException e) {
                throw new IllegalStateException(e);
            }
        }
    }

    private Scheduler scheduler(DynamoDbAsyncClient dynamo, CloudWatchAsyncClient watch) {
        InitialPositionInStreamExtended beginning =
                InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
        SingleStreamTracker tracker = new SingleStreamTracker(StreamIdentifier.singleStreamInstance(stream), beginning);
        ConfigsBuilder configs = new ConfigsBuilder(tracker, stream, kinesis, dynamo, watch, UUID.randomUUID().toString(), Processor::new);
        RetrievalSpecificConfig retrieval = way.equals("fanout")
                ? new FanOutConfig(kinesis).streamName(stream).applicationName(stream)
                : new PollingConfig(stream, kinesis).idleTimeBetweenReadsInMillis(200);
        return Libraries.scheduler(configs, retrieval, 2000);
    }

    // ---- a worker that is killed

    /** Tells the number of each record that is checkpointed, until somebody ends the process, or who started it has ended. */
    private void work() throws InterruptedException {
        Libraries.start(scheduler(DynamoDbAsyncClient.create(), CloudWatchAsyncClient.create()));
        for (ProcessHandle parent = ProcessHandle.current().parent().orElseThrow(); parent.isAlive(); Thread.sleep(20)) {
            for (Record one = given.poll(); one != null; one = given.poll()) {
                System.out.println(TOOK + Records.numberOf(one));
            }
        }
    }

    /** Has another process process {@code count} records, and ends it as a power cut would. */
    private void workAndDie(int count) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()));
        words.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        words.addAll(List.of("-cp", System.getProperty("java.class.path"), "Kcl", stream, way, "worker"));
        Process worker = new ProcessBuilder(words).redirectErrorStream(true).start();
        try (BufferedReader told = worker.inputReader()) {
            List<Integer> taken = new ArrayList<>();
            while (taken.size() < count) {
                String line = told.readLine();
                Records.demand(line != null, "the worker ended after " + taken);
                if (line.startsWith(TOOK)) {
                    taken.add(Integer.parseInt(line.substring(TOOK.length())));
                } else {
                    System.out.println("worker: " + line);
                }
            }
            Records.demand(new HashSet<>(taken).size() == count, "the worker took " + taken);
        } finally {
            worker.destroyForcibly().waitFor();
        }
        Stage.ok("read", count + " records processed by a worker that was killed then");
    }

    // ---- the Kinesis Producer Library

    /** By its native program, which gathers the records of a shard into one. */
    private void produce(int from, int to) throws Exception {
        KinesisProducer producer = new KinesisProducer(Libraries.producer().setRecordMaxBufferedTime(500));
        for (int at = from; at < to; at += Records.KEYS) { // a record a key, then the next: it keeps no order among those under way
            produce(producer, at, at + Records.KEYS);
        }
        producer.destroy();
    }

    private void produce(KinesisProducer producer, int from, int to) throws Exception {
        List<ListenableFuture<UserRecordResult>> results = new ArrayList<>();
        for (int i = from; i < to; i++) {
            results.add(producer.addUserRecord(stream, Records.keyOf(i), Records.dataOf(i).asByteBuffer()));
        }
        for (ListenableFuture<UserRecordResult> result : results) {
            Records.demand(result.get(60, TimeUnit.SECONDS).isSuccessful(), "a record was refused");
        }
    }

    // ---- the play

    /** Exactly the records [from, to) have been processed here. */
    private void expect(int from, int to, String step) throws InterruptedException {
        Stage.until((to - from) + " records", () -> given.size() >= to - from);
        Records.compare(List.of(List.copyOf(given)), from, to);
        Stage.ok(step, (to - from) + " records processed so far");
    }

    private void untilEnded(List<String> parents, int shards) throws InterruptedException {
        Stage.until("the end of " + parents, () -> ended.containsAll(parents));
        Stage.until("their children", () -> began.size() == shards);
    }

    private void run() throws Exception {
        stage.create(2);
        stage.put(0, 50);
        workAndDie(50);

        stage.put(50, 100);
        try (DynamoDbAsyncClient dynamo = DynamoDbAsyncClient.create(); CloudWatchAsyncClient watch = CloudWatchAsyncClient.create()) {
            Scheduler scheduler = scheduler(dynamo, watch);
            Libraries.start(scheduler);
            expect(50, 100, "take-over");

            String parent = stage.split();
            stage.put(100, 150);
            expect(50, 150, "split");
            untilEnded(List.of(parent), 4);
            List<String> parents = stage.merge();
            stage.put(150, 200);
            expect(50, 200, "merge");
            untilEnded(parents, 5);
            Records.demand(ended.size() == 3, "shards that ended: " + ended);
            Stage.ok("parents ended", ended + " of " + began);

            produce(200, 250);
            expect(50, 250, "aggregated");
            Records.demand(aggregated.get() > 0, "the producer aggregated no record");
            if (way.equals("fanout")) {
                Records.demand(stage.summary().consumerCount() == 1, "the library has a consumer registered");
                Stage.ok("fan-out", "1 consumer registered");
            }
            Records.demand(scheduler.startGracefulShutdown().get(60, TimeUnit.SECONDS), "the library shut down");
            Stage.ok("shutdown", "");
        }
        stage.delete();
    }

    public static void main(String[] args) {
        Kcl kcl = new Kcl(args[0], args[1]);
        Stage.end(args.length > 2 ? kcl::work : kcl::run);
    }
}
