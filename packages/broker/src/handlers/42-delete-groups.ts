/** Deletes groups that are empty. */
import { deleteGroups, errorCode } from "@ottla/protocol";
import { coordinatorError } from "../coordinators.ts";
import { handler, type RequestContext } from "../handler.ts";
import { mapSlices } from "../turns.ts";

export const deleteGroupsHandler = handler({
  api: deleteGroups,
  takesTurns: true,

  async handle(context, { groupsNames }) {
    const unique = [...new Set(groupsNames)];
    return { results: await mapSlices(unique, (groupIds) => deleteAll(context, groupIds)) };
  },
});

async function deleteAll(context: RequestContext, groupIds: readonly string[]) {
  const refusals = groupIds.map((groupId) => coordinatorError(context, groupId));
  const deleted = await context.services.groups.deleteGroups(
    groupIds.filter((_, index) => refusals[index] === 0),
  );
  let answered = 0;
  return groupIds.map((groupId, index) => ({
    groupId,
    errorCode: refusals[index] === 0 ? errorCode(deleted[answered++]!.error) : refusals[index]!,
  }));
}
