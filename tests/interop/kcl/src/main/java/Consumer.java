import java.net.URI;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import software.amazon.awssdk.auth.credentials.AwsBasicCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.regions.Region;
import software.amazon.awssdk.services.cloudwatch.CloudWatchAsyncClient;
import software.amazon.awssdk.services.dynamodb.DynamoDbAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.kinesis.common.ConfigsBuilder;
import software.amazon.kinesis.common.InitialPositionInStream;
import software.amazon.kinesis.common.InitialPositionInStreamExtended;
import software.amazon.kinesis.common.KinesisClientUtil;
import software.amazon.kinesis.coordinator.Scheduler;
import software.amazon.kinesis.lifecycle.events.InitializationInput;
import software.amazon.kinesis.lifecycle.events.LeaseLostInput;
import software.amazon.kinesis.lifecycle.events.ProcessRecordsInput;
import software.amazon.kinesis.lifecycle.events.ShardEndedInput;
import software.amazon.kinesis.lifecycle.events.ShutdownRequestedInput;
import software.amazon.kinesis.metrics.NullMetricsFactory;
import software.amazon.kinesis.processor.ShardRecordProcessor;
import software.amazon.kinesis.retrieval.KinesisClientRecord;
import software.amazon.kinesis.retrieval.fanout.FanOutConfig;
import software.amazon.kinesis.retrieval.polling.PollingConfig;

/**
 * A worker of the KCL as its users write it, on the endpoints that it is told: one line for each record that it processed, on standard
 * output, and one for each event of a shard. Ends when its standard input does.
 */
public final class Consumer {
  private static synchronized void say(String line) {
    System.out.println(line);
    System.out.flush();
  }

  private static final class Processor implements ShardRecordProcessor {
    private String shard = "";

    @Override
    public void initialize(InitializationInput input) {
      shard = input.shardId();
      say("initialize " + shard);
    }

    @Override
    public void processRecords(ProcessRecordsInput input) {
      for (KinesisClientRecord record : input.records()) {
        ByteBuffer data = record.data();
        say("record " + shard + " " + record.sequenceNumber() + " " + record.partitionKey() + " " + StandardCharsets.UTF_8.decode(data));
      }
      try {
        if (!input.records().isEmpty()) input.checkpointer().checkpoint();
      } catch (Exception error) {
        say("checkpoint-failed " + shard + " " + error.getClass().getSimpleName());
      }
    }

    @Override
    public void leaseLost(LeaseLostInput input) {
      say("lost " + shard);
    }

    @Override
    public void shardEnded(ShardEndedInput input) {
      try {
        input.checkpointer().checkpoint();
        say("ended " + shard);
      } catch (Exception error) {
        say("checkpoint-failed " + shard + " " + error.getClass().getSimpleName());
      }
    }

    @Override
    public void shutdownRequested(ShutdownRequestedInput input) {
      try {
        input.checkpointer().checkpoint();
        say("shutdown-requested " + shard);
      } catch (Exception error) {
        say("checkpoint-failed " + shard + " " + error.getClass().getSimpleName());
      }
    }
  }

  public static void main(String[] args) throws Exception {
    Map<String, String> env = System.getenv();
    String stream = env.get("STREAM");
    URI kinesisEndpoint = URI.create(env.get("KINESIS_ENDPOINT"));
    URI tablesEndpoint = URI.create(env.get("DYNAMODB_ENDPOINT"));
    Region region = Region.US_EAST_1;
    StaticCredentialsProvider credentials =
        StaticCredentialsProvider.create(AwsBasicCredentials.create("test", "test"));

    KinesisAsyncClient kinesis =
        KinesisClientUtil.createKinesisAsyncClient(
            KinesisAsyncClient.builder()
                .region(region)
                .credentialsProvider(credentials)
                .endpointOverride(kinesisEndpoint));
    DynamoDbAsyncClient tables =
        DynamoDbAsyncClient.builder()
            .region(region)
            .credentialsProvider(credentials)
            .endpointOverride(tablesEndpoint)
            .build();
    // Asked for by the builder; nothing is sent to it.
    CloudWatchAsyncClient metrics =
        CloudWatchAsyncClient.builder()
            .region(region)
            .credentialsProvider(credentials)
            .endpointOverride(URI.create("http://127.0.0.1:9"))
            .build();

    ConfigsBuilder configs =
        new ConfigsBuilder(stream, env.get("APPLICATION"), kinesis, tables, metrics, env.get("WORKER"), Processor::new);
    InitialPositionInStreamExtended oldest =
        InitialPositionInStreamExtended.newInitialPosition(InitialPositionInStream.TRIM_HORIZON);
    var retrieval = configs.retrievalConfig();
    retrieval.initialPositionInStreamExtended(oldest);
    if (env.get("RETRIEVAL").equals("fan-out")) {
      retrieval.retrievalSpecificConfig(
          new FanOutConfig(kinesis).streamName(stream).applicationName(env.get("APPLICATION")));
    } else {
      PollingConfig polling = new PollingConfig(stream, kinesis);
      polling.idleTimeBetweenReadsInMillis(250);
      retrieval.retrievalSpecificConfig(polling);
    }
    var leases = configs.leaseManagementConfig();
    leases.initialPositionInStream(oldest);
    leases.failoverTimeMillis(Long.parseLong(env.get("FAILOVER_MS")));
    leases.shardSyncIntervalMillis(2_000);
    var coordinator = configs.coordinatorConfig();
    coordinator.parentShardPollIntervalMillis(500);
    if (env.containsKey("CLIENT_VERSION")) setClientVersion(coordinator, env.get("CLIENT_VERSION"));
    Scheduler scheduler =
        new Scheduler(
            configs.checkpointConfig(),
            coordinator,
            leases,
            configs.lifecycleConfig(),
            configs.metricsConfig().metricsFactory(new NullMetricsFactory()),
            configs.processorConfig(),
            retrieval);
    Thread running = new Thread(scheduler, "scheduler");
    running.setDaemon(true);
    running.start();
    while (System.in.read() != -1) {
      // Until whoever started it closes it.
    }
    // Its graceful shutdown waits for shards that have ended until their leases are cleaned up, minutes later.
    scheduler.shutdown();
    running.join();
    say("stopped");
    System.exit(0);
  }

  /** What only KCL 3 knows: this source is compiled against KCL 2 as well. */
  @SuppressWarnings({"unchecked", "rawtypes"})
  private static void setClientVersion(Object coordinator, String name) throws Exception {
    Class type = Class.forName("software.amazon.kinesis.coordinator.CoordinatorConfig$ClientVersionConfig");
    coordinator.getClass().getMethod("clientVersionConfig", type).invoke(coordinator, Enum.valueOf(type, name));
  }
}
