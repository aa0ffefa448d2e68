import { errorName, fetch, offsetCommit } from "@ottla/protocol";
import { readBatches } from "../wire/batch.ts";
import { ConnectionClosed, type WireConnection } from "../wire/connection.ts";
import { Membership } from "./membership.ts";
import { FaultProcess, type Surroundings } from "./process.ts";

/** Reads from where it is and remembers its place itself. */
abstract class Reader extends FaultProcess {
  /** The next offset to read of each partition it reads. */
  readonly positions = new Map<number, number>();

  /** One Fetch of every partition it reads. */
  protected async poll(connection: WireConnection): Promise<void> {
    const { topic, recorder } = this.surroundings;
    const partitions = Array.from(this.positions, ([partition, fetchOffset]) => ({
      partition,
      fetchOffset,
      partitionMaxBytes: 65_536,
    }));
    const answer = await connection.request(fetch, 11, {
      maxWaitMs: 50,
      minBytes: 1,
      maxBytes: 1_048_576,
      topics: [{ topic, partitions }],
    });
    for (const { partitionIndex: partition, errorCode, records } of answer.responses[0]
      ?.partitions ?? []) {
      const error = errorName(errorCode);
      if (error === "OFFSET_OUT_OF_RANGE") {
        this.unexpected(`${error} at ${partition}@${this.positions.get(partition)}`);
      }
      if (error !== "NONE" || records === null) continue;
      const from = this.positions.get(partition) ?? 0;
      const seen = readBatches(records)
        .flatMap((batch) => batch.records ?? [])
        .filter(({ offset }) => offset >= from)
        .map(({ offset, value }) => ({ offset, value: value ?? "" }));
      if (seen.length === 0) continue;
      recorder.note({ kind: "poll", reader: this.name, partition, from, records: seen });
      this.positions.set(partition, seen.at(-1)!.offset + 1);
    }
  }
}

/** Reads every partition from the start, in no group. */
export class FaultReader extends Reader {
  constructor(name: string, surroundings: Surroundings) {
    super(name, surroundings);
    for (let partition = 0; partition < surroundings.partitionCount; partition++) {
      this.positions.set(partition, 0);
    }
  }

  async run(): Promise<void> {
    while (!this.isStopping) {
      try {
        await this.poll(await this.connection());
        await this.breathe(10);
      } catch (error) {
        if (!(error instanceof ConnectionClosed)) throw error;
        this.disconnect();
      }
    }
    this.disconnect();
  }
}

/** A member of a group: joins, reads what it is assigned, commits now and then, and rejoins when it must. */
export class FaultConsumer extends Reader {
  readonly group: string;
  readonly #membership: Membership;

  constructor(name: string, group: string, surroundings: Surroundings) {
    super(name, surroundings);
    this.group = group;
    this.#membership = new Membership({
      ...surroundings,
      group,
      sessionTimeoutMs: 6_000,
      unexpected: (what) => this.unexpected(what),
    });
  }

  async run(): Promise<void> {
    while (!this.isStopping) {
      try {
        const connection = await this.connection();
        if (!(await this.#join(connection))) {
          await this.breathe(30);
          continue;
        }
        let isMember = true;
        while (isMember && !this.isStopping) isMember = await this.#work(connection);
      } catch (error) {
        if (!(error instanceof ConnectionClosed)) throw error;
        this.disconnect();
      }
    }
    this.disconnect();
  }

  async #work(connection: WireConnection): Promise<boolean> {
    if (this.positions.size > 0) await this.poll(connection);
    if (this.surroundings.random.integer(3) === 0 && !(await this.#commit(connection)))
      return false;
    await this.breathe(10);
    return await this.#membership.heartbeat(connection);
  }

  /** Becomes a member and takes up its partitions where the group had come to; false when it has to be tried again. */
  async #join(connection: WireConnection): Promise<boolean> {
    this.positions.clear();
    const assigned = await this.#membership.join(connection);
    if (assigned === null) return false;
    const committed = await this.#membership.committed(connection, assigned);
    if (committed === null) return false;
    for (const [partition, offset] of committed) {
      const { recorder } = this.surroundings;
      recorder.note({ kind: "committed", group: this.group, partition, offset });
      this.positions.set(partition, offset ?? 0);
    }
    return true;
  }

  async #commit(connection: WireConnection): Promise<boolean> {
    const { topic, recorder } = this.surroundings;
    const offsets = Array.from(this.positions).filter(([, offset]) => offset > 0);
    if (offsets.length === 0) return true;
    const note = (
      partition: number,
      offset: number,
      outcome: "acknowledged" | "refused" | "unknown",
    ) => recorder.note({ kind: "commit", group: this.group, partition, offset, outcome });
    const { generationId, ...identity } = this.#membership.identity;
    try {
      const answer = await connection.request(offsetCommit, 7, {
        ...identity,
        generationIdOrMemberEpoch: generationId,
        topics: [
          {
            name: topic,
            partitions: offsets.map(([partitionIndex, committedOffset]) => ({
              partitionIndex,
              committedOffset,
              committedMetadata: null,
            })),
          },
        ],
      });
      let isMember = true;
      for (const { partitionIndex, errorCode } of answer.topics[0]?.partitions ?? []) {
        const outcome = errorCode === 0 ? "acknowledged" : "refused";
        note(partitionIndex, this.positions.get(partitionIndex)!, outcome);
        isMember &&= this.#membership.isStillMember(errorCode);
      }
      return isMember;
    } catch (error) {
      for (const [partition, offset] of offsets) note(partition, offset, "unknown");
      throw error;
    }
  }
}
