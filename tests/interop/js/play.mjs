// play.mjs: the play of tests/interop/README.md by the AWS SDK for JavaScript v3.
//
//     node play.mjs STREAM [http1|http2]
//
// But for `http1` the client is made as a user makes it: it speaks HTTP/2. Everything else (endpoint, key,
// region, the CA in NODE_EXTRA_CA_CERTS) comes from the environment.

import assert from "node:assert/strict";
import {
  CreateStreamCommand,
  DeleteStreamCommand,
  DeregisterStreamConsumerCommand,
  DescribeStreamConsumerCommand,
  DescribeStreamSummaryCommand,
  GetRecordsCommand,
  GetShardIteratorCommand,
  KinesisClient,
  ListShardsCommand,
  MergeShardsCommand,
  PutRecordCommand,
  PutRecordsCommand,
  RegisterStreamConsumerCommand,
  ResourceNotFoundException,
  SplitShardCommand,
  SubscribeToShardCommand,
  UpdateShardCountCommand,
  waitUntilStreamExists,
  waitUntilStreamNotExists,
} from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const [stream, handler] = process.argv.slice(2);
const kinesis = new KinesisClient(handler === "http1" ? { requestHandler: new NodeHttpHandler() } : {});
const patience = { client: kinesis, maxWaitTime: 30, minDelay: 1, maxDelay: 1 };
const KEYS = 10;

const ok = (step, detail = "") => console.log(`ok ${step} ${detail}`.trimEnd());
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

async function until(condition, words) {
  for (const end = Date.now() + 30_000; Date.now() < end; await pause(20)) {
    const answer = await condition();
    if (answer) return answer;
  }
  throw new Error(`${words} did not come within 30 s`);
}

// ---- records: what number i looks like

const keyOf = (i) => (i % KEYS ? `key-${i % KEYS}` : "schlüssel-€-𐍈");

function dataOf(i) {
  const data = Buffer.alloc(4 + ((i * 37) % 2000));
  for (let at = 4; at < data.length; at++) data[at] = (i * 31 + at) & 255;
  data.writeUInt32BE(i);
  return data;
}

const numberOf = (record) => Buffer.from(record.Data).readUInt32BE();

/** Exactly the records [0, count), as they were put, each key's in the order of putting. */
function compare(byShard, count) {
  const seen = new Set();
  for (const records of byShard.values()) {
    const last = new Map();
    for (const record of records) {
      const i = numberOf(record);
      assert.deepEqual(Buffer.from(record.Data), dataOf(i), `data of record ${i}`);
      assert.equal(record.PartitionKey, keyOf(i));
      assert.ok(record.ApproximateArrivalTimestamp instanceof Date);
      assert.ok(!seen.has(i), `record ${i} came twice`);
      assert.ok((last.get(record.PartitionKey) ?? -1) < i, `record ${i} came out of order`);
      last.set(record.PartitionKey, i);
      seen.add(i);
    }
  }
  assert.equal(seen.size, count);
}

// ---- steps

async function putBatch(from, to) {
  const Records = [];
  for (let i = from; i < to; i++) Records.push({ PartitionKey: keyOf(i), Data: dataOf(i) });
  const answer = await kinesis.send(new PutRecordsCommand({ StreamName: stream, Records }));
  assert.equal(answer.FailedRecordCount, 0);
  assert.equal(answer.Records.length, to - from);
}

async function listShards() {
  return (await kinesis.send(new ListShardsCommand({ StreamName: stream }))).Shards;
}

/** Every record of a shard; a closed one must end, and name its children. */
async function readShard(shard) {
  const at = { StreamName: stream, ShardId: shard.ShardId, ShardIteratorType: "TRIM_HORIZON" };
  let { ShardIterator } = await kinesis.send(new GetShardIteratorCommand(at));
  const closed = shard.SequenceNumberRange.EndingSequenceNumber !== undefined;
  const records = [];
  for (;;) {
    const page = await kinesis.send(new GetRecordsCommand({ ShardIterator }));
    records.push(...page.Records);
    ShardIterator = page.NextShardIterator;
    if (!ShardIterator) {
      assert.ok(closed, "an open shard ended");
      assert.ok(page.ChildShards.length > 0, "an ended shard names its children");
      return records;
    }
    if (!closed && page.Records.length === 0 && page.MillisBehindLatest === 0) return records;
  }
}

async function readAll(count) {
  const byShard = new Map();
  for (const shard of await listShards()) byShard.set(shard.ShardId, await readShard(shard));
  compare(byShard, count);
}

async function waitOpenShards(count) {
  await until(async () => {
    const { StreamDescriptionSummary: s } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: stream }));
    return s.StreamStatus === "ACTIVE" && s.OpenShardCount === count;
  }, `${count} open shards`);
}

/** The shard that was split, and its children. */
async function split() {
  const [shard] = await listShards();
  const low = BigInt(shard.HashKeyRange.StartingHashKey);
  const high = BigInt(shard.HashKeyRange.EndingHashKey);
  const NewStartingHashKey = String((low + high + 1n) / 2n);
  await kinesis.send(new SplitShardCommand({ StreamName: stream, ShardToSplit: shard.ShardId, NewStartingHashKey }));
  await waitOpenShards(3);
  const children = (await listShards()).filter((s) => s.ParentShardId === shard.ShardId).map((s) => s.ShardId);
  assert.equal(children.length, 2);
  return [shard.ShardId, children];
}

async function merge([ShardToMerge, AdjacentShardToMerge]) {
  await kinesis.send(new MergeShardsCommand({ StreamName: stream, ShardToMerge, AdjacentShardToMerge }));
  await waitOpenShards(2);
}

async function updateShardCount(TargetShardCount) {
  await kinesis.send(new UpdateShardCountCommand({ StreamName: stream, TargetShardCount, ScalingType: "UNIFORM_SCALING" }));
  await waitOpenShards(TargetShardCount);
}

/** Reads every shard from its beginning by push until `enough()`; the children that each ended shard named. */
async function subscribe(ConsumerARN, byShard, children, enough) {
  const stop = new AbortController();
  const readers = (await listShards()).map(async ({ ShardId }) => {
    const records = byShard.set(ShardId, []).get(ShardId);
    const input = { ConsumerARN, ShardId, StartingPosition: { Type: "TRIM_HORIZON" } };
    const { EventStream } = await kinesis.send(new SubscribeToShardCommand(input), { abortSignal: stop.signal });
    try {
      for await (const { SubscribeToShardEvent: event, ...other } of EventStream) {
        assert.ok(event, `an event of another kind: ${JSON.stringify(other)}`);
        records.push(...event.Records);
        if (event.ChildShards?.length) children.set(ShardId, event.ChildShards);
        else assert.match(event.ContinuationSequenceNumber, /^\d+$/);
        if (enough()) return stop.abort();
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
  });
  await Promise.all(readers);
}

async function fanOut(parent, count) {
  const { StreamDescriptionSummary: s } = await kinesis.send(new DescribeStreamSummaryCommand({ StreamName: stream }));
  const name = { StreamARN: s.StreamARN, ConsumerName: "push" };
  const { Consumer } = await kinesis.send(new RegisterStreamConsumerCommand(name));
  await until(async () => {
    const answer = await kinesis.send(new DescribeStreamConsumerCommand(name));
    return answer.ConsumerDescription.ConsumerStatus === "ACTIVE";
  }, "an ACTIVE consumer");
  ok("register consumer", Consumer.ConsumerARN);

  const byShard = new Map();
  const children = new Map();
  let late = false;
  await subscribe(Consumer.ConsumerARN, byShard, children, () => {
    const held = [...byShard.values()].reduce((sum, records) => sum + records.length, 0);
    if (held === count && !late) {
      late = true; // all that was there has come: one more, to a subscription that waits
      kinesis.send(new PutRecordCommand({ StreamName: stream, PartitionKey: keyOf(count), Data: dataOf(count) }));
    }
    return held > count;
  });
  compare(byShard, count + 1);
  assert.equal(children.get(parent)?.length, 2);
  ok("subscribe", `${count + 1} records pushed from ${byShard.size} shards`);

  await kinesis.send(new DeregisterStreamConsumerCommand(name));
  await until(
    () => kinesis.send(new DescribeStreamConsumerCommand(name)).then(
      () => false,
      (error) => error instanceof ResourceNotFoundException,
    ),
    "the end of the consumer",
  );
  ok("deregister consumer");
}

// ---- the play

await assert.rejects(kinesis.send(new DescribeStreamSummaryCommand({ StreamName: stream })), ResourceNotFoundException);
ok("error", "ResourceNotFoundException");

await kinesis.send(new CreateStreamCommand({ StreamName: stream, ShardCount: 2 }));
await waitUntilStreamExists(patience, { StreamName: stream });
ok("create", stream);

await kinesis.send(new PutRecordCommand({ StreamName: stream, PartitionKey: keyOf(0), Data: dataOf(0) }));
await putBatch(1, 100);
ok("put", "1 + 99 records");

await readAll(100);
ok("read", "100 records");

const [parent, children] = await split();
await putBatch(100, 150);
await readAll(150);
ok("split", "150 records across it");

await merge(children);
await putBatch(150, 200);
await readAll(200);
ok("merge", "200 records across it");

await updateShardCount(4);
await putBatch(200, 250);
await readAll(250);
ok("update shard count", "250 records across it");

await fanOut(parent, 250);

await kinesis.send(new DeleteStreamCommand({ StreamName: stream }));
await waitUntilStreamNotExists(patience, { StreamName: stream });
ok("delete");
kinesis.destroy();
