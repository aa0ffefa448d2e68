/** `ottla consume`: records out, from where the user says to the end, or on and on. */
import type {
  Client,
  Consumer,
  IsolationLevel,
  PartitionRecords,
  TopicPartition,
} from "@ottla/client";
import { clusterOptions } from "../cluster/options.ts";
import {
  PartitionMap,
  type PartitionSelection,
  partitionSelection,
  selectedPartitions,
} from "../cluster/partitions.ts";
import { type StartPoint, startOffsets, startPoint } from "../cluster/start-point.ts";
import { combinedPattern, topicPattern } from "../cluster/topic-pattern.ts";
import { TopicWatch } from "../cluster/topic-watch.ts";
import { withClient } from "../cluster/with-client.ts";
import { defineCommand } from "../command-line/command.ts";
import { flag, optional, someArguments, withDefault } from "../command-line/option.ts";
import { integer, list, oneOf, type Parse, text } from "../command-line/value.ts";
import type { Context } from "../context.ts";
import { CommandFailure, UsageFailure } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { Progress } from "../output/progress.ts";
import { recordToJson } from "../records/record-json.ts";
import { appendRecordText, type RecordField, recordFields } from "../records/record-text.ts";

const AUTO_COMMIT_MS = 5_000;
/** While waiting for the end: how soon positions that moved without a record, over transaction markers, are noticed. */
const LOOK_EVERY_MS = 100;
const FOLLOW_POLL_MS = 1_000;
/** While waiting for the end: how long without a record before the topics are looked at. */
const CHECK_TOPICS_AFTER_MS = 1_000;

const shown: Parse<readonly RecordField[]> = (raw) =>
  raw === "all" ? recordFields : list(oneOf(...recordFields))(raw);

export const consume = defineCommand({
  description:
    "Prints what the partitions hold when it starts, and ends; with --follow it goes on with what comes. With --group it starts where the " +
    "group has committed, shares partitions with the group's other members, and commits what it has printed.",
  arguments: [
    someArguments(
      "TOPIC[:PARTITIONS]",
      "Topics, patterns such as orders-*, or some of their partitions: orders:0,2",
      partitionSelection,
    ),
  ],
  options: {
    from: withDefault(startPoint, { kind: "beginning" } as StartPoint, {
      about:
        "Where to start: beginning, end, an offset, -N for the last N of each partition, or a time such as 2026-01-31T10:00:00Z",
      placeholder: "WHERE",
      defaultText: "beginning",
    }),
    follow: flag({ about: "Wait for new records at the end, until Ctrl-C", short: "f" }),
    max: optional(integer({ min: 1 }), {
      about: "End after so many records",
      placeholder: "N",
      short: "n",
    }),
    group: optional(text, { about: "Be a member of this group", placeholder: "GROUP", short: "g" }),
    groupProtocol: withDefault(oneOf("classic", "consumer"), "classic", {
      about: "How the group works: classic, or consumer as since Kafka 4 (KIP-848)",
      placeholder: "NAME",
    }),
    readCommitted: flag({ about: "Leave out records of open and aborted transactions" }),
    show: withDefault(shown, [] as readonly RecordField[], {
      about: `Print more than values: all, or some of ${recordFields.join(",")}`,
      placeholder: "FIELDS",
      defaultText: "only values",
    }),
    separator: withDefault(text, "\t", {
      about: "What stands between the fields of a line",
      placeholder: "TEXT",
      defaultText: "a tab",
    }),
    ...clusterOptions,
  },
  examples: [
    { about: "Everything in a topic, with keys", line: "consume orders --show key" },
    {
      about: "The last ten records of each partition, and what comes",
      line: "consume orders --from -10 --follow",
    },
    { about: "JSON, one record a line", line: "consume orders --output json | jq .value" },
  ],
  async run({ arguments: [selections], options }, context) {
    if (options.group !== null) checkGroupOptions(selections, options.from);
    return await withClient(options, context, async (client) => {
      const partitions = await selectedPartitions(client, selections);
      const isolationLevel = options.readCommitted ? "read_committed" : "read_uncommitted";
      const goal = options.follow ? null : await currentEnd(client, partitions, isolationLevel);
      const ends = goal?.offsets ?? null;
      const isFile = !context.stdout.isTerminal;
      const progress = new Progress(context.stderr, context.clock, isFile);
      const reading = new Reading(context, progress, { ...options, goal });
      const consumer = client.consumer({
        isolationLevel,
        autoOffsetReset:
          options.from.kind === "end"
            ? "latest"
            : options.from.kind === "offset"
              ? "none"
              : "earliest",
        ...(options.group === null
          ? {}
          : {
              groupId: options.group,
              groupProtocol: options.groupProtocol,
              autoCommitIntervalMs: AUTO_COMMIT_MS,
            }),
      });
      try {
        progress.lag = () => reading.lag(consumer);
        if (options.group === null) {
          const starts = await startOffsets(client, partitions, options.from, isolationLevel);
          if (ends !== null) checkStart(options.from, ends, partitions);
          // What is at its end already would be waited for in vain.
          const open = starts.filter((start) => ends === null || start.offset < ends.get(start)!);
          if (open.length > 0) {
            consumer.assign(open);
            await reading.run(consumer, context.interruption());
          }
        } else {
          const topics = [...new Set(partitions.map(({ topic }) => topic))];
          const patterns = selections.map(({ topic }) => topic);
          // One that goes on takes topics that come to match later, too.
          const isOpen = options.follow && patterns.some((word) => topicPattern(word) !== null);
          consumer.subscribe(isOpen ? combinedPattern(patterns) : topics, {
            onAssigned: () => reading.onAssigned(),
            onRevoked: (revoked) => reading.onRevoked(consumer, revoked),
            onLost: () => reading.onLost(),
          });
          await reading.run(consumer, context.interruption());
        }
      } finally {
        progress.end();
        await consumer.close();
      }
      await context.stderr.write(`${progress.summary()}\n`);
      return EXIT.ok;
    });
  },
});

function checkGroupOptions(selections: readonly PartitionSelection[], from: StartPoint): void {
  if (selections.some(({ partitions }) => partitions !== null)) {
    throw new UsageFailure("a group shares out partitions by itself: name topics only");
  }
  if (from.kind !== "beginning" && from.kind !== "end") {
    throw new UsageFailure(
      "with --group, --from takes beginning or end: it counts only where the group has committed nothing",
      ['To move a group to an offset or a time, use "group reset".'],
    );
  }
}

/** An offset beyond every end is rather a mistake than a wish for nothing. */
function checkStart(
  from: StartPoint,
  ends: PartitionMap<number>,
  partitions: readonly TopicPartition[],
): void {
  if (from.kind !== "offset") return;
  const furthest = Math.max(...partitions.map((partition) => ends.get(partition)!));
  if (from.offset <= furthest) return;
  throw new CommandFailure(`offset ${from.offset} is beyond the end, which is ${furthest}`, {
    hints: ['"topic describe" shows the offsets there are.'],
  });
}

/** Where reading ends, and whether that can still be reached. */
interface Goal {
  readonly offsets: PartitionMap<number>;
  readonly topics: TopicWatch;
}

async function currentEnd(
  client: Client,
  partitions: readonly TopicPartition[],
  isolationLevel: IsolationLevel,
): Promise<Goal> {
  const { orThrow } = await import("@ottla/client");
  const topics = await TopicWatch.start(
    client,
    partitions.map(({ topic }) => topic),
  );
  const listed = orThrow(
    await client.admin.listOffsets(
      partitions.map((partition) => ({ ...partition, at: "latest" })),
      { isolationLevel },
    ),
  );
  return { topics, offsets: new PartitionMap(listed.map((each) => [each, each.offset])) };
}

interface ReadingOptions {
  readonly output: "text" | "json";
  readonly show: readonly RecordField[];
  readonly separator: string;
  readonly max: number | null;
  /** Null to go on and on. */
  readonly goal: Goal | null;
}

/**
 * Takes records from a consumer and prints them. Between polls, and when reading ends, however it does, positions are behind what was
 * written: a commit says just that.
 */
class Reading {
  readonly #context: Context;
  readonly #progress: Progress;
  readonly #goal: Goal | null;
  readonly #isJson: boolean;
  readonly #fields: ReadonlySet<RecordField>;
  readonly #separator: Buffer;
  #left: number;
  #isAssigned = true;
  /** Whether a partition was given up before its end. */
  #isCutShort = false;

  constructor(context: Context, progress: Progress, options: ReadingOptions) {
    this.#context = context;
    this.#progress = progress;
    this.#goal = options.goal;
    this.#isJson = options.output === "json";
    this.#fields = new Set(options.show);
    this.#separator = Buffer.from(options.separator);
    this.#left = options.max ?? Number.POSITIVE_INFINITY;
  }

  /** A member may be given nothing: it is at its end then, too, but not before it was told so. */
  onAssigned(): void {
    this.#isAssigned = true;
  }

  /** Another member may go on with them, or their topic is gone. */
  onRevoked(consumer: Consumer, partitions: readonly TopicPartition[]): void {
    this.#isCutShort ||= !partitions.every((each) => this.#isRead(consumer, each));
  }

  onLost(): void {
    this.#isCutShort = true;
  }

  /**
   * Returns at the end, when the signal aborts, or when nobody reads what is printed.
   * @throws {CommandFailure} when the output cannot be written, or a topic is gone before its end was reached
   */
  async run(consumer: Consumer, signal: AbortSignal): Promise<void> {
    try {
      await this.#run(consumer, signal);
    } catch (error) {
      if (error !== signal.reason) throw error;
    }
  }

  async #run(consumer: Consumer, signal: AbortSignal): Promise<void> {
    const { clock } = this.#context;
    const goal = this.#goal;
    const timeoutMs = goal === null ? FOLLOW_POLL_MS : LOOK_EVERY_MS;
    this.#isAssigned = consumer.assignment.length > 0;
    let checkAtMs = clock.monotonic() + CHECK_TOPICS_AFTER_MS;
    while (this.#left > 0 && !signal.aborted) {
      if (this.#isAtEnd(consumer)) {
        if (this.#isCutShort) await goal?.topics.check(signal);
        return;
      }
      const polled = await consumer.poll({ timeoutMs, signal });
      if (polled.length === 0 && clock.monotonic() < checkAtMs) continue;
      if (polled.length === 0) await goal?.topics.check(signal);
      else if (!(await this.#printAll(consumer, polled))) return;
      checkAtMs = clock.monotonic() + CHECK_TOPICS_AFTER_MS;
    }
  }

  /** Offsets between the positions and where reading ends, or where the partitions end as far as is known. */
  lag(consumer: Consumer): number | null {
    let lag = 0;
    for (const partition of consumer.assignment) {
      const position = consumer.position(partition);
      const end = this.#goal?.offsets.get(partition);
      const own = end === undefined ? consumer.lag(partition) : end - position;
      if (position < 0 || (end === undefined && own < 0)) return null;
      lag += Math.max(0, own);
    }
    return lag;
  }

  #isAtEnd(consumer: Consumer): boolean {
    if (this.#goal === null || !this.#isAssigned) return false;
    return consumer.assignment.every((partition) => this.#isRead(consumer, partition));
  }

  #isRead(consumer: Consumer, partition: TopicPartition): boolean {
    const position = consumer.position(partition);
    return position >= 0 && position >= (this.#goal?.offsets.get(partition) ?? 0);
  }

  /** Polled partitions go back to their first record that was not written. @returns whether somebody reads the output */
  async #printAll(consumer: Consumer, polled: readonly PartitionRecords[]): Promise<boolean> {
    const stopped = new PartitionMap<true>();
    let done = 0;
    try {
      for (const records of polled) {
        if (!(await this.#print(consumer, records, stopped))) return false;
        done += 1;
      }
      return true;
    } finally {
      for (const records of polled.slice(done)) {
        const { startOffset } = records;
        if (startOffset < consumer.position(records)) consumer.seek(records, startOffset);
      }
    }
  }

  /**
   * Prints all of them or fails; what a broken pipe or a full disk took of them nevertheless is printed again next time.
   * @param stopped the partitions whose first record not to print came before, in the same poll
   * @returns whether somebody reads the output
   */
  async #print(
    consumer: Consumer,
    records: PartitionRecords,
    stopped: PartitionMap<true>,
  ): Promise<boolean> {
    if (stopped.get(records)) return true;
    const { stdout } = this.#context;
    const end = this.#goal?.offsets.get(records) ?? Number.POSITIVE_INFINITY;
    const chunks: Uint8Array[] = [];
    let printed = 0;
    let printedBytes = 0;
    for (const record of records) {
      if (this.#left === 0 || record.offset >= end) {
        consumer.seek(records, record.offset);
        consumer.pause([records]);
        stopped.set(records, true);
        break;
      }
      if (this.#isJson) chunks.push(Buffer.from(`${recordToJson(record)}\n`));
      else appendRecordText(chunks, record, this.#fields, this.#separator);
      this.#left -= 1;
      printed += 1;
      printedBytes += (record.key?.length ?? 0) + (record.value?.length ?? 0);
    }
    if (chunks.length > 0) {
      await stdout.write(Buffer.concat(chunks));
      if (!(await stdout.flush())) return false;
    }
    this.#progress.add(printed, printedBytes);
    return true;
  }
}
