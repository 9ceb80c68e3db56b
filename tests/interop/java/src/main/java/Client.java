import java.math.BigInteger;
import java.net.URI;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.async.SdkPublisher;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.model.ChildShard;
import software.amazon.awssdk.services.kinesis.model.GetRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEventStream;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

/**
 * The official Java SDK, version 2: puts and gets, and a registered consumer that stays subscribed over a split and a
 * merge, parents to their end, then their children.
 */
public final class Client {
  private static final String STREAM = "java";
  private static final int TOTAL = 150;
  private static final List<Integer> seen = Collections.synchronizedList(new ArrayList<>());
  private static KinesisAsyncClient kinesis;
  private static int written;

  public static void main(String[] arguments) throws Exception {
    kinesis = KinesisAsyncClient.builder().endpointOverride(URI.create(System.getenv("AWS_ENDPOINT_URL_KINESIS"))).build();
    done(kinesis.createStream(request -> request.streamName(STREAM).shardCount(1)));
    var summary = done(kinesis.describeStreamSummary(request -> request.streamName(STREAM))).streamDescriptionSummary();
    var consumer = done(kinesis.registerStreamConsumer(
        request -> request.streamARN(summary.streamARN()).consumerName("java"))).consumer().consumerARN();
    putBatch(50);
    get("shardId-000000000000", 50);
    follow(consumer);
    check();
    try {
      done(kinesis.describeStream(request -> request.streamName("nobody")));
      throw new AssertionError("a stream that is not there was described");
    } catch (java.util.concurrent.ExecutionException error) {
      if (!(error.getCause() instanceof ResourceNotFoundException)) throw error;
    }
    done(kinesis.deleteStream(request -> request.streamName(STREAM).enforceConsumerDeletion(true)));
    kinesis.close();
  }

  private static void putBatch(int count) throws Exception {
    var records = new ArrayList<PutRecordsRequestEntry>();
    for (int i = 0; i < count; i++, written++)
      records.add(PutRecordsRequestEntry.builder().partitionKey("key-" + written % 4)
          .data(SdkBytes.fromUtf8String(Integer.toString(written))).build());
    var answer = done(kinesis.putRecords(request -> request.streamName(STREAM).records(records)));
    if (answer.failedRecordCount() != 0) throw new AssertionError(answer.toString());
  }

  private static void putEach(int count) throws Exception {
    for (int i = 0; i < count; i++, written++) {
      var data = SdkBytes.fromUtf8String(Integer.toString(written));
      var key = "key-" + written % 4;
      done(kinesis.putRecord(request -> request.streamName(STREAM).partitionKey(key).data(data)));
    }
  }

  private static void get(String shard, int expected) throws Exception {
    var iterator = done(kinesis.getShardIterator(request -> request.streamName(STREAM).shardId(shard)
        .shardIteratorType(ShardIteratorType.TRIM_HORIZON))).shardIterator();
    var first = iterator;
    GetRecordsResponse page = done(kinesis.getRecords(request -> request.shardIterator(first)));
    if (page.records().size() != expected || page.millisBehindLatest() != 0) throw new AssertionError(page.toString());
  }

  private static void follow(String consumer) throws Exception {
    var shards = new ArrayDeque<>(List.of("shardId-000000000000"));
    while (!shards.isEmpty() && seen.size() < TOTAL) {
      var shard = shards.remove();
      var children = Collections.synchronizedList(new ArrayList<ChildShard>());
      var caughtUp = new CompletableFuture<Void>();
      var handler = SubscribeToShardResponseHandler.builder()
          .onEventStream((SdkPublisher<SubscribeToShardEventStream> events) ->
              events.filter(SubscribeToShardEvent.class).subscribe(event -> {
                event.records().forEach(record -> seen.add(Integer.parseInt(record.data().asUtf8String())));
                if (event.hasChildShards()) children.addAll(event.childShards());
                if (seen.size() >= 50) caughtUp.complete(null);
              }))
          .onError(caughtUp::completeExceptionally)
          .build();
      var subscription = kinesis.subscribeToShard(
          request -> request.consumerARN(consumer).shardId(shard)
              .startingPosition(position -> position.type(ShardIteratorType.TRIM_HORIZON)),
          handler);
      if (written == 50) {
        done(caughtUp);
        done(kinesis.splitShard(request -> request.streamName(STREAM).shardToSplit(shard)
            .newStartingHashKey(BigInteger.ONE.shiftLeft(127).toString())));
        putEach(50);
        done(kinesis.mergeShards(request -> request.streamName(STREAM).shardToMerge("shardId-000000000001")
            .adjacentShardToMerge("shardId-000000000002")));
        putEach(50);
        // The last shard ends as well, so that each subscription does.
        done(kinesis.splitShard(request -> request.streamName(STREAM).shardToSplit("shardId-000000000003")
            .newStartingHashKey(BigInteger.ONE.shiftLeft(127).toString())));
      }
      done(subscription);
      // Both parents of a merge name the same child.
      for (var child : children) if (!shards.contains(child.shardId())) shards.add(child.shardId());
    }
  }

  private static void check() {
    Map<Integer, Integer> last = new HashMap<>();
    for (int number : seen) {
      var before = last.put(number % 4, number);
      if (before != null && number < before) throw new AssertionError(number + " came after " + before);
    }
    var sorted = new ArrayList<>(seen);
    Collections.sort(sorted);
    for (int i = 0; i < TOTAL; i++)
      if (sorted.size() != TOTAL || sorted.get(i) != i) throw new AssertionError("missing or twice: " + sorted);
  }

  private static <T> T done(CompletableFuture<T> future) throws Exception {
    return future.get(60, TimeUnit.SECONDS);
  }
}
