/** Hands out the assignment of a generation. v3: groupInstanceId; v5: protocol type and name. */
import { errorCode, syncGroup } from "@ottla/protocol";
import { coordinatorError } from "../coordinators.ts";
import { handler } from "../handler.ts";

const INCONSISTENT_GROUP_PROTOCOL = errorCode("INCONSISTENT_GROUP_PROTOCOL");

export const syncGroupHandler = handler({
  api: syncGroup,

  async handle(context, request) {
    const refusal = coordinatorError(context, request.groupId);
    if (refusal !== 0) return failed(refusal);
    // From v5 both are mandatory, nullable though they are on the wire.
    if (context.version >= 5 && (request.protocolType === null || request.protocolName === null)) {
      return failed(INCONSISTENT_GROUP_PROTOCOL);
    }
    const result = await context.services.groups.syncGroup(request);
    return {
      errorCode: errorCode(result.error),
      protocolType: result.protocolType,
      protocolName: result.protocolName,
      assignment: result.assignment,
    };
  },
});

function failed(code: number) {
  return { errorCode: code, assignment: Buffer.alloc(0) };
}
