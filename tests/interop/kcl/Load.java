import com.google.common.util.concurrent.FutureCallback;
import com.google.common.util.concurrent.Futures;
import com.google.common.util.concurrent.MoreExecutors;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Date;
import java.util.HexFormat;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.common.StreamIdentifier;
import software.amazon.kinesis.exceptions.InvalidStateException;
import software.amazon.kinesis.exceptions.ShutdownException;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.processor.SingleStreamTracker;
import software.amazon.kinesis.producer.KinesisProducer;
import software.amazon.kinesis.producer.KinesisProducerConfiguration.ThreadingModel;
import software.amazon.kinesis.producer.UserRecordResult;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * AWS's side of bench/clients_bench.py: {@code Load produce STREAM RECORDS WARM}, {@code Load polling|fanout STREAM RECORDS APPLICATION START_MS}. It does what
 * bench/clients_sdk.c does with our SDK, and speaks as it does: it says "begin" (a producer when WARM records are stored, a worker when its first shard is leased and
 * nothing of it was asked for), "half" on a worker's way, and "end SECONDS RECORDS SUM" after RECORDS records, and waits for a line after the first and the last.
 *
 * <p>The Producer Library aggregates as it does by default; its own limit of 150 % of what AWS's shard takes is lifted, and its threads are a pool. It has no back-pressure of
 * its own: at most OUTSTANDING_MAX records are under way (with four times as many it took more memory, and was no faster). The Client Library polls with no pause longer than the least
 * that it takes. Both are otherwise as they are by default.
 */
public final class Load {
    private static final int RECORD_BYTES = 1024;
    private static final int KEY_BYTES = 8;
    private static final int DIFFERENT = 1024;
    private static final int OUTSTANDING_MAX = 16_384;
    private static final int FAILOVER_MS = 5000; // none is lost while the machine is busy
    private static final long CHECKPOINT_NANOS = TimeUnit.SECONDS.toNanos(1);

    private final String stream;
    private final long records;

    private Load(String[] args) {
        stream = args[1];
        records = Long.parseLong(args[2]);
    }

    /** Says it, and waits until whoever started us has seen it. */
    private static void say(String words) {
        System.out.println(words);
        System.out.flush();
        try {
            Records.demand(System.in.read() >= 0, "nobody listens");
        } catch (IOException e) {
            throw new IllegalStateException(e);
        }
    }

    private static void fail(Throwable why) {
        why.printStackTrace();
        Runtime.getRuntime().halt(1);
    }

    private static String soFar(String what, long beganNanos, long count, long sum) {
        return String.format(Locale.ROOT, "%s %.6f %d %d", what, (System.nanoTime() - beganNanos) / 1e9, count, sum);
    }

    // ---- the Producer Library

    private final class Producing implements FutureCallback<UserRecordResult> {
        private final byte[][] data = new byte[DIFFERENT][RECORD_BYTES];
        private final String[] keys = new String[DIFFERENT];
        private final Semaphore room = new Semaphore(OUTSTANDING_MAX);
        private final KinesisProducer producer;
        private long put;

        Producing() {
            Random random = new Random();
            for (int i = 0; i < DIFFERENT; i++) {
                random.nextBytes(data[i]);
                keys[i] = HexFormat.of().formatHex(data[i], 8, 8 + KEY_BYTES);
            }
            producer = new KinesisProducer(Libraries.producer().setRateLimit(Integer.MAX_VALUE).setThreadingModel(ThreadingModel.POOLED)
                    .setRecordTtl(120_000).setLogLevel("warning"));
        }

        @Override
        public void onSuccess(UserRecordResult result) {
            room.release();
        }

        @Override
        public void onFailure(Throwable why) {
            fail(why);
        }

        void put(long count) throws InterruptedException {
            for (long end = put + count; put < end; put++) {
                byte[] record = data[(int) (put % DIFFERENT)].clone(); // the library keeps what it is given
                room.acquire();
                Futures.addCallback(producer.addUserRecord(stream, keys[(int) (put % DIFFERENT)], ByteBuffer.wrap(record).putLong(0, put)),
                        this, MoreExecutors.directExecutor());
            }
            producer.flush();
            room.acquire(OUTSTANDING_MAX);
            room.release(OUTSTANDING_MAX);
        }
    }

    private void produce(long warm) throws InterruptedException {
        Producing producing = new Producing();
        producing.put(warm);
        say("begin");
        long began = System.nanoTime();
        producing.put(records);
        say(soFar("end", began, records, 0));
        producing.producer.destroy();
    }

    // ---- the Client Library

    private long taken;
    private long sum;
    private boolean begun;
    private long began;

    private synchronized void begin() {
        if (!begun) {
            begun = true;
            say("begin");
            began = System.nanoTime();
        }
    }

    private synchronized void take(Iterable<KinesisClientRecord> some) {
        long before = taken;
        for (KinesisClientRecord one : some) {
            Records.demand(one.data().remaining() == RECORD_BYTES, "a record of another length");
            sum += one.data().getLong(one.data().position());
            taken++;
        }
        if (before < records / 2 && taken >= records / 2) {
            System.out.println(soFar("half", began, taken, sum));
        }
        if (taken >= records) {
            say(soFar("end", began, taken, sum));
            Runtime.getRuntime().halt(0);
        }
    }

    private final class Processor implements ShardRecordProcessor {
        private long checkpointed = System.nanoTime();

        @Override
        public void initialize(InitializationInput input) {
            begin();
        }

        @Override
        public void processRecords(ProcessRecordsInput input) {
            if (input.records().isEmpty()) {
                return;
            }
            try {
                take(input.records());
                if (System.nanoTime() - checkpointed >= CHECKPOINT_NANOS) {
                    input.checkpointer().checkpoint();
                    checkpointed = System.nanoTime();
                }
            } catch (InvalidStateException | ShutdownException | RuntimeException why) {
                fail(why); // the library would leave these records out, and go on
            }
        }

        @Override
        public void leaseLost(LeaseLostInput input) {}

        @Override
        public void shardEnded(ShardEndedInput input) {}

        @Override
        public void shutdownRequested(ShutdownRequestedInput input) {}
    }

    private void consume(boolean fanout, String application, long startMs) throws InterruptedException {
        KinesisAsyncClient kinesis = KinesisClientUtil.createKinesisAsyncClient(KinesisAsyncClient.builder());
        SingleStreamTracker tracker = new SingleStreamTracker(StreamIdentifier.singleStreamInstance(stream),
                InitialPositionInStreamExtended.newInitialPositionAtTimestamp(new Date(startMs)));
        ConfigsBuilder configs = new ConfigsBuilder(tracker, application, kinesis, DynamoDbAsyncClient.create(), CloudWatchAsyncClient.create(), "worker",
                Processor::new);
        RetrievalSpecificConfig retrieval = fanout
                ? new FanOutConfig(kinesis).streamName(stream).applicationName(application)
                : new PollingConfig(stream, kinesis).usePollingConfigIdleTimeValue(true)
                        .idleTimeBetweenReadsInMillis(PollingConfig.MIN_IDLE_MILLIS_BETWEEN_READS);
        Libraries.start(Libraries.scheduler(configs, retrieval, FAILOVER_MS));
        Thread.sleep(Long.MAX_VALUE); // the last record ends the process
    }

    public static void main(String[] args) {
        Load load = new Load(args);
        if (args[0].equals("produce")) {
            Stage.end(() -> load.produce(Long.parseLong(args[3])));
        } else {
            Stage.end(() -> load.consume(args[0].equals("fanout"), args[3], Long.parseLong(args[4])));
        }
    }
}
