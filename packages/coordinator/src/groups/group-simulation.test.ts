/**
 * Random members of one group, as clients drive them, with crashes of members, restarts of the coordinator, appends that fail
 * or stay undecided. Whatever happens: members of a generation agree on it, an assignment belongs to its generation, a generation has
 * one leader, an acknowledged commit is kept, nothing waits for ever, and with the trouble over the group settles.
 * A failure prints the seed that replays it.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SeededRandom } from "@ottla/platform";
import { CoordinatorHarness, type Pending, subscription } from "./group-harness.ts";
import type { JoinGroupResult, SyncGroupResult } from "./group-types.ts";

const STEP_MS = 500;
const SESSION_TIMEOUT_MS = 10_000;
const REBALANCE_TIMEOUT_MS = 15_000;
/** The longest that anything may wait: a new member's join (see NEW_MEMBER_JOIN_TIMEOUT_MS). */
const LONGEST_WAIT_MS = 300_000;

interface Generation {
  readonly protocol: string | null;
  readonly leader: string;
  readonly members: readonly string[] | null;
}

/** What all members saw, to be compared. */
class Witness {
  /** By incarnation of the coordinator and generation. */
  readonly generations = new Map<string, Generation>();
  /** Every assignment that any leader made. */
  readonly assignments = new Set<string>();
  attempted = 0;
  acknowledged = -1;

  joined(incarnation: number, result: JoinGroupResult): void {
    const key = `${incarnation}/${result.generationId}`;
    const isLeader = result.leader === result.memberId;
    assert.equal(isLeader, result.members.length > 0, "only the leader gets the members");
    const members = isLeader ? result.members.map(({ memberId }) => memberId) : null;
    if (members !== null) assert.ok(members.includes(result.memberId));
    const known = this.generations.get(key);
    if (known === undefined) {
      this.generations.set(key, { protocol: result.protocolName, leader: result.leader, members });
      return;
    }
    assert.equal(result.protocolName, known.protocol, `protocol of ${key}`);
    // A static leader that came back has another id; nobody else may lead.
    if (known.members !== null && isLeader) assert.equal(members!.length, known.members.length);
  }
}

class Member {
  readonly name: string;
  readonly #harness: CoordinatorHarness;
  readonly #random: SeededRandom;
  readonly #witness: Witness;
  readonly #instanceId: string | null;
  memberId = "";
  generationId = -1;
  isStable = false;
  isAlive = true;
  #metadata = 0;
  #joining: { request: Pending<JoinGroupResult>; incarnation: number } | null = null;
  #syncing: Pending<SyncGroupResult> | null = null;

  constructor(
    name: string,
    instanceId: string | null,
    harness: CoordinatorHarness,
    random: SeededRandom,
    witness: Witness,
  ) {
    this.name = name;
    this.#instanceId = instanceId;
    this.#harness = harness;
    this.#random = random;
    this.#witness = witness;
  }

  get isWaiting(): boolean {
    return this.#joining !== null || this.#syncing !== null;
  }

  /** What the member waits for is given up, as a client's process that dies. */
  crash(): Pending<unknown>[] {
    this.isAlive = false;
    return [this.#joining?.request, this.#syncing].filter((request) => request != null);
  }

  changeMetadata(): void {
    this.#metadata++;
    this.#rejoin();
  }

  async leave(): Promise<void> {
    await this.#harness.leave({ memberId: this.memberId, groupInstanceId: this.#instanceId });
  }

  step(incarnation: number): void {
    if (this.#joining !== null) this.#onJoined();
    else if (this.#syncing !== null) this.#onSynced();
    else if (this.isStable) this.#stay();
    if (!this.isAlive || this.isWaiting || this.isStable) return;
    this.#join(incarnation);
  }

  #join(incarnation: number): void {
    const data = subscription(["topic", `extra-${this.#metadata}`]);
    const request = this.#harness.join({
      memberId: this.memberId,
      groupInstanceId: this.#instanceId,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
      rebalanceTimeoutMs: REBALANCE_TIMEOUT_MS,
      requiresKnownMemberId: this.#random.integer(2) === 0,
      supportsSkippingAssignment: this.#random.integer(2) === 0,
      // All support both: a coordinator that restarts knows only the protocol that was chosen.
      protocols: (this.name < "m5" ? ["range", "sticky"] : ["sticky", "range"]).map((name) => ({
        name,
        metadata: data,
      })),
    });
    this.#joining = { request, incarnation };
  }

  #onJoined(): void {
    const { request, incarnation } = this.#joining!;
    const result = request.answer();
    if (result === null) return;
    this.#joining = null;
    if (result.error !== "NONE") {
      this.#fail(result.error, result.memberId);
      return;
    }
    if (this.#instanceId === null) this.#witness.joined(incarnation, result);
    this.memberId = result.memberId;
    this.generationId = result.generationId;
    const assigns = result.leader === result.memberId && !result.skipAssignment;
    const assignments = !assigns
      ? []
      : result.members.map(({ memberId }) => {
          const text = `${this.generationId} ${memberId} ${this.#random.integer(1e9)}`;
          this.#witness.assignments.add(text);
          return { memberId, assignment: Buffer.from(text) };
        });
    const { memberId, generationId } = this;
    const groupInstanceId = this.#instanceId;
    const fields = { memberId, generationId, groupInstanceId, assignments };
    this.#syncing = this.#harness.sync({ ...fields, protocolName: result.protocolName });
  }

  #onSynced(): void {
    const result = this.#syncing!.answer();
    if (result === null) return;
    this.#syncing = null;
    if (result.error !== "NONE") {
      this.#fail(result.error, "");
      return;
    }
    const text = result.assignment.toString();
    if (text !== "") {
      assert.ok(this.#witness.assignments.has(text), `nobody assigned ${text}`);
      assert.equal(
        Number(text.split(" ")[0]),
        this.generationId,
        "an assignment of another generation",
      );
      if (this.#instanceId === null) assert.equal(text.split(" ")[1], this.memberId);
    }
    this.isStable = true;
  }

  #stay(): void {
    const { memberId, generationId } = this;
    const groupInstanceId = this.#instanceId;
    const error = this.#harness.heartbeat({ memberId, generationId, groupInstanceId });
    if (error !== "NONE") {
      this.#fail(error, "");
      return;
    }
    const offset = this.#witness.attempted++;
    const generationIdOrMemberEpoch = generationId;
    const fields = { memberId, generationIdOrMemberEpoch, groupInstanceId };
    void this.#harness.commit(offset, fields).then((answer) => {
      if (answer === "NONE")
        this.#witness.acknowledged = Math.max(this.#witness.acknowledged, offset);
    });
  }

  #fail(error: string, memberId: string): void {
    this.isStable = false;
    switch (error) {
      case "MEMBER_ID_REQUIRED":
        this.memberId = memberId;
        break;
      case "UNKNOWN_MEMBER_ID":
        this.memberId = "";
        break;
      case "FENCED_INSTANCE_ID":
        this.isAlive = false;
        break;
      case "ILLEGAL_GENERATION":
      case "REBALANCE_IN_PROGRESS":
      case "NOT_COORDINATOR":
      case "COORDINATOR_NOT_AVAILABLE":
        break;
      default:
        assert.fail(`no client expects ${error}`);
    }
  }

  #rejoin(): void {
    if (!this.isWaiting) this.isStable = false;
  }
}

async function simulate(seed: number): Promise<void> {
  const random = new SeededRandom(seed);
  const harness = await CoordinatorHarness.start({ seed });
  const witness = new Witness();
  const members: Member[] = [];
  const abandoned: Pending<unknown>[] = [];
  let incarnation = 0;
  let born = 0;

  const add = (instanceId: string | null) => {
    members.push(new Member(`m${born++ % 10}`, instanceId, harness, random, witness));
  };
  const pick = () => members[random.integer(members.length)];
  const bury = () => {
    for (let index = members.length - 1; index >= 0; index--) {
      if (!members[index]!.isAlive) members.splice(index, 1);
    }
  };
  const actions: (() => unknown)[] = [
    () => add(null),
    () => add(null),
    () => {
      // The same instance twice: the older is fenced.
      add(`instance-${random.integer(2)}`);
    },
    () => abandoned.push(...(pick()?.crash() ?? [])),
    () => pick()?.changeMetadata(),
    () => {
      const member = pick();
      if (member === undefined || member.isWaiting) return;
      member.isAlive = false;
      return member.leave();
    },
    async () => {
      incarnation++;
      await harness.restart();
    },
    () => harness.log.fail({ rejection: "unavailable", count: 1 + random.integer(2) }),
    () => harness.log.hold(),
    () => harness.log.release(),
  ];

  for (let step = 0; step < 150; step++) {
    if (random.integer(4) === 0) {
      const running = actions[random.integer(actions.length)]!();
      if (running instanceof Promise && !harness.log.isHolding) await running;
      if (harness.log.isHolding && random.integer(2) === 0) harness.log.release();
    }
    for (const member of members) member.step(incarnation);
    bury();
    await harness.advance(STEP_MS);
    if (!harness.log.isHolding) {
      const committed = await harness.committed();
      assert.ok(
        committed >= witness.acknowledged,
        `${witness.acknowledged} was lost: ${committed}`,
      );
      assert.ok(committed < witness.attempted);
    }
  }

  // The trouble is over: all that lives must come together, and nothing of what died may still wait.
  harness.log.release();
  harness.log.fail({ rejection: "unavailable", count: 0 });
  if (members.length === 0) add(null);
  for (let elapsed = 0; elapsed < LONGEST_WAIT_MS + 60_000; elapsed += STEP_MS) {
    for (const member of members) member.step(incarnation);
    bury();
    await harness.advance(STEP_MS);
  }
  for (const request of abandoned)
    assert.notEqual(request.answer(), null, "a request waits for ever");
  assert.equal(harness.state, "Stable");
  const [group] = harness.coordinator.describeGroups(["group"]);
  const ids = (list: readonly { readonly memberId: string }[]) =>
    list.map(({ memberId }) => memberId).sort();
  assert.deepEqual(ids(group!.members), ids(members));
  assert.equal(new Set(members.map(({ generationId }) => generationId)).size, 1);
}

const SEEDS = Number(process.env.OTTLA_SIM_RUNS ?? 12);
const FIRST_SEED = Number(process.env.OTTLA_SIM_SEED ?? 1);

test("CG1, CG5, CG8, CG15: members agree, whatever happens to them and to the coordinator", async () => {
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    try {
      await simulate(seed);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
});
