/**
 * Requests that parse, with values that need not make sense: whatever is asked, in whatever order, no handler fails in a way nobody foresaw, and
 * no API answers with an error that it does not have (ER).
 *
 * OTTLA_RUNS sets how many seeds are run, OTTLA_SEED the first one.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom, SimulatedClock } from "@ottla/platform";
import { type Api, BatchBuilder, type RequestInput, ZERO_UUID } from "@ottla/protocol";
import { CloseConnection } from "../src/handler.ts";
import { handlers } from "../src/handlers/index.ts";
import { TestBroker } from "../src/test-broker.ts";
import { createTopic, TOPIC } from "../src/test-producer.ts";

const runs = Number(process.env.OTTLA_RUNS ?? 10);
const firstSeed = Number(process.env.OTTLA_SEED ?? 1);
const REQUESTS = 600;
/** How long an answer is waited for; some come only when others join, or after a while. */
const TURNS = 12;

const TEXTS = [
  "",
  TOPIC,
  TOPIC,
  "none",
  "bad name",
  "id",
  "g",
  "1",
  "__consumer_offsets",
  "__transaction_state",
  "__cluster_metadata",
  "transaction.version",
  "retention.ms",
  "cleanup.policy",
  "compact",
  "consumer",
  "range",
] as const;
const NUMBERS = [-2, -1, -1, 0, 0, 0, 1, 1, 2, 3, 5, 30, 60_000];

type AnyField = Api["request"]["fields"][string];

class AnyRequest {
  readonly random: SeededRandom;
  readonly topicIds: readonly string[];

  constructor(random: SeededRandom, topicIds: readonly string[]) {
    this.random = random;
    this.topicIds = topicIds;
  }

  of(api: Api, version: number): RequestInput<Api> {
    return this.#struct(api.request.fields, version) as RequestInput<Api>;
  }

  #struct(fields: Readonly<Record<string, AnyField>>, version: number): Record<string, unknown> {
    return Object.fromEntries(
      Object.entries(fields)
        .filter(([, { options }]) => holds(options.versions, version))
        .map(([name, field]) => [name, this.#value(field, version)]),
    );
  }

  #value(field: AnyField, version: number): unknown {
    const { random } = this;
    const { nullableVersions } = field.options;
    const mayBeNull = field.nullable && holds(nullableVersions, version);
    if (mayBeNull && random.integer(6) === 0) return null;
    switch (field.kind) {
      case "boolean":
        return random.integer(2) === 0;
      case "int8":
        return Math.min(this.#pick(NUMBERS), 100);
      case "int16":
        return Math.min(this.#pick(NUMBERS), 30_000);
      case "uint16":
      case "uint32":
        return Math.max(0, Math.min(this.#pick(NUMBERS), 60_000));
      case "int32":
      case "int64":
        return this.#pick(NUMBERS);
      case "float64":
        return random.integer(100) / 7;
      case "uuid":
        return this.#pick(this.topicIds);
      case "string":
        return this.#pick(TEXTS);
      case "bytes":
        return Buffer.alloc(random.integer(20), random.integer(256));
      case "records":
        return this.#batch();
      case "array":
        return Array.from({ length: random.integer(3) }, () =>
          this.#value(field.element!, version),
        );
      case "struct":
        return this.#struct(field.fields!, version);
    }
  }

  #batch(): Buffer {
    const { random } = this;
    const hasProducer = random.integer(2) === 0;
    const batch = new BatchBuilder(
      hasProducer
        ? {
            producerId: random.integer(4),
            producerEpoch: random.integer(3),
            baseSequence: random.integer(3),
            isTransactional: random.integer(2) === 0,
          }
        : {},
    );
    batch.append(1_700_000_000_000, null, "value");
    const bytes = batch.build();
    if (random.integer(10) === 0) bytes[random.integer(bytes.length)]! ^= 1;
    return bytes;
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.random.integer(from.length)]!;
  }
}

async function run(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const clock = new SimulatedClock();
  await using broker = await TestBroker.start({}, { clock, random });
  await createTopic(broker);
  const { topicId } = broker.services.store.image.topic(TOPIC)!;
  const requests = new AnyRequest(random, [topicId, topicId, ZERO_UUID]);
  for (let i = 0; i < REQUESTS; i++) {
    const { api } = handlers[random.integer(handlers.length)]!;
    const { min, max } = api.versions;
    const version = min + random.integer(max - min + 1);
    const body = requests.of(api, version);
    const asked = broker.ask(api, version, body).catch((cause: unknown) => {
      if (cause instanceof CloseConnection || broker.failed.length > 0) return;
      if (!(cause instanceof Error && cause.message === "There was no response.")) throw cause;
    });
    await Promise.race([asked, turns()]);
    const [failed] = broker.failed;
    if (failed !== undefined) {
      throw new Error(`${api.name} v${version} ${JSON.stringify(body)}`, { cause: failed.cause });
    }
    if (i % 50 === 0) await clock.advanceAsync(20_000);
  }
  // Else the requests were nothing that handlers see.
  const answered = broker.served.length;
  assert.ok(answered > REQUESTS / 2, `${answered} of ${REQUESTS} were answered`);
  const served = new Set(broker.served.map(({ apiKey }) => apiKey));
  assert.ok(served.size > handlers.length / 2, `${served.size} APIs were answered`);
}

/** Whether a version lies in a range in Kafka's notation; in all where there is none. */
function holds(range: string | undefined, version: number): boolean {
  if (range === undefined) return true;
  const [min, max] = range.split(/[-+]/);
  if (range.endsWith("+")) return version >= Number(min);
  return version >= Number(min) && version <= Number(max ?? min);
}

async function turns(): Promise<void> {
  for (let i = 0; i < TURNS; i++) await new Promise((resolve) => setImmediate(resolve));
}

test("ER: whatever is asked, no handler fails and no API answers with an error that it does not have", async () => {
  for (let seed = firstSeed; seed < firstSeed + runs; seed++) {
    try {
      await run(seed);
    } catch (cause) {
      throw new Error(`OTTLA_SEED=${seed} OTTLA_RUNS=1`, { cause });
    }
  }
});
