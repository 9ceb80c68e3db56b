"""A stream written, split, merged and read back, parents before children, by the official Python SDK."""

import boto3
from botocore.config import Config

kinesis = boto3.client("kinesis", config=Config(retries={"max_attempts": 0}))
STREAM = "boto3"


def read_shard(shard_id):
    iterator = kinesis.get_shard_iterator(StreamName=STREAM, ShardId=shard_id, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    found = []
    while iterator:
        page = kinesis.get_records(ShardIterator=iterator)
        found += [record["Data"].decode() for record in page["Records"]]
        if page["MillisBehindLatest"] == 0 and not page["Records"]:
            break
        iterator = page.get("NextShardIterator")
    return found, page.get("ChildShards", [])


kinesis.create_stream(StreamName=STREAM, ShardCount=4)
kinesis.get_waiter("stream_exists").wait(StreamName=STREAM)
assert kinesis.describe_stream_summary(StreamName=STREAM)["StreamDescriptionSummary"]["OpenShardCount"] == 4
assert STREAM in kinesis.list_streams()["StreamNames"]

records = [{"Data": f"before-{i}".encode(), "PartitionKey": f"key-{i % 16}"} for i in range(200)]
answer = kinesis.put_records(StreamName=STREAM, Records=records)
assert answer["FailedRecordCount"] == 0, answer
assert all(len(result["SequenceNumber"]) == 56 for result in answer["Records"])

kinesis.split_shard(StreamName=STREAM, ShardToSplit="shardId-000000000000", NewStartingHashKey=str(2**125))
kinesis.merge_shards(StreamName=STREAM, ShardToMerge="shardId-000000000002", AdjacentShardToMerge="shardId-000000000003")
for i in range(200):
    kinesis.put_record(StreamName=STREAM, Data=f"after-{i}".encode(), PartitionKey=f"key-{i % 16}")

order = {}
shards = kinesis.get_paginator("list_shards").paginate(StreamName=STREAM).build_full_result()["Shards"]
assert len(shards) == 7, shards
for shard in shards:  # ascending ids: parents before children
    texts, children = read_shard(shard["ShardId"])
    closed = "EndingSequenceNumber" in shard["SequenceNumberRange"]
    assert bool(children) == closed, (shard, children)
    for text in texts:
        phase, i = text.split("-")
        order.setdefault(int(i) % 16, []).append((phase == "after", int(i)))
assert sum(map(len, order.values())) == 400
for key, seen in order.items():
    assert seen == sorted(seen), (key, seen)

try:
    kinesis.describe_stream(StreamName="nobody")
    raise AssertionError("a stream that is not there was described")
except kinesis.exceptions.ResourceNotFoundException as error:
    assert error.response["Error"]["Message"] == "Stream nobody under account 000000000000 not found.", error

kinesis.increase_stream_retention_period(StreamName=STREAM, RetentionPeriodHours=48)
kinesis.delete_stream(StreamName=STREAM)
kinesis.get_waiter("stream_not_exists").wait(StreamName=STREAM)


def subscribe():
    """A registered consumer stays subscribed over a split and a merge: parents to their end, then their children."""
    stream = "boto3-fan-out"
    kinesis.create_stream(StreamName=stream, ShardCount=1)
    arn = kinesis.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    consumer = kinesis.register_stream_consumer(StreamARN=arn, ConsumerName="boto3")["Consumer"]["ConsumerARN"]
    status = kinesis.describe_stream_consumer(ConsumerARN=consumer)["ConsumerDescription"]["ConsumerStatus"]
    assert status == "ACTIVE", status
    total = 150

    def put(first, last):
        for i in range(first, last):
            kinesis.put_record(StreamName=stream, Data=f"{i}".encode(), PartitionKey=f"key-{i % 4}")

    def reshard(shard):
        kinesis.split_shard(StreamName=stream, ShardToSplit=shard, NewStartingHashKey=str(2**127))
        put(50, 100)
        kinesis.merge_shards(
            StreamName=stream, ShardToMerge="shardId-000000000001", AdjacentShardToMerge="shardId-000000000002"
        )
        put(100, total)

    put(0, 50)
    seen, shards, resharded = [], ["shardId-000000000000"], False
    while shards and len(seen) < total:
        shard = shards.pop(0)
        answer = kinesis.subscribe_to_shard(
            ConsumerARN=consumer, ShardId=shard, StartingPosition={"Type": "TRIM_HORIZON"}
        )
        for event in answer["EventStream"]:
            pushed = event["SubscribeToShardEvent"]
            seen += [int(record["Data"]) for record in pushed["Records"]]
            if not resharded and len(seen) == 50:
                reshard(shard)
                resharded = True
            children = [child["ShardId"] for child in pushed.get("ChildShards", [])]
            assert bool(children) != bool(pushed.get("ContinuationSequenceNumber")), pushed
            shards += [child for child in children if child not in shards]  # both parents of a merge name the same child
            if len(seen) == total:
                break
        answer["EventStream"].close()
    assert sorted(seen) == list(range(total)), seen
    for key in range(4):
        of_key = [i for i in seen if i % 4 == key]
        assert of_key == sorted(of_key), (key, of_key)
    kinesis.delete_stream(StreamName=stream, EnforceConsumerDeletion=True)


subscribe()
