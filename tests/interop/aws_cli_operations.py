"""Every operation that the AWS CLI knows, once each and in an order that makes sense: aws_cli_operations.py AWS_COMMAND"""

import json
import os
import subprocess
import sys
import tempfile

import botocore.session
from botocore import xform_name

used = set()
A, B = "cli-a", "cli-b"
ARN = f"arn:aws:kinesis:us-east-1:000000000000:stream/{A}"
ARN_B = f"arn:aws:kinesis:us-east-1:000000000000:stream/{B}"


def aws(operation, *arguments):
    used.add(operation)
    words = [sys.argv[1], "kinesis", operation, "--output", "json", *map(str, arguments)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(words)}\n{done.stdout}{done.stderr}"
    return json.loads(done.stdout) if done.stdout.strip() else {}


def blob(text):
    """Bytes as a file: what versions 1 and 2 of the CLI understand alike."""
    path = os.path.join(folder, "blob")
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return f"fileb://{path}"


folder = tempfile.mkdtemp()
a = ("--stream-name", A)
aws("create-stream", *a, "--shard-count", 2)
aws("create-stream", "--stream-name", B, "--stream-mode-details", "StreamMode=ON_DEMAND")
assert set(aws("list-streams")["StreamNames"]) >= {A, B}
assert aws("describe-stream", *a)["StreamDescription"]["StreamARN"] == ARN
assert aws("describe-stream-summary", *a)["StreamDescriptionSummary"]["OpenShardCount"] == 2
aws("describe-limits")
aws("describe-account-settings")

aws("add-tags-to-stream", *a, "--tags", "team=mill")
aws("tag-resource", "--resource-arn", ARN, "--tags", "colour=blue")
assert len(aws("list-tags-for-stream", *a)["Tags"]) == 2
aws("remove-tags-from-stream", *a, "--tag-keys", "team")
assert aws("list-tags-for-resource", "--resource-arn", ARN)["Tags"] == [{"Key": "colour", "Value": "blue"}]
aws("untag-resource", "--resource-arn", ARN, "--tag-keys", "colour")

aws("increase-stream-retention-period", *a, "--retention-period-hours", 48)
aws("decrease-stream-retention-period", *a, "--retention-period-hours", 24)
assert "ALL" not in aws("enable-enhanced-monitoring", *a, "--shard-level-metrics", "ALL")["DesiredShardLevelMetrics"]
aws("disable-enhanced-monitoring", *a, "--shard-level-metrics", "ALL")
key = ("--encryption-type", "KMS", "--key-id", "alias/aws/kinesis")
aws("start-stream-encryption", *a, *key)

assert aws("put-record", *a, "--partition-key", "k", "--data", blob("one"))["EncryptionType"] == "KMS"
# Version 1, which is the one that is pinned, takes bytes in JSON as they are.
records = json.dumps([{"Data": "two", "PartitionKey": "k"}])
assert aws("put-records", *a, "--records", records)["FailedRecordCount"] == 0
found = []
for shard in aws("list-shards", *a)["Shards"]:
    first = ("--shard-id", shard["ShardId"], "--shard-iterator-type", "TRIM_HORIZON")
    iterator = aws("get-shard-iterator", *a, *first)["ShardIterator"]
    found += aws("get-records", "--shard-iterator", iterator)["Records"]
assert [record["Data"] for record in found] == ["b25l", "dHdv"], found
aws("stop-stream-encryption", *a, *key)

aws("split-shard", *a, "--shard-to-split", "shardId-000000000000", "--new-starting-hash-key", 1000)
children = [s["ShardId"] for s in aws("list-shards", *a)["Shards"] if "ParentShardId" in s]
aws("merge-shards", *a, "--shard-to-merge", children[0], "--adjacent-shard-to-merge", children[1])
scaled = aws("update-shard-count", *a, "--target-shard-count", 4, "--scaling-type", "UNIFORM_SCALING")
assert scaled["TargetShardCount"] == 4, scaled
aws("update-stream-mode", "--stream-arn", ARN_B, "--stream-mode-details", "StreamMode=PROVISIONED")

consumer = aws("register-stream-consumer", "--stream-arn", ARN, "--consumer-name", "c")["Consumer"]["ConsumerARN"]
described = aws("describe-stream-consumer", "--consumer-arn", consumer)["ConsumerDescription"]
assert described["ConsumerStatus"] == "ACTIVE", described
assert len(aws("list-stream-consumers", "--stream-arn", ARN)["Consumers"]) == 1
aws("deregister-stream-consumer", "--consumer-arn", consumer)

policy = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::444455556666:root"},
        "Action": "kinesis:GetRecords",
        "Resource": ARN,
    },
}
aws("put-resource-policy", "--resource-arn", ARN, "--policy", json.dumps(policy))
assert json.loads(aws("get-resource-policy", "--resource-arn", ARN)["Policy"]) == policy
aws("delete-resource-policy", "--resource-arn", ARN)

# Those that are younger than some versions of the CLI.
known = {xform_name(name, "-") for name in botocore.session.get_session().get_service_model("kinesis").operation_names}
if "update-max-record-size" in known:
    aws("update-max-record-size", "--stream-arn", ARN, "--max-record-size-in-ki-b", 2048)
if "update-account-settings" in known:
    aws("update-account-settings", "--minimum-throughput-billing-commitment", "Status=ENABLED")
if "update-stream-warm-throughput" in known:
    aws("update-stream-mode", "--stream-arn", ARN_B, "--stream-mode-details", "StreamMode=ON_DEMAND")
    aws("update-stream-warm-throughput", "--stream-arn", ARN_B, "--warm-throughput-mi-bps", 5)

aws("delete-stream", *a)
aws("delete-stream", "--stream-name", B)
# The CLI has no command for event streams.
unused = known - used - {"subscribe-to-shard"}
assert not unused, f"no step uses {', '.join(sorted(unused))}"
