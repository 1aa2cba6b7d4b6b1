import java.util.concurrent.CompletionException;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.*;

/** The operations of the play, by either client of the SDK. */
interface Calls {
    CreateStreamResponse call(CreateStreamRequest request);

    DeleteStreamResponse call(DeleteStreamRequest request);

    DescribeStreamSummaryResponse call(DescribeStreamSummaryRequest request);

    PutRecordResponse call(PutRecordRequest request);

    PutRecordsResponse call(PutRecordsRequest request);

    ListShardsResponse call(ListShardsRequest request);

    GetShardIteratorResponse call(GetShardIteratorRequest request);

    GetRecordsResponse call(GetRecordsRequest request);

    SplitShardResponse call(SplitShardRequest request);

    MergeShardsResponse call(MergeShardsRequest request);

    UpdateShardCountResponse call(UpdateShardCountRequest request);

    RegisterStreamConsumerResponse call(RegisterStreamConsumerRequest request);

    DescribeStreamConsumerResponse call(DescribeStreamConsumerRequest request);

    DeregisterStreamConsumerResponse call(DeregisterStreamConsumerRequest request);

    void waitUntilExists(DescribeStreamRequest request);

    void waitUntilGone(DescribeStreamRequest request);

    /** The sync client: HTTP/1.1. */
    static Calls of(KinesisClient client) {
        return new Calls() {
            public CreateStreamResponse call(CreateStreamRequest r) { return client.createStream(r); }
            public DeleteStreamResponse call(DeleteStreamRequest r) { return client.deleteStream(r); }
            public DescribeStreamSummaryResponse call(DescribeStreamSummaryRequest r) { return client.describeStreamSummary(r); }
            public PutRecordResponse call(PutRecordRequest r) { return client.putRecord(r); }
            public PutRecordsResponse call(PutRecordsRequest r) { return client.putRecords(r); }
            public ListShardsResponse call(ListShardsRequest r) { return client.listShards(r); }
            public GetShardIteratorResponse call(GetShardIteratorRequest r) { return client.getShardIterator(r); }
            public GetRecordsResponse call(GetRecordsRequest r) { return client.getRecords(r); }
            public SplitShardResponse call(SplitShardRequest r) { return client.splitShard(r); }
            public MergeShardsResponse call(MergeShardsRequest r) { return client.mergeShards(r); }
            public UpdateShardCountResponse call(UpdateShardCountRequest r) { return client.updateShardCount(r); }
            public RegisterStreamConsumerResponse call(RegisterStreamConsumerRequest r) { return client.registerStreamConsumer(r); }
            public DescribeStreamConsumerResponse call(DescribeStreamConsumerRequest r) { return client.describeStreamConsumer(r); }
            public DeregisterStreamConsumerResponse call(DeregisterStreamConsumerRequest r) { return client.deregisterStreamConsumer(r); }
            public void waitUntilExists(DescribeStreamRequest r) { client.waiter().waitUntilStreamExists(r); }
            public void waitUntilGone(DescribeStreamRequest r) { client.waiter().waitUntilStreamNotExists(r); }
        };
    }

    /** The async client: HTTP/2. */
    static Calls of(KinesisAsyncClient client) {
        return new Calls() {
            public CreateStreamResponse call(CreateStreamRequest r) { return of(client.createStream(r)); }
            public DeleteStreamResponse call(DeleteStreamRequest r) { return of(client.deleteStream(r)); }
            public DescribeStreamSummaryResponse call(DescribeStreamSummaryRequest r) { return of(client.describeStreamSummary(r)); }
            public PutRecordResponse call(PutRecordRequest r) { return of(client.putRecord(r)); }
            public PutRecordsResponse call(PutRecordsRequest r) { return of(client.putRecords(r)); }
            public ListShardsResponse call(ListShardsRequest r) { return of(client.listShards(r)); }
            public GetShardIteratorResponse call(GetShardIteratorRequest r) { return of(client.getShardIterator(r)); }
            public GetRecordsResponse call(GetRecordsRequest r) { return of(client.getRecords(r)); }
            public SplitShardResponse call(SplitShardRequest r) { return of(client.splitShard(r)); }
            public MergeShardsResponse call(MergeShardsRequest r) { return of(client.mergeShards(r)); }
            public UpdateShardCountResponse call(UpdateShardCountRequest r) { return of(client.updateShardCount(r)); }
            public RegisterStreamConsumerResponse call(RegisterStreamConsumerRequest r) { return of(client.registerStreamConsumer(r)); }
            public DescribeStreamConsumerResponse call(DescribeStreamConsumerRequest r) { return of(client.describeStreamConsumer(r)); }
            public DeregisterStreamConsumerResponse call(DeregisterStreamConsumerRequest r) { return of(client.deregisterStreamConsumer(r)); }
            public void waitUntilExists(DescribeStreamRequest r) { of(client.waiter().waitUntilStreamExists(r)); }
            public void waitUntilGone(DescribeStreamRequest r) { of(client.waiter().waitUntilStreamNotExists(r)); }

            private static <T> T of(java.util.concurrent.CompletableFuture<T> future) {
                try {
                    return future.join();
                } catch (CompletionException e) {
                    throw e.getCause() instanceof KinesisException k ? k : e;
                }
            }
        };
    }
}
