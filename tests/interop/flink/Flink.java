import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.TimeUnit;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.connector.kinesis.sink.KinesisStreamsSink;
import org.apache.flink.connector.kinesis.source.KinesisStreamsSource;
import org.apache.flink.core.execution.JobClient;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.SinkFunction;
import org.apache.flink.streaming.connectors.kinesis.FlinkKinesisConsumer;
import org.apache.flink.streaming.connectors.kinesis.serialization.KinesisDeserializationSchema;
import org.apache.flink.util.Collector;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.Record;

/**
 * Flink's Kinesis connector: {@code Flink STREAM polling|efo|source}. A job writes by KinesisStreamsSink; another reads by FlinkKinesisConsumer, which polls
 * or has a fan-out consumer registered, or by the newer KinesisStreamsSource; across a split, a merge and UpdateShardCount, each record once, each key's in order.
 *
 * <p>Flink runs in this process. Only the intervals at which the sources look for new shards were shortened.
 */
public final class Flink {
    private static final String DISCOVERY = "1000";

    /** A record as the sources hand it on; public and open, as Flink wants its own data. */
    public static final class Given {
        public String shard;
        public String key;
        public long time;
        public byte[] data;

        static Given of(String shard, String key, long time, byte[] data) {
            Given given = new Given();
            given.shard = shard;
            given.key = key;
            given.time = time;
            given.data = data;
            return given;
        }

        Record record() {
            return Record.builder().partitionKey(key).data(SdkBytes.fromByteArray(data)).approximateArrivalTimestamp(Instant.ofEpochMilli(time)).build();
        }
    }

    /** What the reading job has been given, in order: it runs in this process. */
    private static final ConcurrentLinkedQueue<Given> given = new ConcurrentLinkedQueue<>();

    private final Stage stage;
    private final String way;

    private Flink(Stage stage, String way) {
        this.stage = stage;
        this.way = way;
    }

    private static Properties client() {
        Properties of = new Properties();
        of.setProperty("aws.region", System.getenv("AWS_REGION"));
        of.setProperty("aws.endpoint", System.getenv("AWS_ENDPOINT_URL_KINESIS"));
        return of;
    }

    /** How a record of FlinkKinesisConsumer becomes one of ours. */
    private static final class OfConsumer implements KinesisDeserializationSchema<Given> {
        @Override
        public Given deserialize(byte[] data, String key, String sequence, long time, String stream, String shard) {
            return Given.of(shard, key, time, data);
        }

        @Override
        public TypeInformation<Given> getProducedType() {
            return TypeInformation.of(Given.class);
        }
    }

    /** Likewise of KinesisStreamsSource. */
    private static final class OfSource
            implements org.apache.flink.connector.kinesis.source.serialization.KinesisDeserializationSchema<Given> {
        @Override
        public void deserialize(org.apache.flink.kinesis.shaded.software.amazon.awssdk.services.kinesis.model.Record record, String stream, String shard, Collector<Given> out) {
            out.collect(Given.of(shard, record.partitionKey(), record.approximateArrivalTimestamp().toEpochMilli(), record.data().asByteArray()));
        }

        @Override
        public TypeInformation<Given> getProducedType() {
            return TypeInformation.of(Given.class);
        }
    }

    private static final class Keep implements SinkFunction<Given> {
        @Override
        public void invoke(Given record, Context context) {
            given.add(record);
        }
    }

    // ---- jobs

    private void write(int from, int to) throws Exception {
        StreamExecutionEnvironment flink = StreamExecutionEnvironment.createLocalEnvironment(1);
        flink.fromSequence(from, to - 1).sinkTo(KinesisStreamsSink.<Long>builder()
                .setKinesisClientProperties(client())
                .setStreamName(stage.stream)
                .setSerializationSchema(i -> Records.dataOf(i.intValue()).asByteArray())
                .setPartitionKeyGenerator(i -> Records.keyOf(i.intValue()))
                .setMaxInFlightRequests(1) // one after the other keeps their order
                .setMaxBatchSize(40)
                .setFailOnError(true).build());
        flink.execute("write");
    }

    private DataStream<Given> source(StreamExecutionEnvironment flink) {
        if (way.equals("source")) {
            Configuration config = Configuration.fromMap(Map.of("aws.region", client().getProperty("aws.region"),
                    "aws.endpoint", client().getProperty("aws.endpoint"), "flink.stream.initpos", "TRIM_HORIZON",
                    "flink.shard.discovery.intervalmillis", DISCOVERY));
            return flink.fromSource(KinesisStreamsSource.<Given>builder()
                    .setStreamArn(stage.summary().streamARN()).setSourceConfig(config).setDeserializationSchema(new OfSource()).build(),
                    WatermarkStrategy.noWatermarks(), "source", TypeInformation.of(Given.class));
        }
        Properties config = client();
        config.setProperty("flink.stream.initpos", "TRIM_HORIZON");
        config.setProperty("flink.shard.discovery.intervalmillis", DISCOVERY);
        if (way.equals("efo")) {
            config.setProperty("flink.stream.recordpublisher", "EFO");
            config.setProperty("flink.stream.efo.consumername", "flink");
        }
        return flink.addSource(new FlinkKinesisConsumer<>(stage.stream, new OfConsumer(), config));
    }

    private JobClient read() throws Exception {
        StreamExecutionEnvironment flink = StreamExecutionEnvironment.createLocalEnvironment(1);
        source(flink).addSink(new Keep());
        return flink.executeAsync("read");
    }

    // ---- the play

    private void expect(JobClient job, int count, String step) throws Exception {
        Stage.until(count + " records", () -> given.size() >= count || job.getJobStatus().join().isTerminalState());
        Records.compare(List.of(given.stream().map(Given::record).toList()), count);
        Stage.ok(step, count + " records read so far");
    }

    private void run() throws Exception {
        stage.create(2);
        write(0, 100);
        Stage.ok("put", "100 records by the sink");

        JobClient job = read();
        expect(job, 100, "read");
        stage.split();
        write(100, 150);
        expect(job, 150, "split");
        stage.merge();
        write(150, 200);
        expect(job, 200, "merge");
        stage.scale(4);
        write(200, 250);
        expect(job, 250, "update shard count");
        List<String> shards = given.stream().map(one -> one.shard).distinct().toList();
        Records.demand(shards.size() >= 6, "shards read: " + shards);
        if (way.equals("efo")) {
            Records.demand(stage.summary().consumerCount() == 1, "the connector has a consumer registered");
            Stage.ok("fan-out", "1 consumer registered");
        }

        job.cancel().get(30, TimeUnit.SECONDS);
        stage.delete();
    }

    public static void main(String[] args) {
        Stage.end(() -> new Flink(new Stage(KinesisAsyncClient.create(), args[0]), args[1]).run());
    }
}
