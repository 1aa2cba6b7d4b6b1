// play.go: the play of tests/interop/README.md by the AWS SDK for Go v2.
//
//	play STREAM
//
// The client is made as a user makes it (net/http: HTTP/2 by ALPN; JSON); endpoint, key, region and the CA
// (AWS_CA_BUNDLE) come from the environment.
package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"math/big"
	"os"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/kinesis"
	"github.com/aws/aws-sdk-go-v2/service/kinesis/types"
)

const (
	keys     = 10
	patience = 30 * time.Second
)

type player struct {
	*kinesis.Client
	ctx    context.Context
	stream *string
}

// ---- what went well, and what did not

func ok(step, detail string) { fmt.Printf("ok %s %s\n", step, detail) }

func check(err error) {
	if err != nil {
		log.Panic(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func demand(condition bool, format string, words ...any) {
	if !condition {
		log.Panicf(format, words...)
	}
}

func until(words string, condition func() bool) {
	for end := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		demand(time.Now().Before(end), "%s did not come within %v", words, patience)
	}
}

// ---- records: what number i looks like

func keyOf(i int) *string {
	if i%keys == 0 {
		return aws.String("schlüssel-€-𐍈")
	}
	return aws.String(fmt.Sprintf("key-%d", i%keys))
}

func dataOf(i int) []byte {
	data := make([]byte, 4+(i*37)%2000)
	binary.BigEndian.PutUint32(data, uint32(i))
	for at := 4; at < len(data); at++ {
		data[at] = byte(i*31 + at)
	}
	return data
}

// Exactly the records [0, count), as they were put, each key's in the order of putting.
func compare(byShard map[string][]types.Record, count int) {
	seen := map[int]bool{}
	for _, records := range byShard {
		last := map[string]int{}
		for _, record := range records {
			i := int(binary.BigEndian.Uint32(record.Data))
			key := aws.ToString(record.PartitionKey)
			demand(bytes.Equal(record.Data, dataOf(i)), "data of record %d differs", i)
			demand(key == *keyOf(i), "record %d has key %q", i, key)
			demand(time.Since(*record.ApproximateArrivalTimestamp) < time.Hour, "record %d has a strange time", i)
			demand(!seen[i], "record %d came twice", i)
			before, any := last[key]
			demand(!any || before < i, "record %d came out of order", i)
			last[key] = i
			seen[i] = true
		}
	}
	demand(len(seen) == count, "%d records came instead of %d", len(seen), count)
}

// ---- steps

func (p player) putOne(i int) {
	must(p.PutRecord(p.ctx, &kinesis.PutRecordInput{StreamName: p.stream, PartitionKey: keyOf(i), Data: dataOf(i)}))
}

func (p player) putBatch(from, to int) {
	entries := []types.PutRecordsRequestEntry{}
	for i := from; i < to; i++ {
		entries = append(entries, types.PutRecordsRequestEntry{PartitionKey: keyOf(i), Data: dataOf(i)})
	}
	answer := must(p.PutRecords(p.ctx, &kinesis.PutRecordsInput{StreamName: p.stream, Records: entries}))
	demand(*answer.FailedRecordCount == 0 && len(answer.Records) == len(entries), "records were refused")
}

func (p player) shards() []types.Shard {
	return must(p.ListShards(p.ctx, &kinesis.ListShardsInput{StreamName: p.stream})).Shards
}

// Every record of a shard; a closed one must end, and name its children.
func (p player) readShard(shard types.Shard) (records []types.Record) {
	at := must(p.GetShardIterator(p.ctx, &kinesis.GetShardIteratorInput{
		StreamName: p.stream, ShardId: shard.ShardId, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	})).ShardIterator
	closed := shard.SequenceNumberRange.EndingSequenceNumber != nil
	for {
		page := must(p.GetRecords(p.ctx, &kinesis.GetRecordsInput{ShardIterator: at}))
		records = append(records, page.Records...)
		at = page.NextShardIterator
		if at == nil {
			demand(closed && len(page.ChildShards) > 0, "%s ended with %d children", *shard.ShardId, len(page.ChildShards))
			return records
		}
		if !closed && len(page.Records) == 0 && *page.MillisBehindLatest == 0 {
			return records
		}
	}
}

func (p player) readAll(count int) {
	byShard := map[string][]types.Record{}
	for _, shard := range p.shards() {
		byShard[*shard.ShardId] = p.readShard(shard)
	}
	compare(byShard, count)
}

func (p player) summary() *types.StreamDescriptionSummary {
	return must(p.DescribeStreamSummary(p.ctx, &kinesis.DescribeStreamSummaryInput{StreamName: p.stream})).StreamDescriptionSummary
}

func (p player) waitOpenShards(count int32) {
	until(fmt.Sprintf("%d open shards", count), func() bool {
		s := p.summary()
		return s.StreamStatus == types.StreamStatusActive && *s.OpenShardCount == count
	})
}

// The shard that was split, and its children.
func (p player) split() (parent string, children []*string) {
	shard := p.shards()[0]
	low, _ := new(big.Int).SetString(*shard.HashKeyRange.StartingHashKey, 10)
	high, _ := new(big.Int).SetString(*shard.HashKeyRange.EndingHashKey, 10)
	middle := new(big.Int).Rsh(new(big.Int).Add(low, high), 1)
	must(p.SplitShard(p.ctx, &kinesis.SplitShardInput{
		StreamName: p.stream, ShardToSplit: shard.ShardId, NewStartingHashKey: aws.String(middle.String()),
	}))
	p.waitOpenShards(3)
	for _, one := range p.shards() {
		if aws.ToString(one.ParentShardId) == *shard.ShardId {
			children = append(children, one.ShardId)
		}
	}
	demand(len(children) == 2, "%d children", len(children))
	return *shard.ShardId, children
}

func (p player) merge(children []*string) {
	must(p.MergeShards(p.ctx, &kinesis.MergeShardsInput{
		StreamName: p.stream, ShardToMerge: children[0], AdjacentShardToMerge: children[1],
	}))
	p.waitOpenShards(2)
}

func (p player) updateShardCount(count int32) {
	must(p.UpdateShardCount(p.ctx, &kinesis.UpdateShardCountInput{
		StreamName: p.stream, TargetShardCount: aws.Int32(count), ScalingType: types.ScalingTypeUniformScaling,
	}))
	p.waitOpenShards(count)
}

type pushed struct {
	shard string
	event *types.SubscribeToShardEvent
	err   error
}

// Hands on every event of a shard from its beginning, until the subscription is closed or ends.
func (p player) subscribe(ctx context.Context, consumer *string, shard string, to chan<- pushed) {
	answer, err := p.SubscribeToShard(ctx, &kinesis.SubscribeToShardInput{
		ConsumerARN: consumer, ShardId: &shard,
		StartingPosition: &types.StartingPosition{Type: types.ShardIteratorTypeTrimHorizon},
	})
	if err != nil {
		to <- pushed{shard: shard, err: err}
		return
	}
	events := answer.GetStream()
	defer events.Close()
	for event := range events.Events() {
		if it, is := event.(*types.SubscribeToShardEventStreamMemberSubscribeToShardEvent); is {
			to <- pushed{shard: shard, event: &it.Value}
		} else {
			to <- pushed{shard: shard, err: fmt.Errorf("an event of another kind: %T", event)}
		}
	}
	if err := events.Err(); err != nil && ctx.Err() == nil {
		to <- pushed{shard: shard, err: err}
	}
}

func (p player) fanOut(parent string, count int) {
	name := aws.String("push")
	arn := p.summary().StreamARN
	consumer := must(p.RegisterStreamConsumer(p.ctx, &kinesis.RegisterStreamConsumerInput{StreamARN: arn, ConsumerName: name})).Consumer.ConsumerARN
	describe := &kinesis.DescribeStreamConsumerInput{StreamARN: arn, ConsumerName: name}
	until("an ACTIVE consumer", func() bool {
		return must(p.DescribeStreamConsumer(p.ctx, describe)).ConsumerDescription.ConsumerStatus == types.ConsumerStatusActive
	})
	ok("register consumer", *consumer)

	ctx, stop := context.WithTimeout(p.ctx, patience)
	defer stop()
	events := make(chan pushed, 1024)
	for _, shard := range p.shards() {
		go p.subscribe(ctx, consumer, *shard.ShardId, events)
	}
	byShard, children, held := map[string][]types.Record{}, map[string]int{}, 0
	for late := false; held <= count; {
		select {
		case got := <-events:
			check(got.err)
			byShard[got.shard] = append(byShard[got.shard], got.event.Records...)
			held += len(got.event.Records)
			children[got.shard] += len(got.event.ChildShards)
		case <-ctx.Done():
			log.Panicf("%d records were pushed instead of %d", held, count+1)
		}
		if held == count && !late { // all that was there has come: one more, to a subscription that waits
			late = true
			p.putOne(count)
		}
	}
	stop()
	compare(byShard, count+1)
	demand(children[parent] == 2, "the shard that was split named %d children", children[parent])
	ok("subscribe", fmt.Sprintf("%d records pushed from %d shards", held, len(byShard)))

	must(p.DeregisterStreamConsumer(p.ctx, &kinesis.DeregisterStreamConsumerInput{StreamARN: arn, ConsumerName: name}))
	until("the end of the consumer", func() bool {
		_, err := p.DescribeStreamConsumer(p.ctx, describe)
		return isNotFound(err)
	})
	ok("deregister consumer", "")
}

func isNotFound(err error) bool {
	var missing *types.ResourceNotFoundException
	return errors.As(err, &missing)
}

func main() {
	log.SetFlags(0)
	ctx := context.Background()
	p := player{kinesis.NewFromConfig(must(config.LoadDefaultConfig(ctx))), ctx, aws.String(os.Args[1])}
	describe := &kinesis.DescribeStreamInput{StreamName: p.stream}

	_, err := p.DescribeStream(ctx, describe)
	demand(isNotFound(err), "a stream that is not there: %v", err)
	ok("error", "ResourceNotFoundException")

	must(p.CreateStream(ctx, &kinesis.CreateStreamInput{StreamName: p.stream, ShardCount: aws.Int32(2)}))
	check(kinesis.NewStreamExistsWaiter(p, func(o *kinesis.StreamExistsWaiterOptions) { o.MinDelay = time.Second }).Wait(ctx, describe, patience))
	ok("create", *p.stream)

	p.putOne(0)
	p.putBatch(1, 100)
	ok("put", "1 + 99 records")

	p.readAll(100)
	ok("read", "100 records")

	parent, children := p.split()
	p.putBatch(100, 150)
	p.readAll(150)
	ok("split", "150 records across it")

	p.merge(children)
	p.putBatch(150, 200)
	p.readAll(200)
	ok("merge", "200 records across it")

	p.updateShardCount(4)
	p.putBatch(200, 250)
	p.readAll(250)
	ok("update shard count", "250 records across it")

	p.fanOut(parent, 250)

	must(p.DeleteStream(ctx, &kinesis.DeleteStreamInput{StreamName: p.stream}))
	check(kinesis.NewStreamNotExistsWaiter(p, func(o *kinesis.StreamNotExistsWaiterOptions) { o.MinDelay = time.Second }).Wait(ctx, describe, patience))
	ok("delete", "")
}
