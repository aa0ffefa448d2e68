/** Deletes groups that are empty. */
import { deleteGroups, errorCode } from "@ottla/protocol";
import { coordinatorError } from "../coordinators.ts";
import { handler } from "../handler.ts";

export const deleteGroupsHandler = handler({
  api: deleteGroups,

  async handle(context, { groupsNames }) {
    const unique = [...new Set(groupsNames)];
    const refusals = unique.map((groupId) => coordinatorError(context, groupId));
    const deleted = await context.services.groups.deleteGroups(
      unique.filter((_, index) => refusals[index] === 0),
    );
    let answered = 0;
    return {
      results: unique.map((groupId, index) => ({
        groupId,
        errorCode: refusals[index] === 0 ? errorCode(deleted[answered++]!.error) : refusals[index]!,
      })),
    };
  },
});
