/** Describes classic groups. v3: authorized operations; v6: an unknown group is an error. */
import { describeGroups, errorCode } from "@ottla/protocol";
import { coordinatorError } from "../coordinators.ts";
import { handler } from "../handler.ts";
import { onceEach } from "../once-each.ts";
import { mapInTurns } from "../turns.ts";
import { NOT_ASKED } from "./03-metadata.ts";

/** Read, delete, describe, describe and alter configs. */
const ALL_GROUP_OPERATIONS = 0b1101_0100_1000;

export const describeGroupsHandler = handler({
  api: describeGroups,
  takesTurns: true,

  async handle(context, request) {
    const authorizedOperations = request.includeAuthorizedOperations
      ? ALL_GROUP_OPERATIONS
      : NOT_ASKED;
    const describe = (groupId: string) => {
      const refusal = coordinatorError(context, groupId);
      if (refusal !== 0) return { ...NO_GROUP, groupId, errorCode: refusal };
      const group = context.services.groups.describeGroups([groupId])[0]!;
      const isHidden = group.error === "GROUP_ID_NOT_FOUND" && context.version < 6;
      return {
        errorCode: isHidden ? 0 : errorCode(group.error),
        errorMessage: context.version >= 6 ? group.errorMessage : null,
        groupId,
        groupState: group.groupState,
        protocolType: group.protocolType,
        protocolData: group.protocolData,
        members: group.members,
        authorizedOperations: group.error === "NONE" || isHidden ? authorizedOperations : NOT_ASKED,
      };
    };
    const groups = await mapInTurns(
      request.groups,
      onceEach(describe, ({ members }) => members.length),
    );
    return { groups };
  },
});

const NO_GROUP = { groupState: "", protocolType: "", protocolData: "", members: [] };
