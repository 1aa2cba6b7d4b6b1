import com.amazonaws.services.kinesis.metrics.interfaces.MetricsLevel;
import java.io.Serializable;
import java.time.Instant;
import java.util.List;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.apache.spark.SparkConf;
import org.apache.spark.storage.StorageLevel;
import org.apache.spark.streaming.Durations;
import org.apache.spark.streaming.api.java.JavaDStream;
import org.apache.spark.streaming.api.java.JavaStreamingContext;
import org.apache.spark.streaming.kinesis.KinesisInitialPositions;
import org.apache.spark.streaming.kinesis.KinesisInputDStream;
import scala.reflect.ClassTag;
import scala.reflect.ClassTag$;
import scala.runtime.AbstractFunction1;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.Record;

/**
 * Spark's Kinesis source: {@code Spark STREAM}. A streaming job reads, across a split and a merge, each record once, each key's in order.
 *
 * <p>Spark runs in this process. Its leases are in DynamoDB, or what stands in for it: the source lets one set Kinesis's endpoint only, so the AWS SDK's own
 * file of regions (com.amazonaws.regions.RegionUtils.fileOverride) must name DynamoDB's.
 */
public final class Spark {
    /** A record as the source hands it on. */
    private record Given(String key, long time, byte[] data) implements Serializable {
        Record record() {
            return Record.builder().partitionKey(key).data(SdkBytes.fromByteArray(data)).approximateArrivalTimestamp(Instant.ofEpochMilli(time)).build();
        }
    }

    private static final class OfSource extends AbstractFunction1<com.amazonaws.services.kinesis.model.Record, Given> implements Serializable {
        @Override
        public Given apply(com.amazonaws.services.kinesis.model.Record record) {
            byte[] data = new byte[record.getData().remaining()];
            record.getData().get(data);
            return new Given(record.getPartitionKey(), record.getApproximateArrivalTimestamp().getTime(), data);
        }
    }

    private final ConcurrentLinkedQueue<Given> given = new ConcurrentLinkedQueue<>();
    private final Stage stage;

    private Spark(Stage stage) {
        this.stage = stage;
    }

    private JavaStreamingContext read() {
        SparkConf conf = new SparkConf().setMaster("local[3]").setAppName(stage.stream).set("spark.ui.enabled", "false")
                .set("spark.driver.host", "127.0.0.1").set("spark.driver.bindAddress", "127.0.0.1");
        JavaStreamingContext spark = new JavaStreamingContext(conf, Durations.milliseconds(500));
        ClassTag<Given> tag = ClassTag$.MODULE$.apply(Given.class);
        KinesisInputDStream<Given> source = KinesisInputDStream.builder().streamingContext(spark)
                .streamName(stage.stream).checkpointAppName(stage.stream)
                .endpointUrl(System.getenv("AWS_ENDPOINT_URL_KINESIS")).regionName(System.getenv("AWS_REGION"))
                .initialPosition(new KinesisInitialPositions.TrimHorizon()).checkpointInterval(Durations.seconds(1))
                .storageLevel(StorageLevel.MEMORY_ONLY()).metricsLevel(MetricsLevel.NONE).buildWithMessageHandler(new OfSource(), tag);
        JavaDStream.fromDStream(source, tag).foreachRDD(batch -> given.addAll(batch.collect()));
        spark.start();
        return spark;
    }

    private void expect(int count, String step) throws InterruptedException {
        Stage.until(count + " records", () -> given.size() >= count);
        Records.compare(List.of(given.stream().map(Given::record).toList()), count);
        Stage.ok(step, count + " records read so far");
    }

    private void run() throws InterruptedException {
        stage.create(2);
        stage.put(0, 100);
        JavaStreamingContext spark = read();
        expect(100, "read");
        stage.split();
        stage.put(100, 150);
        expect(150, "split");
        stage.merge();
        stage.put(150, 200);
        expect(200, "merge");
        spark.stop(true, true);
        stage.delete();
    }

    public static void main(String[] args) {
        Stage.end(() -> new Spark(new Stage(KinesisAsyncClient.create(), args[0])).run());
    }
}
