/** Leaves a classic group. v3: several members at once, with an error for each. */
import { errorCode, leaveGroup } from "@ottla/protocol";
import { coordinatorError } from "../coordinators.ts";
import { handler } from "../handler.ts";

export const leaveGroupHandler = handler({
  api: leaveGroup,

  async handle(context, request) {
    const refusal = coordinatorError(context, request.groupId);
    if (refusal !== 0) return { errorCode: refusal, members: [] };
    const isBatched = context.version >= 3;
    const result = await context.services.groups.leaveGroup({
      groupId: request.groupId,
      members: isBatched
        ? request.members
        : [{ memberId: request.memberId, groupInstanceId: null, reason: null }],
    });
    if (!isBatched && result.error === "NONE") {
      return { errorCode: errorCode(result.members[0]?.error ?? "NONE") };
    }
    return {
      errorCode: errorCode(result.error),
      members: result.members.map(({ memberId, groupInstanceId, error }) => ({
        memberId,
        groupInstanceId,
        errorCode: errorCode(error),
      })),
    };
  },
});
