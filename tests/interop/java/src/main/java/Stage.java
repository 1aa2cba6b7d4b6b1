import java.math.BigInteger;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BooleanSupplier;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.PutRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.ScalingType;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.StreamDescriptionSummary;
import software.amazon.awssdk.services.kinesis.model.StreamStatus;

/** The stream that a framework (KCL, Flink, Spark) reads: made, filled, resharded and deleted by the AWS SDK, while the framework runs. */
final class Stage {
    private static final Duration PATIENCE = Duration.ofSeconds(180);

    final KinesisAsyncClient kinesis;
    final String stream;

    Stage(KinesisAsyncClient kinesis, String stream) {
        this.kinesis = kinesis;
        this.stream = stream;
    }

    interface Play {
        void run() throws Exception;
    }

    /** Ends the process when the play has ended, well or not: frameworks leave threads behind. */
    static void end(Play play) {
        try {
            play.run();
            System.exit(0);
        } catch (Throwable why) {
            why.printStackTrace();
            System.exit(1);
        }
    }

    static void ok(String step, String detail) {
        System.out.println(("ok " + step + " " + detail).strip());
    }

    static void until(String words, BooleanSupplier condition) throws InterruptedException {
        for (long end = System.nanoTime() + PATIENCE.toNanos(); !condition.getAsBoolean(); Thread.sleep(50)) {
            Records.demand(System.nanoTime() < end, words + " did not come within " + PATIENCE);
        }
    }

    StreamDescriptionSummary summary() {
        return kinesis.describeStreamSummary(r -> r.streamName(stream)).join().streamDescriptionSummary();
    }

    private void untilActive() throws InterruptedException {
        until("an ACTIVE stream", () -> summary().streamStatus() == StreamStatus.ACTIVE);
    }

    void create(int shards) throws InterruptedException {
        kinesis.createStream(r -> r.streamName(stream).shardCount(shards)).join();
        untilActive();
        ok("create", stream);
    }

    void delete() {
        kinesis.deleteStream(r -> r.streamName(stream).enforceConsumerDeletion(true)).join();
        kinesis.waiter().waitUntilStreamNotExists(r -> r.streamName(stream)).join();
        ok("delete", "");
    }

    void put(List<PutRecordsRequestEntry> entries) {
        PutRecordsResponse answer = kinesis.putRecords(r -> r.streamName(stream).records(entries)).join();
        Records.demand(answer.failedRecordCount() == 0, "records were refused");
    }

    void put(int from, int to) {
        List<PutRecordsRequestEntry> entries = new ArrayList<>();
        for (int i = from; i < to; i++) {
            entries.add(PutRecordsRequestEntry.builder().partitionKey(Records.keyOf(i)).data(Records.dataOf(i)).build());
        }
        put(entries);
    }

    /** In the order of their keys' hashes. */
    List<Shard> openShards() {
        return kinesis.listShards(r -> r.streamName(stream)).join().shards().stream()
                .filter(s -> s.sequenceNumberRange().endingSequenceNumber() == null)
                .sorted((a, b) -> start(a).compareTo(start(b))).toList();
    }

    private static BigInteger start(Shard shard) {
        return new BigInteger(shard.hashKeyRange().startingHashKey());
    }

    /** In the middle; the parent's name. */
    String split() throws InterruptedException {
        Shard shard = openShards().get(0);
        BigInteger middle = start(shard).add(new BigInteger(shard.hashKeyRange().endingHashKey())).shiftRight(1);
        kinesis.splitShard(r -> r.streamName(stream).shardToSplit(shard.shardId()).newStartingHashKey(middle.toString())).join();
        untilActive();
        return shard.shardId();
    }

    /** The two lowest; the parents' names. */
    List<String> merge() throws InterruptedException {
        List<String> parents = openShards().subList(0, 2).stream().map(Shard::shardId).toList();
        kinesis.mergeShards(r -> r.streamName(stream).shardToMerge(parents.get(0)).adjacentShardToMerge(parents.get(1))).join();
        untilActive();
        return parents;
    }

    /** Uniformly; there must be as many open shards then. */
    void scale(int shards) throws InterruptedException {
        kinesis.updateShardCount(r -> r.streamName(stream).targetShardCount(shards).scalingType(ScalingType.UNIFORM_SCALING)).join();
        untilActive();
        Records.demand(summary().openShardCount() == shards, "open shards: " + summary().openShardCount());
    }
}
