/** What one client writes, each other reads: keys, values, headers and timestamps, in the codecs that all of them read. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { Client } from "@ottla/client";
import {
  Consumer,
  MessagesStreamFallbackModes,
  MessagesStreamModes,
  Producer,
} from "@platformatic/kafka";
import kafkajs, { type IHeaders } from "kafkajs";
import { RestartableBroker } from "../../src/clients/harness.ts";
import { createTopic } from "../../src/clients/seeding.ts";
import { installKcat } from "../../src/install/kcat.ts";
import { runOrThrow } from "../../src/process/child.ts";

/** Millisecond of the first record; the others follow one by one. */
const FIRST_MS = 1_700_000_000_000;
const COUNT = 20;
const TOPIC = "each-reads-all";
const CODECS = ["none", "gzip", "zstd"] as const;
type Codec = (typeof CODECS)[number];

// KafkaJS brings gzip only; other codecs plug in.
kafkajs.CompressionCodecs[kafkajs.CompressionTypes.ZSTD] = () => ({
  compress: async ({ buffer }: { readonly buffer: Buffer }) => zstdCompressSync(buffer),
  decompress: async (buffer: Buffer) => zstdDecompressSync(buffer),
});

interface Sent {
  readonly key: string;
  readonly value: string;
  readonly header: string;
  readonly timestampMs: number;
}

/** A record in words: `key=value header@timestamp`, with `*` for the timestamp of a writer that cannot choose it. */
type Seen = string;

interface Participant {
  readonly name: string;
  /** Whether it can say when a record happened. */
  readonly setsTimestamps: boolean;
  write(bootstrap: string, records: readonly Sent[]): Promise<void>;
  /** The first `count` records of the topic. */
  read(bootstrap: string, count: number): Promise<readonly Sent[]>;
}

const ottla: Participant = {
  name: "ottla",
  setsTimestamps: true,
  async write(bootstrap, records) {
    await using client = new Client({ bootstrapServers: bootstrap });
    for (const compression of CODECS) {
      await using producer = client.producer({ compression });
      await producer.sendMany(
        part(records, compression).map(({ key, value, header, timestampMs }) => ({
          topic: TOPIC,
          key,
          value,
          timestampMs,
          headers: [{ key: "from", value: header }],
        })),
      );
    }
  },
  async read(bootstrap, count) {
    await using client = new Client({ bootstrapServers: bootstrap });
    await using consumer = client.consumer({ groupId: "ottla", autoOffsetReset: "earliest" });
    consumer.subscribe([TOPIC]);
    const seen: Sent[] = [];
    for await (const batch of consumer) {
      for (const record of batch) {
        const [header] = record.headers;
        const { timestampMs } = record;
        const [key, value] = [String(record.keyText()), String(record.valueText())];
        seen.push({ key, value, header: `${header?.value}`, timestampMs });
      }
      if (seen.length >= count) break;
    }
    return seen;
  },
};

const kafkaJs: Participant = {
  name: "kafkajs",
  setsTimestamps: true,
  async write(bootstrap, records) {
    const producer = kafkaOf(bootstrap).producer();
    await producer.connect();
    const { None, GZIP, ZSTD } = kafkajs.CompressionTypes;
    const types = { none: None, gzip: GZIP, zstd: ZSTD };
    for (const codec of CODECS) {
      const compression = types[codec];
      const messages = part(records, codec).map(({ key, value, header, timestampMs }) => ({
        key,
        value,
        timestamp: String(timestampMs),
        headers: { from: header },
      }));
      await producer.send({ topic: TOPIC, compression, messages });
    }
    await producer.disconnect();
  },
  async read(bootstrap, count) {
    const consumer = kafkaOf(bootstrap).consumer({ groupId: "kafkajs", maxWaitTimeInMs: 100 });
    await consumer.connect();
    await consumer.subscribe({ topics: [TOPIC], fromBeginning: true });
    const seen: Sent[] = [];
    const done = Promise.withResolvers<void>();
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) done.reject(payload.error);
    });
    await consumer.run({
      eachMessage: async ({ message }) => {
        const { key, value, timestamp } = message;
        const header = headerOf(message.headers);
        seen.push({
          key: String(key),
          value: String(value),
          header,
          timestampMs: Number(timestamp),
        });
        if (seen.length >= count) done.resolve();
      },
    });
    await done.promise;
    await consumer.disconnect();
    return seen;
  },
};

const platformatic: Participant = {
  name: "platformatic",
  setsTimestamps: true,
  async write(bootstrap, records) {
    for (const compression of CODECS) {
      const producer = new Producer({
        clientId: "writer",
        bootstrapBrokers: [bootstrap],
        compression,
      });
      const messages = part(records, compression).map(({ key, value, header, timestampMs }) => ({
        topic: TOPIC,
        key: Buffer.from(key),
        value: Buffer.from(value),
        headers: new Map([[Buffer.from("from"), Buffer.from(header)]]),
        timestamp: BigInt(timestampMs),
      }));
      await producer.send({ messages });
      await producer.close();
    }
  },
  async read(bootstrap, count) {
    const consumer = new Consumer({
      clientId: "reader",
      bootstrapBrokers: [bootstrap],
      groupId: "platformatic",
      maxWaitTime: 100,
    });
    const stream = await consumer.consume({
      topics: [TOPIC],
      mode: MessagesStreamModes.COMMITTED,
      fallbackMode: MessagesStreamFallbackModes.EARLIEST,
    });
    const seen: Sent[] = [];
    for await (const { key, value, headers, timestamp } of stream) {
      const [header] = [...headers.values()];
      const timestampMs = Number(timestamp);
      seen.push({ key: String(key), value: String(value), header: String(header), timestampMs });
      if (seen.length >= count) break;
    }
    await consumer.close(true);
    return seen;
  },
};

const kcat: Participant = {
  name: "kcat",
  setsTimestamps: false,
  async write(bootstrap, records) {
    for (const compression of CODECS) {
      for (const { key, value, header } of part(records, compression)) {
        const args = ["-b", bootstrap, "-P", "-t", TOPIC, "-z", compression, "-K", "\t"];
        await runOrThrow("kcat", [...args, "-H", `from=${header}`], {
          input: `${key}\t${value}\n`,
          timeoutMs: 60_000,
        });
      }
    }
  },
  async read(bootstrap) {
    const args = ["-b", bootstrap, "-C", "-t", TOPIC, "-o", "beginning", "-e", "-q", "-J"];
    const { stdout } = await runOrThrow("kcat", args, { timeoutMs: 60_000 });
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => JSON.parse(line))
      .map(({ key, payload, headers, ts }) => ({
        key,
        value: payload,
        header: headers[1],
        timestampMs: ts,
      }));
  },
};

test("what each client writes, each client reads, with headers and timestamps", async () => {
  await installKcat();
  await using broker = await RestartableBroker.start();
  const { bootstrap } = broker;
  await createTopic(broker.port, TOPIC, 2, { "retention.ms": "-1" });
  const participants = [ottla, kafkaJs, platformatic, kcat];
  const expected: Seen[] = [];
  const chosen = new Set<string>();
  for (const { name, setsTimestamps, write } of participants) {
    const count = setsTimestamps ? COUNT : 4;
    const records = Array.from({ length: count }, (_, i) => ({
      key: `${name}-${i}`,
      value: `value ${i} of ${name}, ${"äöü".repeat(i)}`,
      header: `header ${i}`,
      timestampMs: FIRST_MS + i,
    }));
    if (setsTimestamps) chosen.add(name);
    await write(bootstrap, records);
    expected.push(...records.map((record) => words(record, chosen)));
  }
  expected.sort();
  for (const { name, read } of participants) {
    const seen = await read(bootstrap, expected.length);
    assert.deepEqual(seen.map((record) => words(record, chosen)).sort(), expected, name);
  }
});

function words({ key, value, header, timestampMs }: Sent, chosen: ReadonlySet<string>): Seen {
  const isChosen = chosen.has(key.slice(0, key.lastIndexOf("-")));
  return `${key}=${value} ${header}@${isChosen ? timestampMs : "*"}`;
}

/** The records that go with the codec. */
function part(records: readonly Sent[], codec: Codec): Sent[] {
  const place = CODECS.indexOf(codec);
  return records.filter((_, index) => index % CODECS.length === place);
}

function kafkaOf(bootstrap: string) {
  return new kafkajs.Kafka({
    clientId: "each",
    brokers: [bootstrap],
    logLevel: kafkajs.logLevel.NOTHING,
  });
}

function headerOf(headers: IHeaders = {}): string {
  return String(headers.from);
}
