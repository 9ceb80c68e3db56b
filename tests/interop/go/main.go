// A registered consumer of the official Go SDK stays subscribed over a split and a merge: parents to their end, then
// their children.
package main

import (
	"context"
	"fmt"
	"log"
	"math/big"
	"slices"
	"sort"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const stream = "go-fan-out"
const total = 150

func must[T any](value T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return value
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	client := kinesis.NewFromConfig(must(config.LoadDefaultConfig(ctx)))
	must(client.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: aws.String(stream), ShardCount: aws.Int32(1)}))
	summary := must(client.DescribeStreamSummary(ctx, &kinesis.DescribeStreamSummaryInput{StreamName: aws.String(stream)}))
	arn := summary.StreamDescriptionSummary.StreamARN
	registered := must(client.RegisterStreamConsumer(ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: aws.String("go")}))

	written := 0
	put := func(count int) {
		for i := 0; i < count; i++ {
			must(client.PutRecord(ctx, &kinesis.PutRecordInput{
				StreamName:   aws.String(stream),
				PartitionKey: aws.String(fmt.Sprintf("key-%d", written%4)),
				Data:         []byte(fmt.Sprint(written)),
			}))
			written++
		}
	}

	put(50)
	var seen []int
	shards := []string{"shardId-000000000000"}
	for len(shards) > 0 && len(seen) < total {
		shard := shards[0]
		shards = shards[1:]
		answer := must(client.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
			ConsumerARN:      registered.Consumer.ConsumerARN,
			ShardId:          aws.String(shard),
			StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
		}))
		events := answer.GetStream()
		for event := range events.Events() {
			pushed := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent).Value
			for _, record := range pushed.Records {
				var number int
				must(fmt.Sscan(string(record.Data), &number))
				seen = append(seen, number)
			}
			if len(seen) == 50 && written == 50 {
				half := new(big.Int).Lsh(big.NewInt(1), 127).String()
				must(client.SplitShard(ctx, &kinesis.SplitShardInput{
					StreamName: aws.String(stream), ShardToSplit: aws.String(shard), NewStartingHashKey: aws.String(half),
				}))
				put(50)
				must(client.MergeShards(ctx, &kinesis.MergeShardsInput{
					StreamName: aws.String(stream), ShardToMerge: aws.String("shardId-000000000001"),
					AdjacentShardToMerge: aws.String("shardId-000000000002"),
				}))
				put(50)
			}
			for _, child := range pushed.ChildShards {
				// Both parents of a merge name the same child.
				if !slices.Contains(shards, *child.ShardId) {
					shards = append(shards, *child.ShardId)
				}
			}
			if len(seen) == total {
				break
			}
		}
		if err := events.Err(); err != nil {
			log.Fatal(err)
		}
		events.Close()
	}
	last := map[int]int{}
	for _, number := range seen {
		if before, ok := last[number%4]; ok && number < before {
			log.Fatalf("key %d: %d came after %d", number%4, number, before)
		}
		last[number%4] = number
	}
	sort.Ints(seen)
	for i, number := range seen {
		if i != number {
			log.Fatalf("record %d is missing or came twice: %v", i, seen)
		}
	}
	if len(seen) != total {
		log.Fatalf("%d records were put, %d came", total, len(seen))
	}
	must(client.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: aws.String(stream), EnforceConsumerDeletion: aws.Bool(true)}))
}
