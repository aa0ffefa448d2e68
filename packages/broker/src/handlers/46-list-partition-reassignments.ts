/** Lists partition reassignments under way: with one copy of each partition there never are any. */
import { listPartitionReassignments } from "@ottla/protocol";
import { handler } from "../handler.ts";

export const listPartitionReassignmentsHandler = handler({
  api: listPartitionReassignments,
  handle: () => ({ errorCode: 0, errorMessage: null, topics: [] }),
});
