/** EndTxn (TX8): every state × result × position of the producer's epoch, for both sets of rules. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { decideEnd } from "./end-decision.ts";
import { type TransactionMetadata, unborn } from "./transaction-metadata.ts";
import type { TransactionVersion } from "./transaction-types.ts";

const EPOCH = 5;
const PRODUCER_ID = 9;

type State = TransactionMetadata["state"];
/** Answers to commit and abort. */
type Pair = readonly [string, string];

const ITS = "INVALID_TXN_STATE";
const FENCED = "PRODUCER_FENCED";
const BUSY = "CONCURRENT_TRANSACTIONS";

/** By the epoch that the producer says it has: that of the id, one below, one above. */
const VERSION_2: Record<State, Record<"current" | "retry" | "ahead", Pair>> = {
  Empty: { current: [ITS, "end"], retry: [FENCED, FENCED], ahead: [FENCED, FENCED] },
  Ongoing: { current: ["end", "end"], retry: [FENCED, FENCED], ahead: [FENCED, FENCED] },
  PrepareCommit: { current: [FENCED, FENCED], retry: [BUSY, ITS], ahead: [FENCED, FENCED] },
  PrepareAbort: { current: [FENCED, FENCED], retry: [ITS, BUSY], ahead: [FENCED, FENCED] },
  CompleteCommit: { current: [ITS, "end"], retry: ["NONE", ITS], ahead: [FENCED, FENCED] },
  CompleteAbort: { current: [ITS, "end"], retry: [ITS, "NONE"], ahead: [FENCED, FENCED] },
  Dead: { current: [FENCED, FENCED], retry: [FENCED, FENCED], ahead: [FENCED, FENCED] },
};

const OLDER: Record<State, Record<"current" | "retry" | "ahead", Pair>> = {
  Empty: { current: [ITS, ITS], retry: [FENCED, FENCED], ahead: [FENCED, FENCED] },
  Ongoing: { current: ["end", "end"], retry: [FENCED, FENCED], ahead: [FENCED, FENCED] },
  PrepareCommit: { current: [BUSY, ITS], retry: [FENCED, FENCED], ahead: [FENCED, FENCED] },
  PrepareAbort: { current: [ITS, BUSY], retry: [FENCED, FENCED], ahead: [FENCED, FENCED] },
  CompleteCommit: { current: ["NONE", ITS], retry: [FENCED, FENCED], ahead: [FENCED, FENCED] },
  CompleteAbort: { current: [ITS, "NONE"], retry: [FENCED, FENCED], ahead: [FENCED, FENCED] },
  Dead: { current: [FENCED, FENCED], retry: [FENCED, FENCED], ahead: [FENCED, FENCED] },
};

const OFFSETS = { current: 0, retry: -1, ahead: 1 };

function metadata(fields: Partial<TransactionMetadata>): TransactionMetadata {
  const id = unborn("id", PRODUCER_ID);
  return { ...id, producerEpoch: EPOCH, transactionVersion: 2, ...fields };
}

function request(commit: boolean, transactionVersion: TransactionVersion, producerEpoch = EPOCH) {
  const producerId = PRODUCER_ID;
  return { transactionalId: "id", producerId, producerEpoch, commit, transactionVersion };
}

describe("the end of a transaction", () => {
  for (const [version, table] of [[2, VERSION_2] as const, [0, OLDER] as const]) {
    for (const [state, row] of Object.entries(table)) {
      for (const [position, pair] of Object.entries(row)) {
        for (const [index, expected] of pair.entries()) {
          const commit = index === 0;
          const what = `${commit ? "commit" : "abort"} of ${state} with the ${position} epoch`;
          test(`TX8: version ${version}: ${what}: ${expected}`, () => {
            const epoch = EPOCH + OFFSETS[position as keyof typeof OFFSETS];
            const asked = request(commit, version, epoch);
            assert.equal(decideEnd(metadata({ state: state as State }), false, asked), expected);
          });
        }
      }
    }
  }

  test("TX4: another producer id is INVALID_PRODUCER_ID_MAPPING", () => {
    for (const version of [0, 2] as const) {
      const asked = { ...request(true, version), producerId: 1 };
      const answer = decideEnd(metadata({ state: "Ongoing" }), false, asked);
      assert.equal(answer, "INVALID_PRODUCER_ID_MAPPING");
    }
  });

  test("TX8: while the id changes, version 2 waits with all, older rules with those that are not fenced", () => {
    const ongoing = metadata({ state: "Ongoing" });
    assert.equal(decideEnd(ongoing, true, request(true, 2, EPOCH - 1)), BUSY);
    assert.equal(decideEnd(ongoing, true, request(true, 0, EPOCH - 1)), FENCED);
    assert.equal(decideEnd(ongoing, true, request(true, 0)), BUSY);
  });

  test("TX8: a retry after the switch to another producer id is known by the last epoch of the one before", () => {
    const switched = metadata({
      state: "CompleteCommit",
      producerId: 10,
      producerEpoch: 0,
      previousProducerId: PRODUCER_ID,
    });
    assert.equal(decideEnd(switched, false, request(true, 2, 32_766)), "NONE");
    assert.equal(decideEnd(switched, false, request(false, 2, 32_766)), ITS);
    const mapping = decideEnd(switched, false, request(true, 2, 32_765));
    assert.equal(mapping, "INVALID_PRODUCER_ID_MAPPING");
  });

  test("TX2: an end by older rules is not mistaken for that of the producer whom its own fenced", () => {
    for (const state of ["CompleteCommit", "CompleteAbort"] as const) {
      const older = metadata({ state, transactionVersion: 0 });
      assert.equal(decideEnd(older, false, request(true, 2, EPOCH - 1)), FENCED);
      assert.equal(decideEnd(older, false, request(false, 2, EPOCH - 1)), FENCED);
    }
  });
});
