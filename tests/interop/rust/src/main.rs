//! The play of tests/interop/README.md by the AWS SDK for Rust: `play STREAM`.
//!
//! The client is made as a user makes it; endpoint, key and region come from the environment, the CA from SSL_CERT_FILE.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use aws_sdk_kinesis::error::ProvideErrorMetadata;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::{
    ConsumerStatus, PutRecordsRequestEntry, Record, ScalingType, Shard, ShardIteratorType, StartingPosition,
    StreamDescriptionSummary, StreamStatus, SubscribeToShardEventStream,
};
use aws_sdk_kinesis::Client;
use tokio::time::{sleep, timeout};

type Failure = Box<dyn std::error::Error>;
type ByShard = HashMap<String, Vec<Record>>;

const KEYS: usize = 10;
const PATIENCE: Duration = Duration::from_secs(30);

struct Player {
    kinesis: Client,
    stream: String,
}

fn ok(step: &str, detail: &str) {
    println!("ok {step} {detail}");
}

fn key_of(i: usize) -> String {
    if i % KEYS == 0 {
        "schlüssel-€-𐍈".to_string()
    } else {
        format!("key-{}", i % KEYS)
    }
}

fn data_of(i: usize) -> Vec<u8> {
    let mut data: Vec<u8> = (0..4 + i * 37 % 2000).map(|at| (i * 31 + at) as u8).collect();
    data[..4].copy_from_slice(&(i as u32).to_be_bytes());
    data
}

/// Exactly the records [0, count), as they were put, each key's in the order of putting.
fn compare(by_shard: &ByShard, count: usize) {
    let mut seen = HashSet::new();
    for records in by_shard.values() {
        let mut last = HashMap::new();
        for record in records {
            let data = record.data().as_ref();
            let i = u32::from_be_bytes(data[..4].try_into().unwrap()) as usize;
            assert!(data == data_of(i), "data of record {i} differs");
            let key = record.partition_key().expect("a key");
            assert_eq!(key, key_of(i));
            assert!(record.approximate_arrival_timestamp().is_some());
            assert!(seen.insert(i), "record {i} came twice");
            let before = last.insert(key.to_string(), i);
            assert!(before.is_none_or(|b| b < i), "record {i} came out of order");
        }
    }
    assert_eq!(seen.len(), count);
}

impl Player {
    async fn put_one(&self, i: usize) -> Result<(), Failure> {
        let data = Blob::new(data_of(i));
        self.kinesis.put_record().stream_name(&self.stream).partition_key(key_of(i)).data(data).send().await?;
        Ok(())
    }

    async fn put_batch(&self, from: usize, to: usize) -> Result<(), Failure> {
        let entry = |i| PutRecordsRequestEntry::builder().partition_key(key_of(i)).data(Blob::new(data_of(i))).build().unwrap();
        let entries = (from..to).map(entry).collect();
        let answer = self.kinesis.put_records().stream_name(&self.stream).set_records(Some(entries)).send().await?;
        assert_eq!(answer.failed_record_count(), Some(0));
        assert_eq!(answer.records().len(), to - from);
        Ok(())
    }

    async fn shards(&self) -> Result<Vec<Shard>, Failure> {
        Ok(self.kinesis.list_shards().stream_name(&self.stream).send().await?.shards().to_vec())
    }

    async fn summary(&self) -> Result<Option<StreamDescriptionSummary>, Failure> {
        match self.kinesis.describe_stream_summary().stream_name(&self.stream).send().await {
            Ok(answer) => Ok(answer.stream_description_summary),
            Err(error) if error.code() == Some("ResourceNotFoundException") => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn wait_active(&self, open_shards: i32) -> Result<String, Failure> {
        loop {
            let s = self.summary().await?.expect("the stream");
            if s.stream_status() == &StreamStatus::Active && s.open_shard_count() == open_shards {
                return Ok(s.stream_arn().to_string());
            }
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Every record of a shard; a closed one must end, and name its children.
    async fn read_shard(&self, shard: &Shard) -> Result<Vec<Record>, Failure> {
        let closed = shard.sequence_number_range().and_then(|r| r.ending_sequence_number()).is_some();
        let first = self.kinesis.get_shard_iterator().stream_name(&self.stream).shard_id(shard.shard_id());
        let first = first.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await?;
        let mut at = first.shard_iterator;
        let mut records = Vec::new();
        loop {
            let page = self.kinesis.get_records().set_shard_iterator(at).send().await?;
            let idle = page.records().is_empty() && page.millis_behind_latest() == Some(0);
            records.extend_from_slice(page.records());
            if page.next_shard_iterator().is_none() {
                assert!(closed && !page.child_shards().is_empty(), "an end: {page:?}");
                return Ok(records);
            }
            if !closed && idle {
                return Ok(records);
            }
            at = page.next_shard_iterator;
        }
    }

    async fn read_all(&self, count: usize) -> Result<(), Failure> {
        let mut by_shard = ByShard::new();
        for shard in self.shards().await? {
            by_shard.insert(shard.shard_id().to_string(), self.read_shard(&shard).await?);
        }
        compare(&by_shard, count);
        Ok(())
    }

    /// The shard that was split, and its children.
    async fn split(&self) -> Result<(String, Vec<String>), Failure> {
        let shard = self.shards().await?.remove(0);
        let range = shard.hash_key_range().expect("a range");
        let (low, high): (u128, u128) = (range.starting_hash_key().parse()?, range.ending_hash_key().parse()?);
        let middle = low + (high - low) / 2 + 1;
        let split = self.kinesis.split_shard().stream_name(&self.stream).shard_to_split(shard.shard_id());
        split.new_starting_hash_key(middle.to_string()).send().await?;
        self.wait_active(3).await?;
        let all = self.shards().await?;
        let children = all.iter().filter(|s| s.parent_shard_id() == Some(shard.shard_id()));
        Ok((shard.shard_id().to_string(), children.map(|s| s.shard_id().to_string()).collect()))
    }

    async fn merge(&self, children: &[String]) -> Result<String, Failure> {
        let merge = self.kinesis.merge_shards().stream_name(&self.stream).shard_to_merge(&children[0]);
        merge.adjacent_shard_to_merge(&children[1]).send().await?;
        self.wait_active(2).await
    }

    async fn update_shard_count(&self, count: i32) -> Result<String, Failure> {
        let update = self.kinesis.update_shard_count().stream_name(&self.stream).target_shard_count(count);
        update.scaling_type(ScalingType::UniformScaling).send().await?;
        self.wait_active(count).await
    }

    /// What a shard pushes from its beginning until `want` records have come (none said: until it ends): them, and how many children it named.
    async fn pushed(&self, consumer: &str, shard: &str, want: Option<usize>) -> Result<(Vec<Record>, usize), Failure> {
        let position = StartingPosition::builder().r#type(ShardIteratorType::TrimHorizon).build()?;
        let call = self.kinesis.subscribe_to_shard().consumer_arn(consumer).shard_id(shard).starting_position(position);
        let mut answer = call.send().await?;
        let (mut records, mut children) = (Vec::new(), 0);
        while let Some(event) = answer.event_stream.recv().await? {
            let SubscribeToShardEventStream::SubscribeToShardEvent(event) = event else {
                return Err("an event of another kind".into());
            };
            records.extend_from_slice(event.records());
            children += event.child_shards().len();
            if want.is_some_and(|count| records.len() >= count) {
                break;
            }
        }
        Ok((records, children))
    }

    async fn fan_out(&self, parent: &str, count: usize) -> Result<(), Failure> {
        let arn = self.wait_active(4).await?;
        let registered = self.kinesis.register_stream_consumer().stream_arn(&arn).consumer_name("push").send().await?;
        let consumer = registered.consumer().expect("a consumer").consumer_arn().to_string();
        let describe = || self.kinesis.describe_stream_consumer().consumer_arn(&consumer).send();
        while describe().await?.consumer_description().map(|d| d.consumer_status()) != Some(&ConsumerStatus::Active) {
            sleep(Duration::from_millis(20)).await;
        }
        ok("register consumer", &consumer);

        let mut by_shard = ByShard::new();
        for shard in self.shards().await? {
            let id = shard.shard_id();
            let here = self.read_shard(&shard).await?.len();
            let closed = shard.sequence_number_range().and_then(|r| r.ending_sequence_number()).is_some();
            let (records, children) = self.pushed(&consumer, id, if closed { None } else { Some(here) }).await?;
            assert_eq!(children > 0, closed, "{id} named {children} children");
            assert!(id != parent || children == 2);
            by_shard.insert(id.to_string(), records);
        }
        compare(&by_shard, count);
        ok("subscribe", &format!("{count} records pushed from {} shards", by_shard.len()));

        self.kinesis.deregister_stream_consumer().consumer_arn(&consumer).send().await?;
        while describe().await.is_ok() {
            sleep(Duration::from_millis(20)).await;
        }
        ok("deregister consumer", "");
        Ok(())
    }

    async fn run(&self) -> Result<(), Failure> {
        assert!(self.summary().await?.is_none(), "a stream is there that was never made");
        ok("error", "ResourceNotFoundException");

        self.kinesis.create_stream().stream_name(&self.stream).shard_count(2).send().await?;
        timeout(PATIENCE, self.wait_active(2)).await??;
        ok("create", &self.stream);

        self.put_one(0).await?;
        self.put_batch(1, 100).await?;
        ok("put", "1 + 99 records");

        self.read_all(100).await?;
        ok("read", "100 records");

        let (parent, children) = timeout(PATIENCE, self.split()).await??;
        self.put_batch(100, 150).await?;
        self.read_all(150).await?;
        ok("split", "150 records across it");

        timeout(PATIENCE, self.merge(&children)).await??;
        self.put_batch(150, 200).await?;
        self.read_all(200).await?;
        ok("merge", "200 records across it");

        timeout(PATIENCE, self.update_shard_count(4)).await??;
        self.put_batch(200, 250).await?;
        self.read_all(250).await?;
        ok("update shard count", "250 records across it");

        timeout(PATIENCE, self.fan_out(&parent, 250)).await??;

        self.kinesis.delete_stream().stream_name(&self.stream).send().await?;
        timeout(PATIENCE, async {
            while self.summary().await?.is_some() {
                sleep(Duration::from_millis(20)).await;
            }
            Ok::<(), Failure>(())
        })
        .await??;
        ok("delete", "");
        Ok(())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Failure> {
    let stream = std::env::args().nth(1).expect("a stream's name");
    let kinesis = Client::new(&aws_config::load_from_env().await);
    Player { kinesis, stream }.run().await
}
