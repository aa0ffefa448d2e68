/** Lists the groups that this broker coordinates. v4: state filter (KIP-518); v5: type filter (KIP-848). */
import { errorCode, listGroups } from "@ottla/protocol";
import { coordinatorError } from "../coordinators.ts";
import { handler } from "../handler.ts";

export const listGroupsHandler = handler({
  api: listGroups,

  handle(context, { statesFilter, typesFilter }) {
    const { error, groups } = context.services.groups.listGroups({ statesFilter, typesFilter });
    return {
      errorCode: errorCode(error),
      groups: groups.filter(({ groupId }) => coordinatorError(context, groupId) === 0),
    };
  },
});
