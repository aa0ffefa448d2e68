import type {
  Client,
  Consumer,
  ConsumerOptions,
  RebalanceListener,
  ServerPattern,
  TopicPartition,
} from "@ottla/client";

const EVENTS = { onAssigned: "assigned", onRevoked: "revoked", onLost: "lost" } as const;

/** A member of a group that polls all the time, from the start of its topics, and remembers what happened to it. */
export class Member implements AsyncDisposable {
  readonly consumer: Consumer;
  /** What became of which partitions, such as `revoked 0,2`. */
  readonly events: string[] = [];
  readonly values: string[] = [];
  /** What ended the polling. */
  failure: unknown = null;
  readonly #abort = new AbortController();
  readonly #done: Promise<void>;

  constructor(
    client: Client,
    topics: readonly string[] | RegExp | ServerPattern,
    options: ConsumerOptions,
    listener: RebalanceListener = {},
  ) {
    this.consumer = client.consumer({ autoOffsetReset: "earliest", ...options });
    const note =
      (event: keyof typeof EVENTS) =>
      async (partitions: readonly TopicPartition[]): Promise<void> => {
        await listener[event]?.(partitions);
        this.events.push(`${EVENTS[event]} ${numbersOf(partitions).join(",")}`);
      };
    this.consumer.subscribe(topics, {
      onAssigned: note("onAssigned"),
      onRevoked: note("onRevoked"),
      onLost: note("onLost"),
    });
    this.#done = this.#run();
  }

  /** Numbers of the partitions it has now, whatever their topics. */
  get owned(): number[] {
    return numbersOf(this.consumer.assignment);
  }

  get topics(): string[] {
    return [...new Set(this.consumer.assignment.map(({ topic }) => topic))].sort();
  }

  async #run(): Promise<void> {
    try {
      for await (const batch of this.consumer.batches({ signal: this.#abort.signal })) {
        batch.forEach((record) => {
          this.values.push(record.valueText() ?? "");
        });
      }
    } catch (error) {
      this.failure = error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#abort.abort();
    await this.#done;
    await this.consumer.close();
  }
}

function numbersOf(partitions: readonly TopicPartition[]): number[] {
  return partitions.map(({ partition }) => partition).sort((a, b) => a - b);
}
