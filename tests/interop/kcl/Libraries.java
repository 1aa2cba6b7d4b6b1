import java.net.URI;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.leases.LeaseManagementConfig;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.producer.KinesisProducerConfiguration;
import software.amazon.kinesis.retrieval.RetrievalSpecificConfig;

/** How the two libraries are set up against the service that the environment names: metrics, which would go to CloudWatch, are off. */
final class Libraries {
    private Libraries() {}

    /** The Client Library with its waits shortened. A lease is lost when it was not renewed for {@code failoverMs}, and leases are given out every two of these. */
    static Scheduler scheduler(ConfigsBuilder configs, RetrievalSpecificConfig retrieval, int failoverMs) {
        LeaseManagementConfig leases = configs.leaseManagementConfig().shardSyncIntervalMillis(1000).failoverTimeMillis(failoverMs)
                .leasesRecoveryAuditorExecutionFrequencyMillis(2000)
                .dynamoDbLockBasedLeaderLeaseDurationInMillis(4000).dynamoDbLockBasedLeaderHeartbeatPeriodInMillis(1000);
        leases.workerUtilizationAwareAssignmentConfig().inMemoryWorkerMetricsCaptureFrequencyMillis(500).workerMetricsReporterFreqInMillis(1000);
        return new Scheduler(
                configs.checkpointConfig(),
                configs.coordinatorConfig().parentShardPollIntervalMillis(500).shardConsumerDispatchPollIntervalMillis(200),
                leases,
                configs.lifecycleConfig(),
                configs.metricsConfig().metricsFactory(new NullMetricsFactory()),
                configs.processorConfig(),
                configs.retrievalConfig().retrievalSpecificConfig(retrieval));
    }

    static void start(Scheduler scheduler) {
        Thread worker = new Thread(scheduler, "scheduler");
        worker.setDaemon(true);
        worker.start();
    }

    /** The Producer Library, whose native program takes no environment. */
    static KinesisProducerConfiguration producer() {
        URI endpoint = URI.create(System.getenv("AWS_ENDPOINT_URL_KINESIS"));
        return new KinesisProducerConfiguration().setRegion(System.getenv("AWS_REGION"))
                .setKinesisEndpoint(endpoint.getHost()).setKinesisPort(endpoint.getPort()).setCaCertFile(System.getenv("AWS_CA_BUNDLE"))
                .setTempDirectory(System.getProperty("java.io.tmpdir")).setMetricsLevel("none");
    }
}
