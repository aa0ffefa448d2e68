/** Keeps a member of a classic group alive. v3: groupInstanceId (KIP-345). */
import { errorCode, heartbeat } from "@ottla/protocol";
import { coordinatorError } from "../coordinators.ts";
import { handler } from "../handler.ts";

export const heartbeatHandler = handler({
  api: heartbeat,

  handle(context, request) {
    const refusal = coordinatorError(context, request.groupId);
    if (refusal !== 0) return { errorCode: refusal };
    return { errorCode: errorCode(context.services.groups.heartbeat(request)) };
  },
});
