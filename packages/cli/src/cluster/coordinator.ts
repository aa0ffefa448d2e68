/** Requests to a group's coordinator that the client's admin has no call for. */
import { BrokerError, type Client } from "@ottla/client";
import {
  type Api,
  errorMessage,
  errorName,
  findCoordinator,
  isRetriable,
  type RequestInput,
  type ResponseOf,
} from "@ottla/protocol";

const GROUP = 0;
const BATCHED_VERSION = 4;

/** Sends one request to the broker that has the group, which a call of the admin has found ready before. */
export async function askCoordinator<A extends Api>(
  client: Client,
  groupId: string,
  api: A,
  body: RequestInput<A>,
): Promise<ResponseOf<A>> {
  const { coordinators } = await client.request(
    findCoordinator,
    { keyType: GROUP, coordinatorKeys: [groupId] },
    { min: BATCHED_VERSION },
  );
  const coordinator = coordinators[0]!;
  throwIfError(coordinator.errorCode, `group ${groupId}`, coordinator.errorMessage);
  return await client.request(api, body, { broker: coordinator.nodeId });
}

/** @throws {BrokerError} unless the code is zero */
export function throwIfError(code: number, subject: string, message: string | null): void {
  if (code === 0) return;
  const error = errorName(code);
  throw new BrokerError({
    ...{ code, error, subject, retriable: isRetriable(error) },
    message: message || errorMessage(error),
  });
}
