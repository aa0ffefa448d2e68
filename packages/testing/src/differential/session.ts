/** What a scenario holds in its hands: recorded requests on one or more connections, and unrecorded preparations. */
import {
  type Api,
  createTopics,
  decodeResponse,
  findCoordinator,
  listOffsets,
  metadata,
  offsetFetch,
  type RequestInput,
  type ResponseOf,
} from "@ottla/protocol";
import { waitFor } from "../wait.ts";
import { type BatchOptions, batchOf, type TestRecord } from "../wire/batch.ts";
import { WireConnection } from "../wire/connection.ts";
import { Normaliser } from "./normalise.ts";
import type { Json, Step } from "./transcript.ts";

export interface Scenario {
  /** Also the prefix of every topic and group it makes. */
  readonly name: string;
  run(session: Session): Promise<void>;
}

export interface SendOptions<A extends Api = Api> {
  /** How long to wait before the outcome is `silent`. */
  readonly withinMs?: number;
  /** Reduces an answer to what the step is about, before it is normalised. */
  readonly pick?: (body: ResponseOf<A>) => unknown;
  readonly on?: Line;
}

/** A connection of a scenario that is opened anew when the broker has closed it. */
export class Line {
  readonly clientId: string;
  readonly #port: number;
  #connection: WireConnection | null = null;

  constructor(port: number, clientId: string) {
    this.#port = port;
    this.clientId = clientId;
  }

  async open(): Promise<WireConnection> {
    if (this.#connection === null || this.#connection.isClosed) {
      this.#connection = await WireConnection.open(this.#port, this.clientId);
    }
    return this.#connection;
  }

  close(): void {
    this.#connection?.close();
    this.#connection = null;
  }
}

const DEFAULT_WITHIN_MS = 5_000;

export class Session {
  readonly scenario: string;
  readonly steps: Step[] = [];
  readonly normaliser: Normaliser;
  readonly #port: number;
  readonly #lines: Line[] = [];
  readonly #main: Line;

  constructor(scenario: string, port: number, startedAt: number) {
    this.scenario = scenario;
    this.#port = port;
    this.normaliser = new Normaliser(port, startedAt);
    this.#main = this.line("main");
  }

  /** A name for a topic or group of this scenario. */
  named(name: string): string {
    return `${this.scenario}-${name}`;
  }

  /** A time to stamp records with. */
  time(offsetMs: number): number {
    return this.normaliser.baseTimestamp + offsetMs;
  }

  /** A batch stamped `T+0` unless it says otherwise. */
  batch(records: readonly TestRecord[], options: BatchOptions = {}): Buffer {
    return batchOf(records, { baseTimestamp: this.time(0), ...options });
  }

  /** Another connection beside the main one. */
  line(clientId: string): Line {
    const line = new Line(this.#port, clientId);
    this.#lines.push(line);
    return line;
  }

  /** Sends one request and records what became of it; gives the answer, or null without one. */
  async send<A extends Api>(
    label: string,
    api: A,
    version: number,
    body: RequestInput<A>,
    options: SendOptions<A> = {},
  ): Promise<ResponseOf<A> | null> {
    const line = options.on ?? this.#main;
    const connection = await line.open();
    const bytes = connection.encode(api, version, body);
    const outcome = await connection.exchange(bytes, options.withinMs ?? DEFAULT_WITHIN_MS);
    if (outcome.kind !== "answered") {
      line.close(); // After silence, the next answer on it would be taken for another request's.
      this.#record(label, api.name, version, outcome.kind);
      return null;
    }
    const answer = decodeResponse(api, version, outcome.frame).body;
    const picked = options.pick === undefined ? answer : options.pick(answer);
    this.#record(label, api.name, version, this.normaliser.body(picked));
    return answer;
  }

  /** The same request at every version; `body` may differ by version, and versions for which it is null are skipped. */
  async every<A extends Api>(
    label: string,
    api: A,
    body: (version: number) => RequestInput<A> | null,
    options: SendOptions<A> = {},
  ): Promise<void> {
    for (let version = api.versions.min; version <= api.versions.max; version++) {
      const request = body(version);
      if (request !== null) await this.send(label, api, version, request, options);
    }
  }

  /** Sends bytes as they are on a connection of their own and records what came back, by `read` or as hex. */
  async raw(
    label: string,
    bytes: Uint8Array,
    { withinMs = 1_000, read = (frame: Buffer): unknown => frame.toString("hex") } = {},
  ): Promise<void> {
    const line = this.line("raw");
    const outcome = await (await line.open()).exchange(bytes, withinMs);
    line.close();
    const shown =
      outcome.kind === "answered" ? this.normaliser.body(read(outcome.frame)) : outcome.kind;
    this.#record(label, "", null, shown);
  }

  /** Records something that was found out by other means than one request. */
  note(label: string, value: unknown): void {
    this.#record(label, "", null, this.normaliser.body(value));
  }

  /** Sends a request without recording it. @throws when it is not answered. */
  async quietly<A extends Api>(
    api: A,
    version: number,
    body: RequestInput<A>,
    on: Line = this.#main,
  ): Promise<ResponseOf<A>> {
    return await (await on.open()).request(api, version, body, 30_000);
  }

  /** Creates a topic and waits until every partition has a leader; gives its id. */
  async topic(
    name: string,
    numPartitions = 1,
    configs: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const created = await this.quietly(createTopics, 7, {
      topics: [
        {
          name,
          numPartitions,
          replicationFactor: 1,
          assignments: [],
          configs: Object.entries(configs).map(([key, value]) => ({ name: key, value })),
        },
      ],
    });
    const result = created.topics[0];
    if (result?.errorCode !== 0) throw new Error(`creating ${name}: ${JSON.stringify(result)}`);
    await this.leaders(name, numPartitions);
    this.normaliser.name("topic", result.topicId, name);
    return result.topicId;
  }

  /** Waits until `count` partitions of a topic are led. */
  async leaders(name: string, count: number): Promise<void> {
    await waitFor(
      async () => {
        const { topics } = await this.quietly(metadata, 12, {
          topics: [{ name }],
          allowAutoTopicCreation: false,
        });
        const led = topics[0]?.partitions.filter(
          ({ errorCode, leaderId }) => errorCode === 0 && leaderId >= 0,
        );
        if (led?.length !== count) return null;
        // Metadata may know a leader before the leader knows itself.
        const ends = await this.quietly(listOffsets, 7, {
          replicaId: -1,
          topics: [
            {
              name,
              partitions: Array.from({ length: count }, (_, partitionIndex) => ({
                partitionIndex,
                timestamp: -1,
              })),
            },
          ],
        });
        return ends.topics[0]?.partitions.every(({ errorCode }) => errorCode === 0) ? true : null;
      },
      { what: `leaders of ${name}`, everyMs: 10 },
    );
  }

  /** Waits until the coordinator of a group answers for it. */
  async coordinator(groupId: string): Promise<void> {
    await waitFor(
      async () => {
        const found = await this.quietly(findCoordinator, 4, {
          keyType: 0,
          coordinatorKeys: [groupId],
        });
        if (found.coordinators[0]?.errorCode !== 0) return null;
        const { groups } = await this.quietly(offsetFetch, 8, {
          groups: [{ groupId, topics: null }],
          requireStable: false,
        });
        return groups[0]?.errorCode === 0 ? true : null;
      },
      { what: `coordinator of ${groupId}`, everyMs: 10 },
    );
  }

  close(): void {
    for (const line of this.#lines) line.close();
  }

  #record(label: string, api: string, version: number | null, outcome: Json): void {
    const twice = this.steps.some(
      (step) => step.label === label && step.api === api && step.version === version,
    );
    if (twice) throw new Error(`${this.scenario}: the step "${label}" is there twice`);
    this.steps.push({ scenario: this.scenario, label, api, version, outcome });
  }
}
