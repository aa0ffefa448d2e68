/** The life of a client around a command. */
import type { Client } from "@ottla/client";
import type { ValuesOf } from "../command-line/option.ts";
import type { Context } from "../context.ts";
import { ClusterUnreachable } from "../errors.ts";
import { type clusterOptions, DEFAULT_SERVERS, SERVERS_VARIABLE } from "./options.ts";

const MAX_CONNECT_MS = 10_000;

/**
 * Runs `use` with a client that has reached the cluster, and closes it.
 * @throws {ClusterUnreachable} at once when no server answers: calls would go on trying
 */
export async function withClient<T>(
  options: ValuesOf<typeof clusterOptions>,
  context: Context,
  use: (client: Client) => Promise<T>,
): Promise<T> {
  const [{ Client: ClientClass, isRetriable }, { metadata }] = await Promise.all([
    import("@ottla/client"),
    import("@ottla/protocol"),
  ]);
  const servers =
    options.bootstrapServer ?? (context.environment[SERVERS_VARIABLE] || DEFAULT_SERVERS);
  const timeoutMs = options.timeout * 1000;
  const client = new ClientClass({
    bootstrapServers: servers,
    clientId: "ottla-cli",
    tls: options.tls,
    connectTimeoutMs: Math.min(timeoutMs, MAX_CONNECT_MS),
    requestTimeoutMs: timeoutMs,
    callTimeoutMs: timeoutMs,
  });
  try {
    try {
      await client.request(metadata, { topics: [] });
    } catch (error) {
      throw isRetriable(error) ? new ClusterUnreachable(servers, error) : error;
    }
    return await use(client);
  } finally {
    await client.close();
  }
}
