#!/usr/bin/env bash
# The same story told by the AWS CLI: aws-cli.sh AWS_COMMAND ENDPOINT
set -euo pipefail
kinesis=("$1" --endpoint-url "$2" --output text kinesis)
stream=aws-cli

expect() { # expect WHAT ACTUAL EXPECTED
  [ "$2" = "$3" ] || { echo "$1: expected '$3', found '$2'" >&2; exit 1; }
}

"${kinesis[@]}" create-stream --stream-name "$stream" --shard-count 4
"${kinesis[@]}" wait stream-exists --stream-name "$stream"
for i in 1 2 3; do
  # As a file of bytes: what versions 1 and 2 of the CLI understand alike.
  "${kinesis[@]}" put-record --stream-name "$stream" --partition-key k --explicit-hash-key 0 \
    --data fileb://<(printf 'text-%s' "$i") --query ShardId >/dev/null
done
"${kinesis[@]}" split-shard --stream-name "$stream" --shard-to-split shardId-000000000000 --new-starting-hash-key 1000
iterator=$("${kinesis[@]}" get-shard-iterator --stream-name "$stream" --shard-id shardId-000000000000 \
  --shard-iterator-type TRIM_HORIZON --query ShardIterator)
data=$("${kinesis[@]}" get-records --shard-iterator "$iterator" --query 'Records[].Data' | tr '\t' '\n' | while read -r line; do
  printf '%s ' "$(printf '%s' "$line" | base64 -d)"
done)
expect records "$data" "text-1 text-2 text-3 "
expect shards "$("${kinesis[@]}" list-shards --stream-name "$stream" --query 'length(Shards)')" 6
expect "open shards" "$("${kinesis[@]}" describe-stream-summary --stream-name "$stream" --query StreamDescriptionSummary.OpenShardCount)" 5
"${kinesis[@]}" delete-stream --stream-name "$stream"
"${kinesis[@]}" wait stream-not-exists --stream-name "$stream"
