/** Enters a classic group. v1: rebalanceTimeoutMs; v4: a member id first (KIP-394); v5: groupInstanceId; v9: skipAssignment (KIP-814). */
import { errorCode, joinGroup } from "@ottla/protocol";
import { coordinatorError } from "../coordinators.ts";
import { handler } from "../handler.ts";

export const joinGroupHandler = handler({
  api: joinGroup,

  async handle(context, request) {
    const { version, clientId, connection, services } = context;
    const refusal = coordinatorError(context, request.groupId);
    if (refusal !== 0) {
      const { memberId } = request;
      return {
        errorCode: refusal,
        protocolName: protocolName(version, null),
        leader: "",
        memberId,
        members: [],
      };
    }
    const result = await services.groups.joinGroup({
      groupId: request.groupId,
      memberId: request.memberId,
      groupInstanceId: request.groupInstanceId,
      protocolType: request.protocolType,
      protocols: request.protocols,
      sessionTimeoutMs: request.sessionTimeoutMs,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      reason: request.reason,
      clientId: clientId ?? "",
      clientHost: connection.clientHost,
      requiresKnownMemberId: version >= 4,
      supportsSkippingAssignment: version >= 9,
    });
    return {
      errorCode: errorCode(result.error),
      generationId: result.generationId,
      protocolType: result.protocolType,
      protocolName: protocolName(version, result.protocolName),
      leader: result.leader,
      skipAssignment: version >= 9 && result.skipAssignment,
      memberId: result.memberId,
      members: result.members,
    };
  },
});

/** No protocol is null since v7 and empty before. */
function protocolName(version: number, name: string | null): string | null {
  if (version >= 7) return name === "" ? null : name;
  return name ?? "";
}
