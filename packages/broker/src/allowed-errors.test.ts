import assert from "node:assert/strict";
import { test } from "node:test";
import { errorCode, fetch, heartbeat, metadata, produce } from "@ottla/protocol";
import { checkErrors, ForbiddenError } from "./allowed-errors.ts";

const REQUEST_TIMED_OUT = errorCode("REQUEST_TIMED_OUT");
const FETCH_SESSION_ID_NOT_FOUND = errorCode("FETCH_SESSION_ID_NOT_FOUND");

const inPartition = (code: number) => ({
  errorCode: 0,
  responses: [{ partitions: [{ errorCode: 0 }, { errorCode: code, records: [Buffer.alloc(1)] }] }],
});

test("ER: an error belongs to some APIs and not to others", () => {
  checkErrors(produce, inPartition(REQUEST_TIMED_OUT));
  assert.throws(() => checkErrors(fetch, inPartition(REQUEST_TIMED_OUT)), {
    name: "ForbiddenError",
    api: "Fetch",
    error: "REQUEST_TIMED_OUT",
  });
  assert.throws(
    () => checkErrors(heartbeat, { errorCode: errorCode("COORDINATOR_LOAD_IN_PROGRESS") }),
    ForbiddenError,
  );
});

test("ER: an error of a session belongs to the response and not to a partition", () => {
  checkErrors(fetch, { errorCode: FETCH_SESSION_ID_NOT_FOUND, responses: [] });
  assert.throws(() => checkErrors(fetch, inPartition(FETCH_SESSION_ID_NOT_FOUND)), ForbiddenError);
});

test("ER: an API without a table may answer anything", () => {
  checkErrors(metadata, { topics: [{ errorCode: REQUEST_TIMED_OUT }] });
});
