import { produce, stampCrc, ZERO_UUID } from "@ottla/protocol";
import type { Scenario, Session } from "../session.ts";
import { type NamedTopic, type PartitionBytes, produceRequest } from "./requests.ts";

const UNKNOWN_ID = "AAAAAAAAAAAAAAAAAAAAEg";

export const produceScenario: Scenario = {
  name: "produce",
  async run(session) {
    const name = session.named("log");
    const log: NamedTopic = { name, id: await session.topic(name, 2) };
    const good = session.batch([{ key: "k", value: "v" }]);
    const to = (topic: NamedTopic, ...partitions: PartitionBytes[]) => [{ ...topic, partitions }];

    await session.every("one record", produce, (version) =>
      produceRequest(version, to(log, { index: 0, records: good })),
    );
    await session.every("leader alone", produce, (version) =>
      produceRequest(version, to(log, { index: 0, records: good }), { acks: 1 }),
    );
    await session.every("two partitions, one unknown", produce, (version) =>
      produceRequest(
        version,
        to(
          log,
          { index: 0, records: good },
          { index: 1, records: good },
          { index: 9, records: good },
        ),
      ),
    );
    const none: NamedTopic = { name: session.named("none"), id: UNKNOWN_ID };
    await session.every("unknown topic", produce, (version) =>
      produceRequest(version, to(none, { index: 0, records: good })),
    );
    await session.every("nothing", produce, (version) => produceRequest(version, []));
    for (const acks of [2, -2, 100]) {
      await session.every(`acks ${acks}`, produce, (version) =>
        produceRequest(version, to(log, { index: 0, records: good }), { acks }),
      );
    }
    await session.send(
      "zero topic id",
      produce,
      13,
      produceRequest(13, to({ name, id: ZERO_UUID }, { index: 0, records: good })),
    );
    for (const codec of ["gzip", "snappy", "lz4", "zstd"] as const) {
      await session.every(codec, produce, (version) =>
        produceRequest(
          version,
          to(log, { index: 1, records: session.batch([{ value: "compressed" }], { codec }) }),
        ),
      );
    }
    await withoutAnswer(session, log, good);
    await badBatches(session);
    await badTimes(session);
    await limits(session);
    await appendTime(session);
  },
};

/** acks=0: no bytes come back; an error closes the connection. */
async function withoutAnswer(session: Session, log: NamedTopic, good: Buffer): Promise<void> {
  const send = async (
    label: string,
    version: number,
    bytes: Buffer,
    index: number,
  ): Promise<void> => {
    const on = session.line("acks-0");
    const request = produceRequest(version, [{ ...log, partitions: [{ index, records: bytes }] }], {
      acks: 0,
    });
    await session.send(label, produce, version, request, { on, withinMs: 300 });
    on.close();
  };
  for (const version of [3, 7, 9, 12, 13]) {
    await send("acks 0", version, good, 0);
    await send("acks 0 to an unknown partition", version, good, 9);
  }
}

async function badBatches(session: Session): Promise<void> {
  const one = [{ key: "k", value: "v" }];
  const two = [...one, { key: "k2", value: "v2" }];
  const changed = (bytes: Buffer, at: number, value: number, reseal: boolean): Buffer => {
    const copy = Buffer.from(bytes);
    copy.writeUInt8(value, at);
    if (reseal) stampCrc(copy, 0);
    return copy;
  };
  const good = session.batch(one);
  const resized = (size: number): Buffer => {
    const copy = Buffer.from(good);
    copy.writeInt32BE(size, 8);
    return copy;
  };
  const bad: Readonly<Record<string, Buffer>> = {
    "no bytes": Buffer.alloc(0),
    "eight bytes": Buffer.alloc(8),
    "half a batch": good.subarray(0, 40),
    "all but one byte": good.subarray(0, good.length - 1),
    "two batches": Buffer.concat([good, good]),
    "a batch and half a batch": Buffer.concat([good, good.subarray(0, 40)]),
    "a batch and three bytes": Buffer.concat([good, Buffer.alloc(3)]),
    "bad checksum": changed(good, 17, (good[17]! + 1) & 255, false),
    "changed value": changed(good, good.length - 2, 0x77, false),
    "magic 0": changed(good, 16, 0, false),
    "magic 1": changed(good, 16, 1, false),
    "magic 3": changed(good, 16, 3, false),
    "magic -1": changed(good, 16, 255, false),
    "batch length 0": resized(0),
    "batch length 48": resized(48),
    "batch length -1": resized(-1),
    "batch length beyond the bytes": resized(good.length),
    "count 2 for one record": session.batch(one, { recordsCount: 2 }),
    "count 1 for two records": session.batch(two, { recordsCount: 1 }),
    "count 0 for one record": session.batch(one, { recordsCount: 0 }),
    "count -1": session.batch(one, { recordsCount: -1 }),
    "last offset delta too large": session.batch(one, { lastOffsetDelta: 5 }),
    "last offset delta too small": session.batch(two, { lastOffsetDelta: 0 }),
    "last offset delta negative": session.batch(one, { lastOffsetDelta: -1 }),
    "record's offset delta wrong": session.batch([{ value: "v", offsetDelta: 3 }]),
    "base offset 7": session.batch(one, { baseOffset: 7 }),
    "empty batch": session.batch([], { lastOffsetDelta: -1 }),
    "control batch": session.batch(one, { attributes: 0x20 }),
    "transactional without an id": session.batch(one, {
      attributes: 0x10,
      producerId: 1,
      producerEpoch: 0,
      baseSequence: 0,
    }),
    "log append time from the client": session.batch(one, { attributes: 0x08 }),
    "delete horizon from the client": session.batch(one, { attributes: 0x40 }),
    "unused attribute bit": session.batch(one, { attributes: 0x400 }),
    "leader epoch 5": session.batch(one, { leaderEpoch: 5 }),
    "leader epoch -7": session.batch(one, { leaderEpoch: -7 }),
    "unknown codec": session.batch(one, { attributes: 7 }),
    "gzip that is not": session.batch(one, { attributes: 1 }),
    "zstd that is not": session.batch(one, { attributes: 4 }),
    "lz4 that is not": session.batch(one, { attributes: 3 }),
    "snappy that is not": session.batch(one, { attributes: 2 }),
    "sequence without a producer": session.batch(one, { baseSequence: 3 }),
    "producer without a sequence": session.batch(one, { producerId: 5, producerEpoch: 0 }),
    "producer without an epoch": session.batch(one, { producerId: 5, baseSequence: 0 }),
    "maximum timestamp wrong": session.batch(one, { maxTimestamp: session.time(999) }),
    "record's key runs past the end": changed(good, 61 + 4, 0x7e, true),
    "record's size too small": changed(good, 61, 2, true),
    "null key and null value": session.batch([{}]),
    "null header value": session.batch([{ headers: [["h", null]] }]),
    "same header twice": session.batch([
      {
        headers: [
          ["h", "1"],
          ["h", "2"],
        ],
      },
    ]),
  };
  // Each case has a partition of its own, so that one that is taken for good does not shift the offsets of the others.
  const cases = Object.entries(bad);
  const name = session.named("bad");
  const count = cases.length + 2;
  const log: NamedTopic = { name, id: await session.topic(name, count) };
  for (const [index, [label, bytes]] of cases.entries()) {
    for (const version of [3, 7, 9, 13]) {
      const request = produceRequest(version, [
        { ...log, partitions: [{ index, records: bytes }] },
      ]);
      await session.send(label, produce, version, request);
    }
  }
  await session.send(
    "null records",
    produce,
    9,
    produceRequest(9, [{ ...log, partitions: [{ index: count - 1, records: null }] }]),
    { withinMs: 1_000 },
  );
  // Duplicate entries of one partition in a request.
  const request = produceRequest(9, [
    {
      ...log,
      partitions: [
        { index: count - 2, records: good },
        { index: count - 2, records: good },
      ],
    },
  ]);
  await session.send("one partition twice", produce, 9, request);
}

async function badTimes(session: Session): Promise<void> {
  const name = session.named("bounded");
  const bounded: NamedTopic = {
    name,
    id: await session.topic(name, 1, {
      "message.timestamp.before.max.ms": "7200000",
      "message.timestamp.after.max.ms": "60000",
    }),
  };
  const times: Readonly<Record<string, number>> = {
    "in bounds": session.time(0),
    "a day old": session.time(-86_400_000),
    "a day ahead": session.time(86_400_000 + 7_200_000),
    "no timestamp": -1,
    "timestamp -2": -2,
    "timestamp 0": 0,
  };
  for (const [label, baseTimestamp] of Object.entries(times)) {
    for (const version of [3, 8, 13]) {
      const records = session.batch([{ value: "v" }], { baseTimestamp });
      const request = produceRequest(version, [
        { ...bounded, partitions: [{ index: 0, records }] },
      ]);
      await session.send(`time bounds: ${label}`, produce, version, request);
    }
  }
  const records = session.batch([
    { value: "fine" },
    { value: "late", timestampDelta: 86_400_000 + 7_200_000 },
    { value: "fine" },
  ]);
  await session.send(
    "time bounds: one record of three",
    produce,
    9,
    produceRequest(9, [{ ...bounded, partitions: [{ index: 0, records }] }]),
  );
}

async function limits(session: Session): Promise<void> {
  const small = session.named("small");
  const smallTopic: NamedTopic = {
    name: small,
    id: await session.topic(small, 1, { "max.message.bytes": "200" }),
  };
  const compacted = session.named("compacted");
  const compactedTopic: NamedTopic = {
    name: compacted,
    id: await session.topic(compacted, 1, { "cleanup.policy": "compact" }),
  };
  const careful = session.named("careful");
  const carefulTopic: NamedTopic = {
    name: careful,
    id: await session.topic(careful, 1, { "min.insync.replicas": "2" }),
  };
  const send = async (
    label: string,
    topic: NamedTopic,
    records: Buffer,
    acks = -1,
  ): Promise<void> => {
    for (const version of [3, 8, 13]) {
      const request = produceRequest(version, [{ ...topic, partitions: [{ index: 0, records }] }], {
        acks,
      });
      await session.send(label, produce, version, request);
    }
  };
  await send("at the size limit", smallTopic, session.batch([{ value: "x".repeat(130) }]));
  await send("above the size limit", smallTopic, session.batch([{ value: "x".repeat(250) }]));
  await send(
    "compressed below the size limit",
    smallTopic,
    session.batch([{ value: "x".repeat(1000) }], { codec: "gzip" }),
  );
  await send("compacted, with a key", compactedTopic, session.batch([{ key: "k", value: "v" }]));
  await send("compacted, without a key", compactedTopic, session.batch([{ value: "v" }]));
  await send(
    "compacted, one of three without a key",
    compactedTopic,
    session.batch([{ key: "a" }, { value: "v" }, { key: "c" }]),
  );
  await send("too few replicas, acks all", carefulTopic, session.batch([{ value: "v" }]));
  await send("too few replicas, acks 1", carefulTopic, session.batch([{ value: "v" }]), 1);
}

async function appendTime(session: Session): Promise<void> {
  const name = session.named("append-time");
  const topic: NamedTopic = {
    name,
    id: await session.topic(name, 1, { "message.timestamp.type": "LogAppendTime" }),
  };
  const records = session.batch([{ value: "a" }, { value: "b", timestampDelta: 5 }]);
  await session.every("log append time", produce, (version) =>
    produceRequest(version, [{ ...topic, partitions: [{ index: 0, records }] }]),
  );
}
