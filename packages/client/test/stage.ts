/** What most files of tests begin with: a broker for all of them, a client to it, and names that nobody else uses. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import {
  Client,
  type ClientOptions,
  type ConsumerOptions,
  type ConsumerRecord,
  type NewTopic,
} from "@ottla/client";
import { type Broker, createTopic, type Target } from "./broker.ts";

export class Stage {
  #broker: Broker | null = null;
  #client: Client | null = null;
  #names = 0;

  /** Both are there while the tests run that are declared beside this. */
  constructor(target: Target, options: Partial<ClientOptions> = {}) {
    before(async () => {
      this.#broker = await target.start();
      this.#client = new Client({ bootstrapServers: this.broker.bootstrap, ...options });
    });
    after(async () => {
      await this.#client?.close();
      await this.#broker?.[Symbol.asyncDispose]();
    });
  }

  get broker(): Broker {
    return this.#broker!;
  }

  get client(): Client {
    return this.#client!;
  }

  readonly unique = (what: string): string => `${what}-${process.pid}-${this.#names++}`;

  /** Creates a topic, under a name of its own if none is given, and returns the name. */
  readonly newTopic = async (
    partitions: number,
    topic: Partial<NewTopic> = {},
  ): Promise<string> => {
    const name = topic.name ?? this.unique("topic");
    await createTopic(this.client, { ...topic, name, partitions });
    return name;
  };

  /** Reads a topic from its start until there are `count` records. */
  readonly readAll = async (
    topic: string,
    partitions: number,
    count: number,
    options: ConsumerOptions = {},
  ): Promise<readonly ConsumerRecord[]> => {
    await using consumer = this.client.consumer({ autoOffsetReset: "earliest", ...options });
    consumer.assign(Array.from({ length: partitions }, (_, partition) => ({ topic, partition })));
    const records: ConsumerRecord[] = [];
    while (records.length < count) {
      const polled = await consumer.poll({ timeoutMs: 20_000 });
      assert.ok(polled.length > 0, `only ${records.length} of ${count} records came`);
      for (const batch of polled) records.push(...batch);
    }
    return records;
  };
}
