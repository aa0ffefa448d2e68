/** The transactional applications of a fault run: producers into the first topic, members that copy to the next, readers of all. */
import { setTimeout as pause } from "node:timers/promises";
import { ConnectionClosed } from "../../wire/connection.ts";
import { Membership } from "../membership.ts";
import { FaultProcess, type Surroundings } from "../process.ts";
import { fetchCommitted } from "./committed-fetch.ts";
import { copyOf, type TransactionalOperation } from "./history.ts";
import {
  type Link,
  MustAbort,
  Restart,
  type TransactionVersion,
  Transactor,
} from "./transactor.ts";

export interface TransactionalSurroundings extends Surroundings {
  readonly note: (operation: TransactionalOperation) => void;
  readonly transactionTimeoutMs: number;
}

/** One that has a transactional producer and sometimes dawdles for longer than its transaction may take. */
abstract class TransactionalProcess extends FaultProcess {
  protected readonly transactor: Transactor;
  protected readonly note: (operation: TransactionalOperation) => void;
  readonly #timeoutMs: number;

  constructor(name: string, version: TransactionVersion, surroundings: TransactionalSurroundings) {
    super(name, surroundings);
    this.note = surroundings.note;
    this.#timeoutMs = surroundings.transactionTimeoutMs;
    const link: Link = {
      connection: () => this.connection(),
      disconnect: () => this.disconnect(),
      breathe: (maximumMs) => this.breathe(maximumMs),
      unexpected: (what) => this.unexpected(what),
    };
    this.transactor = new Transactor({
      transactionalId: name,
      version,
      timeoutMs: this.#timeoutMs,
      link,
      surroundings,
      note: this.note,
    });
  }

  protected override unexpected(what: string): void {
    this.note({ kind: "unexpected", process: this.name, what });
  }

  /** Once in `often` times. */
  protected chance(often: number): boolean {
    return this.surroundings.random.integer(often) === 0;
  }

  protected async dawdle(): Promise<void> {
    await pause(this.#timeoutMs * 2);
  }
}

/** Sends numbered values to random partitions, a few in each transaction, and aborts some. */
export class TransactionalProducer extends TransactionalProcess {
  #count = 0;

  async run(): Promise<void> {
    let isReady = false;
    while (!this.isStopping) {
      try {
        if (!isReady) await this.transactor.init();
        isReady = true;
        await this.#transaction();
        await this.breathe(20);
      } catch (error) {
        if (!(error instanceof Restart)) throw error;
        isReady = false;
      }
    }
    this.disconnect();
  }

  async #transaction(): Promise<void> {
    const { random, topic, partitionCount } = this.surroundings;
    this.transactor.begin();
    for (let requests = random.integer(3); requests >= 0; requests--) {
      const values = new Map<number, string[]>();
      for (let count = random.integer(4); count >= 0; count--) {
        const partition = random.integer(partitionCount);
        const value = `${this.name}/${this.#count++}`;
        values.set(partition, [...(values.get(partition) ?? []), value]);
      }
      await this.transactor.produce(topic, values);
      if (this.chance(400)) await this.dawdle();
    }
    await this.transactor.end(!this.chance(5));
  }
}

/** Stands for a process that was killed: nothing is said to anybody. */
class Death extends Error {
  override readonly name = "Death";
}

const SESSION_MS = 1_000;
const RECORDS_PER_TRANSACTION_BYTES = 2_048;

export interface CopyStage {
  readonly from: string;
  readonly to: string;
  readonly group: string;
}

/** A member of a group that copies what it reads in transactions with the group's offsets, dies now and then and comes back. */
export class Copier extends TransactionalProcess {
  readonly group: string;
  /** The next offset to read of each partition that it has; empty while it has none. */
  readonly positions = new Map<number, number>();
  readonly #stage: CopyStage;
  readonly #membership: Membership;
  #isReady = false;

  constructor(
    name: string,
    version: TransactionVersion,
    stage: CopyStage,
    surroundings: TransactionalSurroundings,
  ) {
    super(name, version, surroundings);
    this.group = stage.group;
    this.#stage = stage;
    this.#membership = new Membership({
      group: stage.group,
      topic: stage.from,
      partitionCount: surroundings.partitionCount,
      sessionTimeoutMs: SESSION_MS,
      unexpected: (what) => this.unexpected(what),
    });
  }

  /** Whether everything it has read is copied for good. */
  get isIdle(): boolean {
    return !this.transactor.isOpen;
  }

  async run(): Promise<void> {
    while (!this.isStopping) {
      this.positions.clear();
      try {
        if (!this.#isReady) await this.transactor.init();
        this.#isReady = true;
        const assigned = await this.#membership.join(await this.connection());
        if (assigned === null) await this.breathe(30);
        else await this.#work(assigned);
      } catch (error) {
        await this.#recover(error);
      }
    }
    this.disconnect();
  }

  async #recover(error: unknown): Promise<void> {
    if (error instanceof MustAbort) {
      this.#membership.isStillMember(error.errorCode);
      await this.transactor.end(false).catch((failure: unknown) => this.#recover(failure));
      return;
    }
    if (error instanceof Death) {
      this.#membership.forget();
      await this.breathe(500);
    } else if (!(error instanceof Restart) && !(error instanceof ConnectionClosed)) throw error;
    this.disconnect();
    this.#isReady &&= !this.transactor.isOpen;
  }

  /** Copies until the group wants to be joined again. */
  async #work(assigned: readonly number[]): Promise<void> {
    if (!(await this.#takeUp(assigned))) return;
    while (!this.isStopping) {
      if (this.positions.size > 0) {
        const isCommitted = await this.#copy();
        if (!isCommitted && !(await this.#takeUp(assigned))) return;
      }
      if (this.chance(600)) throw new Death();
      await this.breathe(10);
      if (!(await this.#membership.heartbeat(await this.connection()))) return;
    }
  }

  /** Goes to where the group has come to; false when it has to join again first. */
  async #takeUp(assigned: readonly number[]): Promise<boolean> {
    this.positions.clear();
    for (;;) {
      const connection = await this.connection();
      const committed = await this.#membership.committed(connection, assigned);
      if (committed === null) {
        // Another's transaction is open on these offsets, or the coordinator is not ready.
        await this.breathe(20);
        if (!(await this.#membership.heartbeat(connection))) return false;
        continue;
      }
      for (const [partition, offset] of committed) {
        this.note({ kind: "group offset", group: this.group, partition, offset });
        this.positions.set(partition, offset ?? 0);
      }
      return true;
    }
  }

  /** One transaction; false when it was aborted, so that what was read has to be read again. */
  async #copy(): Promise<boolean> {
    const { from, to } = this.#stage;
    const polls = await fetchCommitted(
      await this.connection(),
      {
        topic: from,
        positions: this.positions,
        maxWaitMs: 30,
        partitionMaxBytes: RECORDS_PER_TRANSACTION_BYTES,
      },
      (what) => this.unexpected(what),
    );
    const filled = polls.filter(({ records }) => records.length > 0);
    if (filled.length > 0) {
      this.transactor.begin();
      const id = this.transactor.current;
      for (const { partition, records } of filled) {
        const copies = records.map(({ value }) => copyOf(value, id));
        await this.transactor.produce(to, new Map([[partition, copies]]));
        if (this.chance(300)) throw new Death();
        if (this.chance(400)) await this.dawdle();
      }
      const offsets = new Map(filled.map(({ partition, to: offset }) => [partition, offset]));
      await this.transactor.commitOffsets(this.#membership.identity, from, offsets);
      if (this.chance(300)) throw new Death();
      const committed = !this.chance(8);
      await this.transactor.end(committed);
      if (!committed) return false;
    }
    for (const { partition, to: offset } of polls) this.positions.set(partition, offset);
    return true;
  }
}

/** Reads the committed records of every partition of a topic, from the start. */
export class CommittedReader extends FaultProcess {
  readonly #note: (operation: TransactionalOperation) => void;

  constructor(name: string, surroundings: TransactionalSurroundings) {
    super(name, surroundings);
    this.#note = surroundings.note;
  }

  async run(): Promise<void> {
    const { topic, partitionCount } = this.surroundings;
    const positions = new Map(Array.from({ length: partitionCount }, (_, index) => [index, 0]));
    while (!this.isStopping) {
      try {
        const options = { topic, positions, maxWaitMs: 50 };
        const polls = await fetchCommitted(await this.connection(), options, (what) =>
          this.#note({ kind: "unexpected", process: this.name, what }),
        );
        for (const poll of polls) {
          this.#note({ kind: "committed poll", reader: this.name, topic, ...poll });
          positions.set(poll.partition, poll.to);
        }
        await this.breathe(10);
      } catch (error) {
        if (!(error instanceof ConnectionClosed)) throw error;
        this.disconnect();
      }
    }
    this.disconnect();
  }
}
