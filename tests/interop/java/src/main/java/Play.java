import java.math.BigInteger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.BooleanSupplier;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.*;
import software.amazon.awssdk.services.kinesis.model.Record;

/**
 * The play of tests/interop/README.md by the AWS SDK for Java v2: {@code Play STREAM sync|async}.
 *
 * <p>The clients are made as a user makes them: the sync one speaks HTTP/1.1, the async one HTTP/2, both in CBOR.
 * Subscriptions are the async client's in either case: the sync one has none. Endpoint, key and region come from
 * the environment, the CA by javax.net.ssl.trustStore.
 */
public final class Play {
    private static final Duration PATIENCE = Duration.ofSeconds(30);

    private final Calls kinesis;
    private final KinesisAsyncClient push;
    private final String stream;

    private Play(Calls kinesis, KinesisAsyncClient push, String stream) {
        this.kinesis = kinesis;
        this.push = push;
        this.stream = stream;
    }

    private static void ok(String step, String detail) {
        System.out.println(("ok " + step + " " + detail).strip());
    }

    private static void until(String words, BooleanSupplier condition) throws InterruptedException {
        for (long end = System.nanoTime() + PATIENCE.toNanos(); !condition.getAsBoolean(); Thread.sleep(20)) {
            Records.demand(System.nanoTime() < end, words + " did not come within " + PATIENCE);
        }
    }

    // ---- put and read

    private void putOne(int i) {
        kinesis.call(PutRecordRequest.builder().streamName(stream).partitionKey(Records.keyOf(i)).data(Records.dataOf(i)).build());
    }

    private void putBatch(int from, int to) {
        List<PutRecordsRequestEntry> entries = new ArrayList<>();
        for (int i = from; i < to; i++) {
            entries.add(PutRecordsRequestEntry.builder().partitionKey(Records.keyOf(i)).data(Records.dataOf(i)).build());
        }
        PutRecordsResponse answer = kinesis.call(PutRecordsRequest.builder().streamName(stream).records(entries).build());
        Records.demand(answer.failedRecordCount() == 0 && answer.records().size() == to - from, "records were refused");
    }

    private List<Shard> shards() {
        return kinesis.call(ListShardsRequest.builder().streamName(stream).build()).shards();
    }

    /** Every record of a shard; a closed one must end, and name its children. */
    private List<Record> readShard(Shard shard) {
        boolean closed = shard.sequenceNumberRange().endingSequenceNumber() != null;
        String at = kinesis.call(GetShardIteratorRequest.builder().streamName(stream).shardId(shard.shardId())
                .shardIteratorType(ShardIteratorType.TRIM_HORIZON).build()).shardIterator();
        List<Record> records = new ArrayList<>();
        while (true) {
            GetRecordsResponse page = kinesis.call(GetRecordsRequest.builder().shardIterator(at).build());
            records.addAll(page.records());
            at = page.nextShardIterator();
            if (at == null) {
                Records.demand(closed && !page.childShards().isEmpty(), shard.shardId() + " ended: " + page);
                return records;
            }
            if (!closed && page.records().isEmpty() && page.millisBehindLatest() == 0) {
                return records;
            }
        }
    }

    private void readAll(int count) {
        Records.compare(shards().stream().map(this::readShard).toList(), count);
    }

    // ---- reshard

    private StreamDescriptionSummary summary() {
        return kinesis.call(DescribeStreamSummaryRequest.builder().streamName(stream).build()).streamDescriptionSummary();
    }

    private void untilOpenShards(int count) throws InterruptedException {
        until(count + " open shards", () -> {
            StreamDescriptionSummary s = summary();
            return s.streamStatus() == StreamStatus.ACTIVE && s.openShardCount() == count;
        });
    }

    private String split() throws InterruptedException {
        Shard shard = shards().get(0);
        BigInteger middle = new BigInteger(shard.hashKeyRange().startingHashKey())
                .add(new BigInteger(shard.hashKeyRange().endingHashKey())).shiftRight(1);
        kinesis.call(SplitShardRequest.builder().streamName(stream).shardToSplit(shard.shardId())
                .newStartingHashKey(middle.toString()).build());
        untilOpenShards(3);
        return shard.shardId();
    }

    private void mergeChildrenOf(String parent) throws InterruptedException {
        List<String> children = shards().stream().filter(s -> parent.equals(s.parentShardId())).map(Shard::shardId).toList();
        Records.demand(children.size() == 2, "children: " + children);
        kinesis.call(MergeShardsRequest.builder().streamName(stream).shardToMerge(children.get(0)).adjacentShardToMerge(children.get(1)).build());
        untilOpenShards(2);
    }

    private void updateShardCount(int count) throws InterruptedException {
        kinesis.call(UpdateShardCountRequest.builder().streamName(stream).targetShardCount(count).scalingType(ScalingType.UNIFORM_SCALING).build());
        untilOpenShards(count);
    }

    // ---- fan-out

    /** What the subscriptions to all shards have received together. */
    private final class Received {
        final Map<String, List<Record>> byShard = new ConcurrentHashMap<>();
        final Map<String, List<ChildShard>> children = new ConcurrentHashMap<>();
        final AtomicInteger held = new AtomicInteger();
        final AtomicReference<Throwable> problem = new AtomicReference<>();
        final CountDownLatch done = new CountDownLatch(1);
        final int count;

        Received(int count) {
            this.count = count;
        }

        void take(String shard, SubscribeToShardEvent event) {
            byShard.get(shard).addAll(event.records());
            if (!event.childShards().isEmpty()) {
                children.put(shard, event.childShards());
            }
            int now = held.addAndGet(event.records().size());
            if (now == count && !event.records().isEmpty()) { // all that was there has come: one more, to a subscription that waits
                CompletableFuture.runAsync(() -> putOne(count)).exceptionally(this::fail);
            }
            if (now > count) {
                done.countDown();
            }
        }

        Void fail(Throwable why) {
            problem.compareAndSet(null, why);
            done.countDown();
            return null;
        }
    }

    private Received subscribe(String consumer, int count) throws InterruptedException {
        Received received = new Received(count);
        List<Shard> shards = shards();
        shards.forEach(shard -> received.byShard.put(shard.shardId(), new ArrayList<>()));
        List<CompletableFuture<Void>> subscriptions = shards.stream().map(shard -> push.subscribeToShard(
                SubscribeToShardRequest.builder().consumerARN(consumer).shardId(shard.shardId())
                        .startingPosition(p -> p.type(ShardIteratorType.TRIM_HORIZON)).build(),
                SubscribeToShardResponseHandler.builder()
                        .onError(why -> {
                            if (received.done.getCount() > 0) {
                                received.fail(why);
                            }
                        })
                        .subscriber(event -> received.take(shard.shardId(), (SubscribeToShardEvent) event)).build())).toList();
        boolean ended = received.done.await(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        subscriptions.forEach(s -> s.cancel(true));
        if (received.problem.get() != null) {
            throw new IllegalStateException("a subscription failed", received.problem.get());
        }
        Records.demand(ended, received.held + " records were pushed instead of " + (count + 1));
        return received;
    }

    private void fanOut(String parent, int count) throws InterruptedException {
        String arn = summary().streamARN();
        String consumer = kinesis.call(RegisterStreamConsumerRequest.builder().streamARN(arn).consumerName("push").build())
                .consumer().consumerARN();
        DescribeStreamConsumerRequest describe = DescribeStreamConsumerRequest.builder().consumerARN(consumer).build();
        until("an ACTIVE consumer", () -> kinesis.call(describe).consumerDescription().consumerStatus() == ConsumerStatus.ACTIVE);
        ok("register consumer", consumer);

        Received received = subscribe(consumer, count);
        Records.compare(received.byShard.values(), count + 1);
        Records.demand(received.children.containsKey(parent) && received.children.get(parent).size() == 2, "children: " + received.children);
        ok("subscribe", (count + 1) + " records pushed from " + received.byShard.size() + " shards");

        kinesis.call(DeregisterStreamConsumerRequest.builder().consumerARN(consumer).build());
        until("the end of the consumer", () -> isMissing(() -> kinesis.call(describe)));
        ok("deregister consumer", "");
    }

    // ---- the play

    private static boolean isMissing(Runnable call) {
        try {
            call.run();
            return false;
        } catch (ResourceNotFoundException e) {
            return true;
        }
    }

    private void run() throws InterruptedException {
        Records.demand(isMissing(this::summary), "a stream is there that was never made");
        ok("error", "ResourceNotFoundException");

        kinesis.call(CreateStreamRequest.builder().streamName(stream).shardCount(2).build());
        DescribeStreamRequest describe = DescribeStreamRequest.builder().streamName(stream).build();
        kinesis.waitUntilExists(describe);
        ok("create", stream);

        putOne(0);
        putBatch(1, 100);
        ok("put", "1 + 99 records");

        readAll(100);
        ok("read", "100 records");

        String parent = split();
        putBatch(100, 150);
        readAll(150);
        ok("split", "150 records across it");

        mergeChildrenOf(parent);
        putBatch(150, 200);
        readAll(200);
        ok("merge", "200 records across it");

        updateShardCount(4);
        putBatch(200, 250);
        readAll(250);
        ok("update shard count", "250 records across it");

        fanOut(parent, 250);

        kinesis.call(DeleteStreamRequest.builder().streamName(stream).build());
        kinesis.waitUntilGone(describe);
        ok("delete", "");
    }

    public static void main(String[] args) throws InterruptedException {
        try (KinesisClient sync = KinesisClient.create(); KinesisAsyncClient async = KinesisAsyncClient.create()) {
            new Play(args[1].equals("sync") ? Calls.of(sync) : Calls.of(async), async, args[0]).run();
        }
    }
}
