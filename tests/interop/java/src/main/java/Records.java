import java.nio.ByteBuffer;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kinesis.model.Record;

/** What record number i looks like, and whether those that came back are those that were put. */
final class Records {
    static final int KEYS = 10;

    private Records() {}

    static String keyOf(int i) {
        return i % KEYS == 0 ? "schlüssel-€-\uD800\uDF48" : "key-" + i % KEYS;
    }

    static int numberOf(Record record) {
        return record.data().asByteBuffer().getInt();
    }

    static SdkBytes dataOf(int i) {
        byte[] data = new byte[4 + i * 37 % 2000];
        for (int at = 4; at < data.length; at++) {
            data[at] = (byte) (i * 31 + at);
        }
        ByteBuffer.wrap(data).putInt(i);
        return SdkBytes.fromByteArrayUnsafe(data);
    }

    /** Exactly the records [0, count), as they were put, each key's in the order of putting. */
    static void compare(Collection<List<Record>> byShard, int count) {
        compare(byShard, 0, count);
    }

    /** Exactly the records [from, to), likewise. */
    static void compare(Collection<List<Record>> byShard, int from, int to) {
        Set<Integer> seen = new HashSet<>();
        for (List<Record> records : byShard) {
            Map<String, Integer> last = new HashMap<>();
            for (Record record : records) {
                int i = numberOf(record);
                demand(Arrays.equals(record.data().asByteArray(), dataOf(i).asByteArray()), "data of record " + i);
                demand(record.partitionKey().equals(keyOf(i)), "key of record " + i + ": " + record.partitionKey());
                Duration age = Duration.between(record.approximateArrivalTimestamp(), Instant.now());
                demand(age.compareTo(Duration.ofHours(1)) < 0, "time of record " + i);
                demand(from <= i && i < to, "record " + i + " is none of these");
                demand(seen.add(i), "record " + i + " came twice");
                Integer before = last.put(record.partitionKey(), i);
                demand(before == null || before < i, "record " + i + " came out of order");
            }
        }
        demand(seen.size() == to - from, seen.size() + " records came instead of " + (to - from));
    }

    static void demand(boolean condition, String words) {
        if (!condition) {
            throw new IllegalStateException(words);
        }
    }
}
