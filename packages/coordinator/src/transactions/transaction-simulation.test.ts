/**
 * Random producers against random trouble: two of each share a transactional id, appends become durable a few at a time, fail, or are cut off by
 * crashes that leave any prefix of them; partitions go offline, transactions time out, epochs run out. Whatever happens: a transaction is committed
 * in all its partitions and offsets or in none, and committed only when its producer asked for it; what was acknowledged is there; nobody writes
 * after another has taken over; the offsets are those that the log tells; and with the trouble over nothing stays open.
 * A failure prints the seed that replays it. OTTLA_RUNS=1000 OTTLA_SEED=7 for more, from elsewhere.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@ottla/platform";
import type { ProducerIdentity } from "../coordinator-log.ts";
import { CoordinatorAppendRejected } from "../errors.ts";
import { decodeGroupRecord } from "../groups/records/record-types.ts";
import { type Producer, TransactionHarness } from "./transaction-harness.ts";
import { unborn } from "./transaction-metadata.ts";
import { encodeTransactionRecord } from "./transaction-record.ts";
import type { TransactionVersion } from "./transaction-types.ts";

const GROUP = "group";
const TIMEOUT_MS = 20_000;
const IDS = ["a", "b", "c"];

/** What is known of one transaction, from outside. */
interface Story {
  wanted: "commit" | "abort" | null;
  told: "commit" | "abort" | null;
  readonly acknowledged: string[];
}

class Simulation {
  readonly harness: TransactionHarness;
  readonly random: SeededRandom;
  readonly stories = new Map<string, Story>();
  /** Who was last told that an id is theirs. */
  readonly owners = new Map<string, Client>();
  readonly clients: Client[] = [];
  readonly violations: string[] = [];
  offsets = 0;

  constructor(harness: TransactionHarness, random: SeededRandom) {
    this.harness = harness;
    this.random = random;
    for (const [index, id] of IDS.entries()) {
      for (const twin of [1, 2]) {
        const version = (index + twin) % 3 === 0 ? 0 : 2;
        this.clients.push(new Client(this, `${id}${twin}`, id, version));
      }
    }
  }

  story(tag: string): Story {
    let story = this.stories.get(tag);
    if (story === undefined) {
      story = { wanted: null, told: null, acknowledged: [] };
      this.stories.set(tag, story);
    }
    return story;
  }

  chance(percent: number): boolean {
    return this.random.integer(100) < percent;
  }

  async step(): Promise<void> {
    const { harness, random } = this;
    const { journal } = harness;
    for (const client of this.clients) if (this.chance(50)) client.act();
    if (this.chance(5)) void this.#commitPlainly();
    if (this.chance(1)) void this.#deleteOffsets();
    if (this.chance(2)) journal.fail({ rejection: "unavailable", count: 1 + random.integer(2) });
    if (this.chance(2)) {
      const partition = harness.partitions[random.integer(harness.partitions.length)]!;
      partition.isOffline = !partition.isOffline;
    }
    harness.hasProducerIds = !this.chance(5);
    await harness.advance(this.chance(1) ? random.integer(TIMEOUT_MS) : random.integer(300));
    if (this.chance(80)) journal.releaseNext(1 + random.integer(journal.held + 1));
    await harness.settle();
    if (this.chance(2)) await this.crash();
  }

  async crash(): Promise<void> {
    const { harness, random } = this;
    for (const client of this.clients) client.onCrash();
    await harness.restart(random.integer(harness.journal.held + 1));
    harness.journal.hold();
  }

  /** Ends the trouble, and gives everything the time it needs. */
  async calm(): Promise<void> {
    const { harness } = this;
    for (const client of this.clients) client.onCrash();
    harness.hasProducerIds = true;
    harness.journal.fail({ rejection: "unavailable", count: 0 });
    for (const partition of harness.partitions) partition.isOffline = false;
    harness.journal.release();
    await harness.advance(3 * TIMEOUT_MS);
  }

  async #commitPlainly(): Promise<void> {
    const partition = {
      partitionIndex: 0,
      committedOffset: this.offsets++,
      committedLeaderEpoch: -1,
      committedMetadata: "plain",
    };
    await this.harness.groups.commitOffsets({
      groupId: GROUP,
      generationIdOrMemberEpoch: -1,
      memberId: "",
      groupInstanceId: null,
      retentionTimeMs: -1,
      knowsGroupIdNotFound: true,
      topics: [{ name: "topic", topicId: null, partitions: [partition] }],
    });
  }

  async #deleteOffsets(): Promise<void> {
    const topics = [{ name: "topic", partitions: [{ partitionIndex: 0 }] }];
    await this.harness.groups.deleteOffsets({ groupId: GROUP, topics });
  }
}

class Client {
  readonly #simulation: Simulation;
  readonly name: string;
  readonly #transactionalId: string;
  readonly #version: TransactionVersion;
  #identity: ProducerIdentity | null = null;
  /** Counts what is given up: an answer to something older is not heard. */
  #life = 0;
  #isWaiting = false;
  #transactions = 0;
  #values = 0;
  /** The tag of the transaction that is open as far as this client knows. */
  #open: string | null = null;
  /** Partitions that were added to it (before version 2). */
  readonly #added = new Set<number>();
  /** An end that was not answered, or with an error that allows to ask again. */
  #ending: boolean | null = null;

  constructor(
    simulation: Simulation,
    name: string,
    transactionalId: string,
    version: TransactionVersion,
  ) {
    this.#simulation = simulation;
    this.name = name;
    this.#transactionalId = transactionalId;
    this.#version = version;
  }

  /** The connection is gone, and with it the answer. */
  onCrash(): void {
    this.#life++;
    this.#isWaiting = false;
  }

  act(): void {
    const { random } = this.#simulation;
    if (this.#isWaiting) {
      if (this.#open !== null && this.#identity !== null && random.integer(10) === 0) {
        this.#produceMeanwhile();
      }
      return;
    }
    if (this.#identity === null) {
      if (this.#simulation.chance(2)) this.#wait(this.#init());
    } else if (this.#ending !== null) this.#wait(this.#end(this.#ending));
    else if (random.integer(400) === 0) this.#wait(this.#init());
    else if (this.#open !== null && this.#simulation.chance(25)) {
      this.#wait(this.#end(random.integer(3) > 0));
    } else if (this.#simulation.chance(25)) this.#wait(this.#commitOffset());
    else this.#wait(this.#produce(random.integer(this.#simulation.harness.partitions.length)));
  }

  #wait(operation: Promise<(() => void) | null>): void {
    const life = this.#life;
    this.#isWaiting = true;
    void operation.then((finish) => {
      if (life !== this.#life) return;
      this.#isWaiting = false;
      finish?.();
    });
  }

  /** Produces although something else has not been answered, be it the end of the transaction. */
  #produceMeanwhile(): void {
    const life = this.#life;
    const { random, harness } = this.#simulation;
    void this.#produce(random.integer(harness.partitions.length)).then((finish) => {
      if (life === this.#life) finish?.();
    });
  }

  get #producer(): Producer {
    return { ...this.#identity!, transactionalId: this.#transactionalId };
  }

  async #init(): Promise<(() => void) | null> {
    const { harness } = this.#simulation;
    const expected = this.#simulation.chance(50) ? this.#identity : null;
    const life = this.#life;
    const result = await harness.init({
      transactionalId: this.#transactionalId,
      transactionTimeoutMs: TIMEOUT_MS,
      expected,
    });
    if (result.error === "NONE" && life === this.#life) {
      this.#simulation.owners.set(this.#transactionalId, this);
    }
    return () => {
      if (result.error === "NONE") {
        const { producerId, producerEpoch } = result;
        this.#begin({ producerId, producerEpoch });
      } else if (result.error === "PRODUCER_FENCED") this.#identity = null;
    };
  }

  #begin(identity: ProducerIdentity | null): void {
    this.#identity = identity;
    this.#open = null;
    this.#ending = null;
    this.#added.clear();
  }

  /** The tag of the transaction, which begins here if none is open. */
  #tag(): string {
    this.#open ??= `${this.name}-${this.#transactions++}`;
    return this.#open;
  }

  async #produce(partition: number): Promise<(() => void) | null> {
    const { harness } = this.#simulation;
    const producer = this.#producer;
    const tag = this.#tag();
    if (this.#version < 2 && !this.#added.has(partition)) {
      const error = await harness.add(producer, [partition], this.#version);
      return () => {
        if (error === "NONE") this.#added.add(partition);
        else this.#fail(error);
      };
    }
    const value = `${tag}/${this.#values++}`;
    const onAdmitted = () => {
      const { owners, violations } = this.#simulation;
      const owner = owners.get(this.#transactionalId);
      if (owner !== this) violations.push(`${value} after ${owner?.name} took over`);
    };
    const error = await harness
      .produce(producer, partition, value, this.#version, onAdmitted)
      .catch((cause: unknown) => {
        if (cause instanceof CoordinatorAppendRejected) return "LOST";
        throw cause;
      });
    return () => {
      if (error === "NONE") this.#simulation.story(tag).acknowledged.push(value);
      else this.#fail(error);
    };
  }

  async #commitOffset(): Promise<(() => void) | null> {
    const { harness } = this.#simulation;
    const tag = this.#tag();
    const value = `${tag}/${this.#values++}`;
    const error = await harness.commitOffset(this.#producer, GROUP, this.#simulation.offsets++, {
      transactionVersion: this.#version,
      metadata: value,
    });
    return () => {
      if (error === "NONE") this.#simulation.story(tag).acknowledged.push(value);
      else this.#fail(error);
    };
  }

  async #end(commit: boolean): Promise<(() => void) | null> {
    const { harness } = this.#simulation;
    const tag = this.#open;
    if (tag !== null) this.#simulation.story(tag).wanted ??= commit ? "commit" : "abort";
    this.#ending = commit;
    const result = await harness.end(this.#producer, commit, this.#version);
    return () => {
      switch (result.error) {
        case "NONE": {
          if (tag !== null) this.#simulation.story(tag).told = commit ? "commit" : "abort";
          const { producerId, producerEpoch } = result;
          this.#begin(this.#version < 2 ? this.#identity : { producerId, producerEpoch });
          return;
        }
        case "CONCURRENT_TRANSACTIONS":
        case "COORDINATOR_NOT_AVAILABLE":
          return;
        default:
          this.#begin(null);
      }
    };
  }

  /** Something in the transaction failed: try again, abort, or start anew. */
  #fail(error: string): void {
    if (error === "CONCURRENT_TRANSACTIONS") return;
    if (error === "COORDINATOR_NOT_AVAILABLE" || error === "LOST") {
      if (this.#simulation.chance(50)) this.#ending = false;
      return;
    }
    this.#begin(null);
  }
}

/** How each transaction ended according to the partitions and the offsets, where it left anything. */
class Verdicts {
  readonly #outcomes = new Map<string, string>();
  readonly #values = new Map<string, string>();

  add(value: string, outcome: string): void {
    const tag = value.split("/")[0]!;
    const known = this.#outcomes.get(tag);
    assert.ok(known === undefined || known === outcome, `${tag} is ${known} and ${outcome}`);
    this.#outcomes.set(tag, outcome);
    this.#values.set(value, outcome);
  }

  check(tag: string, story: Story): void {
    const outcome = this.#outcomes.get(tag);
    if (outcome === "commit") assert.equal(story.wanted, "commit", `${tag} was not to commit`);
    if (story.told === null) return;
    if (outcome !== undefined) assert.equal(outcome, story.told, `${tag} was told otherwise`);
    if (story.told === "abort") return;
    for (const value of story.acknowledged) {
      assert.equal(this.#values.get(value), "commit", `${value} was acknowledged`);
    }
  }
}

interface LogEntry extends Partial<ProducerIdentity> {
  readonly producerId: number;
  readonly value?: string;
  readonly commit?: boolean;
}

function judge(entries: readonly LogEntry[], verdicts: Verdicts): void {
  const open = new Map<number, string[]>();
  for (const { producerId, value, commit } of entries) {
    if (value !== undefined) {
      const values = open.get(producerId) ?? [];
      values.push(value);
      open.set(producerId, values);
      continue;
    }
    const values = open.get(producerId) ?? [];
    assert.ok(new Set(values.map((each) => each.split("/")[0])).size <= 1, String(values));
    for (const each of values) verdicts.add(each, commit ? "commit" : "abort");
    open.delete(producerId);
  }
  assert.equal(open.size, 0, `left open: ${[...open.values()]}`);
}

/** The committed offset, as a reader of the log works it out. */
function offsetIn(harness: TransactionHarness): number {
  const pending = new Map<number, { at: number; offset: number }>();
  let committed: { at: number; offset: number } | null = null;
  for (const entry of harness.groupLog.entries(0)) {
    if (!("key" in entry)) {
      const ended = pending.get(entry.producerId);
      pending.delete(entry.producerId);
      if (ended && entry.commit && (committed === null || committed.at < ended.at)) {
        committed = ended;
      }
      continue;
    }
    const record = decodeGroupRecord(entry);
    if (record?.type !== "offset") continue;
    if (record.value === null) {
      committed = null;
      pending.clear();
    } else if (entry.producerId >= 0) {
      pending.set(entry.producerId, { at: entry.offset, offset: record.value.offset });
    } else committed = { at: entry.offset, offset: record.value.offset };
  }
  return committed?.offset ?? -1;
}

function verify({ harness, stories, violations }: Simulation): void {
  assert.deepEqual(violations, []);
  const verdicts = new Verdicts();
  for (const partition of harness.partitions) {
    judge(partition.entries, verdicts);
    assert.equal(partition.hasOpenTransaction, false, "a partition has an open transaction");
  }
  const offsets: LogEntry[] = [];
  for (const entry of harness.groupLog.entries(0)) {
    if (!("key" in entry)) offsets.push(entry);
    else if (entry.producerId >= 0) {
      const record = decodeGroupRecord(entry);
      assert.ok(record?.type === "offset");
      offsets.push({ producerId: entry.producerId, value: record.value!.metadata });
    }
  }
  judge(offsets, verdicts);
  for (const [tag, story] of stories) verdicts.check(tag, story);
  for (const id of IDS) {
    const state = harness.stateOf(id);
    assert.match(state, /^(Empty|Complete|TRANSACTIONAL_ID_NOT_FOUND)/, `${id} is ${state}`);
  }
}

/** How many transactions were committed. */
async function simulate(seed: number): Promise<number> {
  const random = new SeededRandom(seed);
  const harness = await TransactionHarness.start({ partitions: 3 });
  // One id is about to run out of epochs.
  const exhausted = { ...unborn("a", 7), producerEpoch: 32_760, timeoutMs: TIMEOUT_MS };
  await harness.log.append(0, [
    encodeTransactionRecord({ transactionalId: "a", value: exhausted }),
  ]);
  await harness.restart();
  harness.journal.hold();
  const simulation = new Simulation(harness, random);
  for (let step = 0; step < 400; step++) await simulation.step();
  if (random.integer(2) === 0) await simulation.crash();
  await simulation.calm();
  verify(simulation);
  for (const isRestarted of [false, true]) {
    if (isRestarted) await harness.restart();
    const { committedOffset, error } = await harness.fetchOffset(GROUP, true);
    assert.equal(error, "NONE");
    assert.equal(committedOffset, offsetIn(harness), `restarted: ${isRestarted}`);
  }
  await harness.coordinator.close();
  await harness.groups.close();
  const told = [...simulation.stories.values()].map((story) => story.told);
  return told.filter((outcome) => outcome === "commit").length;
}

const RUNS = Number(process.env.OTTLA_RUNS ?? 6);
const FIRST_SEED = Number(process.env.OTTLA_SEED ?? 1);

test(`TX13, TX16: transactions are whole through ${RUNS} random histories from seed ${FIRST_SEED}`, async () => {
  let commits = 0;
  for (let seed = FIRST_SEED; seed < FIRST_SEED + RUNS; seed++) {
    try {
      commits += await simulate(seed);
    } catch (error) {
      throw new Error(`OTTLA_SEED=${seed} OTTLA_RUNS=1`, { cause: error });
    }
  }
  assert.ok(commits > 3 * RUNS, `only ${commits} transactions in ${RUNS} histories`);
});
