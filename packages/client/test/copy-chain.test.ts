/**
 * Exactly once under faults: a chain of transactional copies A → B → C, with several members in each group, while connections break in the
 * middle of requests, answers are lost, torn and late, coordinators claim to be none, members are killed, or held for longer than their session
 * and then let go with what they had in mind, transactions are aborted for no reason and the broker is killed. Afterwards B and C hold, per
 * key, exactly what A does, in its order.
 *
 * A run that fails after the broker itself left end markers of its transactions out proves nothing about this client and is done again (see `leftOutMarkers`).
 *
 * `FAULT_RUNS` says how many runs to do for each broker, `SEED` where to begin; a failure names its seed.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Client, orThrow } from "@ottla/client";
import { type Broker, createTopic, eventually, forEachBroker } from "./broker.ts";
import { type CopyJob, CopyWorker } from "./copy-worker.ts";
import { type FaultRates, type Random, seededRandom } from "./fault-proxy.ts";

const RUNS = Number(process.env.FAULT_RUNS ?? 2);
const FIRST_SEED = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31));
const KEYS = 12;
const FEED_MS = 25;
const PARTITIONS = { a: 3, b: 4, c: 2 } as const;
const MEMBERS = 2;
const OFFSETS_PARTITIONS = 50;
/** The share of runs with the transaction protocol before KIP-890's second part. */
const OLD_TRANSACTIONS = 0.3;
const STEPS = 8;
const ATTEMPTS = 5;
/** How long a run gets to end that will not if markers are missing where it matters. */
const DOUBTFUL_MS = 20_000;
const RATES: FaultRates = {
  lostRequest: 0.004,
  lostAnswer: 0.008,
  tornAnswer: 0.004,
  delay: 0.02,
  maxDelayMs: 60,
  movedCoordinator: 0.03,
};

forEachBroker((target) => {
  let broker: Broker;
  let steady: Client;
  /** Killed members, which still find out that nobody hears them. */
  const remains: Promise<void>[] = [];

  before(async () => {
    broker = await target.start();
    steady = new Client({ bootstrapServers: broker.bootstrap, requestTimeoutMs: 5_000 });
  });

  after(async () => {
    await Promise.all(remains);
    await steady.close();
    await broker[Symbol.asyncDispose]();
  });

  for (let i = 0; i < RUNS; i++) {
    const seed = (FIRST_SEED + i) >>> 0;
    test(`TX16: a chain of copies loses and doubles nothing and keeps the order of keys (seed ${seed})`, {
      skip: target.skipTransactions,
      timeout: ATTEMPTS * 100_000,
    }, async (t) => {
      for (let attempt = 1; ; attempt++) {
        const prefix = `chain-${process.pid}-${seed}-${attempt}-`;
        const outcome = await run(seed, prefix).catch((error: Error) => error);
        if (typeof outcome === "string") {
          t.diagnostic(outcome);
          return;
        }
        if (!broker.leftOutMarkers(prefix) || attempt === ATTEMPTS) throw outcome;
        t.diagnostic(`again: ${target.name} left end markers out`);
      }
    });
  }

  async function run(seed: number, prefix: string): Promise<string> {
    const random = seededRandom(seed);
    const name = (what: string) => prefix + what;
    const [a, b, c] = [name("a"), name("b"), name("c")];
    await createTopic(steady, { name: a, partitions: PARTITIONS.a });
    await createTopic(steady, { name: b, partitions: PARTITIONS.b });
    await createTopic(steady, { name: c, partitions: PARTITIONS.c });
    const version = random() < OLD_TRANSACTIONS ? 1 : 2;
    await finalize(version);
    const isClassic = target.skipNewGroups !== false || random() < 0.6;
    const groupProtocol = isClassic ? "classic" : "consumer";
    const jobs: CopyJob[] = [
      { from: a, to: b, groupId: name("ab"), groupProtocol },
      { from: b, to: c, groupId: name("bc"), groupProtocol },
    ];
    if (!isClassic) for (const { groupId } of jobs) await shortenSession(groupId);
    const crew = new Crew(jobs, seed);
    const feeding = new AbortController();
    const fed = feed(a, feeding.signal);
    try {
      await crew.start();
      const broken = await crew.disturb();
      feeding.abort();
      const perKey = await fed;
      crew.calm();
      await eventually(
        async () => crew.hasFailed || (await committed(c, PARTITIONS.c)).length >= perKey * KEYS,
        broker.leftOutMarkers(prefix) ? DOUBTFUL_MS : 60_000,
      ).catch(async (cause: unknown) => {
        throw new Error(
          `${crew.summary()}, ${broken}; ${await diagnose(jobs)}; ${crew.describe()}`,
          {
            cause,
          },
        );
      });
      crew.throwIfFailed();
      await crew.stop();
      for (const [topic, partitions] of [
        [b, PARTITIONS.b],
        [c, PARTITIONS.c],
      ] as const) {
        await settled(topic, partitions);
        check(topic, await committed(topic, partitions), perKey);
      }
      return `${groupProtocol}, transaction.version ${version}, ${perKey * KEYS} records, ${crew.summary()}, ${broken}`;
    } finally {
      feeding.abort();
      await fed;
      await crew.stop();
    }
  }

  /** The members of all stages, and what happens to them. */
  class Crew {
    readonly #jobs: readonly CopyJob[];
    readonly #seed: number;
    /** What happens to whom: every member's connections have numbers of their own. */
    readonly #random: Random;
    readonly #workers: CopyWorker[] = [];
    readonly #all: CopyWorker[] = [];

    constructor(jobs: readonly CopyJob[], seed: number) {
      this.#jobs = jobs;
      this.#seed = seed * 1_000;
      this.#random = seededRandom(this.#seed);
    }

    async start(): Promise<void> {
      for (let i = 0; i < this.#jobs.length * MEMBERS; i++) await this.#replace(i);
    }

    /** Does harm for a while. Says what. */
    async disturb(): Promise<string> {
      const done: string[] = [];
      const killsBroker = broker.restart !== undefined && this.#random() < target.brokerKills;
      const brokerStep = killsBroker ? Math.floor(this.#random() * STEPS) : -1;
      for (let step = 0; step < STEPS; step++) {
        await delay(50 + this.#random() * 300);
        this.throwIfFailed();
        if (step === brokerStep) {
          done.push("broker");
          await broker.restart!();
          continue;
        }
        const index = Math.floor(this.#random() * this.#workers.length);
        const worker = this.#workers[index]!;
        const harm = this.#random();
        if (harm < 0.35) {
          done.push("kill");
          remains.push(worker.kill());
          await this.#replace(index);
        } else if (harm < 0.6) {
          done.push("pause");
          const release = worker.proxy.hold();
          await delay(1_100 + this.#random() * 600);
          release();
        } else {
          done.push("reset");
          worker.proxy.reset();
        }
      }
      return done.join(" ");
    }

    /** No more faults. */
    calm(): void {
      for (const worker of this.#workers) worker.proxy.rates = null;
    }

    async stop(): Promise<void> {
      const workers = this.#workers.splice(0);
      await Promise.all(workers.map((worker) => worker.stop()));
    }

    get hasFailed(): boolean {
      return this.#all.some(({ failure }) => failure !== null);
    }

    throwIfFailed(): void {
      for (const { failure } of this.#all) if (failure !== null) throw failure;
    }

    describe(): string {
      return this.#workers.map((worker) => worker.describe()).join();
    }

    summary(): string {
      const sum = (of: (worker: CopyWorker) => number) =>
        this.#all.reduce((total, worker) => total + of(worker), 0);
      const met = new Map<string, number>();
      for (const worker of this.#all) {
        for (const [name, count] of worker.met) met.set(name, (met.get(name) ?? 0) + count);
      }
      const errors = [...met].map(([name, count]) => `${name} ${count}`).join(", ");
      return (
        `${sum((w) => w.commits)} commits, ${sum((w) => w.aborts)} aborts, ` +
        `${sum((w) => w.proxy.faults)} faults, met ${errors || "nothing"}`
      );
    }

    async #replace(index: number): Promise<void> {
      const job = this.#jobs[Math.floor(index / MEMBERS)]!;
      const worker = await CopyWorker.start({
        job,
        transactionalId: `${job.groupId}-${index}`,
        transactionTimeoutMs: target.transactionTimeoutMs,
        port: broker.port,
        random: seededRandom(this.#seed + this.#all.length + 1),
        rates: RATES,
      });
      this.#workers[index] = worker;
      this.#all.push(worker);
    }
  }

  /** Sends a record of every key again and again until it is told to stop. Returns how many of each key there are. */
  async function feed(topic: string, signal: AbortSignal): Promise<number> {
    await using producer = steady.producer();
    let round = 0;
    while (!signal.aborted) {
      const value = String(round++);
      await producer.sendMany(
        Array.from({ length: KEYS }, (_, i) => ({ topic, key: `key-${i}`, value })),
      );
      await delay(FEED_MS);
    }
    return round;
  }

  /** Sets the cluster's transaction.version and waits until the broker says so. */
  async function finalize(level: number): Promise<void> {
    const name = "transaction.version";
    const current = async () =>
      (await steady.admin.describeFeatures()).find((feature) => feature.name === name)?.level;
    const now = (await current()) ?? 0;
    if (now === level) return;
    const type = level > now ? "upgrade" : "unsafe-downgrade";
    orThrow(await steady.admin.updateFeatures([{ name, level, type }]));
    await eventually(async () => (await current()) === level);
  }

  async function shortenSession(groupId: string): Promise<void> {
    const changes = [
      { name: "consumer.session.timeout.ms", value: "1000" },
      { name: "consumer.heartbeat.interval.ms", value: "200" },
    ];
    orThrow(
      await steady.admin.incrementalAlterConfigs([{ type: "group", name: groupId, changes }]),
    );
  }

  const partitionsOf = (topic: string, count: number) =>
    Array.from({ length: count }, (_, partition) => ({ topic, partition, at: "latest" as const }));

  /** What a committed reader sees before the last stable offset: partition, key and value. */
  async function committed(topic: string, count: number): Promise<[string, string][]> {
    const isolationLevel = "read_committed";
    const partitions = partitionsOf(topic, count);
    const ends = await steady.admin.listOffsets(partitions, { isolationLevel });
    await using consumer = steady.consumer({ autoOffsetReset: "earliest", isolationLevel });
    consumer.assign(partitions);
    const records: [string, string][] = [];
    await eventually(async () => {
      for (const batch of await consumer.poll({ timeoutMs: 50 })) {
        for (const record of batch) records.push([record.keyText()!, record.valueText()!]);
      }
      return ends.every((end) => consumer.position(end) >= end.offset);
    });
    return records;
  }

  /** Where a chain that makes no progress stands. */
  async function diagnose(jobs: readonly CopyJob[]): Promise<string> {
    const { admin } = steady;
    const ids = jobs.flatMap(({ groupId }, stage) =>
      Array.from({ length: MEMBERS }, (_, i) => `${groupId}-${stage * MEMBERS + i}`),
    );
    const transactions = await admin.describeTransactions(ids);
    const groups = await Promise.all(
      jobs.map(async ({ from, groupId }) => {
        const committed = await admin.fetchGroupOffsets(groupId);
        const partitions = committed.map((each) => ({ ...each, at: "latest" as const }));
        const isolationLevel = "read_committed";
        const ends = await admin.listOffsets(partitions, { isolationLevel });
        const all = await admin.listOffsets(partitions);
        return committed.map(
          ({ partition, offset }, i) =>
            `${from}[${partition}] ${offset} of ${ends[i]!.offset} of ${all[i]!.offset}`,
        );
      }),
    );
    const described = await admin.describeProducers([
      ...partitionsOf(jobs[0]!.to, PARTITIONS.b),
      ...partitionsOf("__consumer_offsets", OFFSETS_PARTITIONS),
    ]);
    const open = described.flatMap(({ topic, partition, producers }) =>
      producers
        .filter(({ transactionStartOffset }) => transactionStartOffset >= 0)
        .map((producer) => ({ topic, partition, ...producer })),
    );
    return JSON.stringify([transactions, groups, open]);
  }

  /** No transaction is open in the topic any more. */
  async function settled(topic: string, count: number): Promise<void> {
    const partitions = partitionsOf(topic, count);
    await eventually(async () => {
      const [stable, all] = await Promise.all([
        steady.admin.listOffsets(partitions, { isolationLevel: "read_committed" }),
        steady.admin.listOffsets(partitions),
      ]);
      return stable.every(({ offset }, i) => offset === all[i]!.offset);
    });
  }

  function check(
    topic: string,
    records: readonly (readonly [string, string])[],
    perKey: number,
  ): void {
    const byKey = new Map<string, number[]>();
    for (const [key, value] of records) {
      byKey.set(key, [...(byKey.get(key) ?? []), Number(value)]);
    }
    const expected = Array.from({ length: perKey }, (_, i) => i);
    assert.equal(byKey.size, KEYS);
    for (const [key, values] of byKey) assert.deepEqual(values, expected, `${topic}: ${key}`);
  }
});
