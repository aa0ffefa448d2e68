/** `ottla produce`: lines in, records out, a count at the end. */
import { createReadStream } from "node:fs";
import type { Delivery, Producer, ProducerRecord } from "@ottla/client";
import { clusterOptions } from "../cluster/options.ts";
import { partitionNumber } from "../cluster/partitions.ts";
import { withClient } from "../cluster/with-client.ts";
import { defineCommand } from "../command-line/command.ts";
import { argument, optional, repeated, withDefault } from "../command-line/option.ts";
import { oneOf, pair, text } from "../command-line/value.ts";
import type { Context } from "../context.ts";
import { CommandFailure, UsageFailure } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { Progress } from "../output/progress.ts";
import { counted } from "../output/units.ts";
import { readLines } from "../records/line-reader.ts";
import { InvalidRecord, type PlainRecord, recordFromJson } from "../records/record-json.ts";

const ACKS = {
  all: "all",
  leader: "leader",
  none: "none",
  "-1": "all",
  "1": "leader",
  "0": "none",
} as const;
/** Bytes on their way to the brokers; reading waits when there are more. */
const MAX_IN_FLIGHT_BYTES = 16 * 1024 * 1024;

export const produce = defineCommand({
  description:
    "Each line of the input is a record. Ends when the input does, or at Ctrl-C, once everything is delivered.",
  arguments: [argument("TOPIC", "Name of the topic; brokers may be set up to create it")],
  options: {
    file: optional(text, {
      about: "Read this file",
      placeholder: "FILE",
      short: "f",
      defaultText: "standard input",
    }),
    input: withDefault(oneOf("lines", "json"), "lines", {
      about:
        "Lines of text, or JSON objects with key, value, headers, partition and timestampMs, as consume prints them",
      placeholder: "lines|json",
      short: "i",
    }),
    keySeparator: optional(text, {
      about: "What is before it in a line is the key",
      placeholder: "TEXT",
      short: "K",
      defaultText: "no keys",
    }),
    nullMarker: optional(text, {
      about: "Keys and values that equal it are sent as null: tombstones for compacted topics",
      placeholder: "TEXT",
    }),
    header: repeated(pair, {
      about: "A header for every record",
      placeholder: "KEY=VALUE",
      short: "H",
    }),
    partition: optional(partitionNumber, {
      about: "Send everything to this partition",
      placeholder: "N",
      short: "p",
      defaultText: "by the key",
    }),
    compression: withDefault(oneOf("none", "gzip", "snappy", "lz4", "zstd"), "none", {
      about: "none, gzip, snappy, lz4 or zstd",
      placeholder: "TYPE",
      short: "z",
    }),
    acks: withDefault(oneOf("all", "leader", "none", "-1", "1", "0"), "all", {
      about: "Who must have a record before it counts: all replicas, the leader, nobody",
      placeholder: "all|leader|none",
    }),
    ...clusterOptions,
  },
  examples: [
    { about: "One record", line: "produce orders <<< 'hello'" },
    { about: "Keys before a colon", line: "produce orders --file orders.txt --key-separator :" },
  ],
  async run({ arguments: [topic], options }, context) {
    if (options.input === "json" && (options.keySeparator ?? options.nullMarker) !== null) {
      throw new UsageFailure("--key-separator and --null-marker are for lines, not for JSON");
    }
    return await withClient(options, context, async (client) => {
      const { file } = options;
      const interruption = context.interruption();
      const isTyped = file === null && context.stdin.isTerminal;
      if (isTyped) await context.stderr.write("one record per line; Ctrl-D ends\n");
      const progress = new Progress(context.stderr, context.clock, !isTyped);
      const sending = new Sending(
        client.producer({ acks: ACKS[options.acks], compression: options.compression }),
        progress,
      );
      const reader = new RecordReader(topic, options);
      let failure: unknown = null;
      try {
        const source = file === null ? context.stdin.read(interruption) : readFile(file);
        for await (const lines of readLines(source)) {
          // Ctrl-C ends the input anywhere, so what comes last may be only the beginning of a line.
          if (interruption.aborted) break;
          const { records, failure: invalid } = reader.read(lines);
          await sending.send(records);
          if (invalid !== null) throw invalid;
        }
      } catch (error) {
        failure = error;
      }
      failure = (await sending.end()) ?? failure;
      progress.end();
      await report(context, options.output, topic, sending, progress);
      if (failure !== null) throw failure;
      return EXIT.ok;
    });
  },
});

function readFile(path: string): AsyncIterable<Uint8Array> {
  return createReadStream(path, { highWaterMark: 256 * 1024 });
}

interface LineOptions {
  readonly input: "lines" | "json";
  readonly keySeparator: string | null;
  readonly nullMarker: string | null;
}

interface ReaderOptions extends LineOptions {
  readonly partition: number | null;
  readonly header: readonly (readonly [string, string])[];
}

/** Makes records of the lines of an input, and counts those. */
class RecordReader {
  readonly #toRecord: (line: Buffer) => PlainRecord;
  readonly #topic: string;
  readonly #partition: number | null;
  readonly #headers: readonly { readonly key: string; readonly value: string }[];
  #lineNumber = 0;

  constructor(topic: string, options: ReaderOptions) {
    this.#toRecord = lineReader(options);
    this.#topic = topic;
    this.#partition = options.partition;
    this.#headers = options.header.map(([key, value]) => ({ key, value }));
  }

  /** The records of the next lines, up to the first line that is none: `failure` names that one. */
  read(lines: readonly Buffer[]): {
    readonly records: readonly ProducerRecord[];
    readonly failure: CommandFailure | null;
  } {
    const records: ProducerRecord[] = [];
    for (const line of lines) {
      this.#lineNumber += 1;
      try {
        records.push(this.#complete(this.#toRecord(line)));
      } catch (error) {
        if (!(error instanceof InvalidRecord)) throw error;
        const failure = new CommandFailure(`line ${this.#lineNumber} ${error.message}`);
        return { records, failure };
      }
    }
    return { records, failure: null };
  }

  #complete(record: PlainRecord): ProducerRecord {
    return {
      ...record,
      topic: this.#topic,
      ...(this.#partition === null ? {} : { partition: this.#partition }),
      ...(this.#headers.length === 0
        ? {}
        : { headers: [...(record.headers ?? []), ...this.#headers] }),
    };
  }
}

/** @throws {InvalidRecord} from the function it returns */
function lineReader({ input, keySeparator, nullMarker }: LineOptions) {
  if (input === "json") return (line: Buffer) => recordFromJson(line.toString("utf8"));
  const marker = nullMarker === null ? null : Buffer.from(nullMarker);
  const orNull = (bytes: Buffer) => (marker?.equals(bytes) === true ? null : bytes);
  if (keySeparator === null) return (line: Buffer): PlainRecord => ({ value: orNull(line) });
  const separator = Buffer.from(keySeparator);
  return (line: Buffer): PlainRecord => {
    const at = line.indexOf(separator);
    if (at < 0) throw new InvalidRecord(`has no key separator "${keySeparator}"`);
    return {
      key: orNull(line.subarray(0, at)),
      value: orNull(line.subarray(at + separator.length)),
    };
  };
}

interface PartitionCount {
  readonly partition: number;
  records: number;
  /** −1 when the broker did not say. */
  firstOffset: number;
  lastOffset: number;
}

/** Records on their way and those that have arrived. */
class Sending {
  readonly #producer: Producer;
  readonly #progress: Progress;
  readonly #underWay = new Set<Promise<void>>();
  readonly #partitions: PartitionCount[] = [];
  #inFlightBytes = 0;
  #failure: unknown = null;
  sent = 0;

  constructor(producer: Producer, progress: Progress) {
    this.#producer = producer;
    this.#progress = progress;
  }

  /** Resolves when there is room for more. @throws the first failure of a record */
  async send(records: readonly ProducerRecord[]): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    const bytes = records.reduce((sum, { key, value }) => sum + sizeOf(key) + sizeOf(value), 0);
    this.#inFlightBytes += bytes;
    this.sent += records.length;
    const underWay: Promise<void> = this.#producer
      .sendMany(records)
      .then(
        (deliveries) => {
          this.#count(deliveries);
          this.#progress.add(records.length, bytes);
        },
        (error: unknown) => {
          this.#failure ??= error;
        },
      )
      .finally(() => {
        this.#inFlightBytes -= bytes;
        this.#underWay.delete(underWay);
      });
    this.#underWay.add(underWay);
    while (this.#inFlightBytes > MAX_IN_FLIGHT_BYTES) await Promise.race(this.#underWay);
  }

  /** Waits for everything. @returns the first failure of a record, or null */
  async end(): Promise<unknown> {
    // A failure that concerns one record is that of its send too, which is where it is kept.
    await this.#producer.close().catch(() => {});
    await Promise.all(this.#underWay);
    return this.#failure;
  }

  get partitions(): readonly PartitionCount[] {
    return this.#partitions.filter((each) => each !== undefined);
  }

  #count(deliveries: readonly Delivery[]): void {
    for (const { partition, offset } of deliveries) {
      const own = this.#partitions[partition];
      if (own === undefined) {
        this.#partitions[partition] = {
          partition,
          records: 1,
          firstOffset: offset,
          lastOffset: offset,
        };
        continue;
      }
      own.records += 1;
      own.firstOffset = Math.min(own.firstOffset, offset);
      own.lastOffset = Math.max(own.lastOffset, offset);
    }
  }
}

function sizeOf(bytes: Uint8Array | string | null | undefined): number {
  if (bytes === null || bytes === undefined) return 0;
  return typeof bytes === "string" ? Buffer.byteLength(bytes) : bytes.length;
}

async function report(
  { stdout, stderr }: Context,
  format: "text" | "json",
  topic: string,
  { sent, partitions }: Sending,
  progress: Progress,
): Promise<void> {
  const { records, bytes, elapsedMs } = progress;
  if (format === "json") {
    const result = { topic, records, bytes, elapsedMs: Math.round(elapsedMs), partitions };
    await stdout.write(`${JSON.stringify(result, null, 2)}\n`);
    return;
  }
  const lost = sent - records;
  await stderr.write(
    `delivered ${progress.summary()}${lost === 0 ? "" : `; ${counted(lost, "record")} not, or not for sure`}\n`,
  );
}
