/** The life of a client around a command. */
import type { Client } from "@ottla/client";
import type { ValuesOf } from "../command-line/option.ts";
import type { Context } from "../context.ts";
import { ClusterUnreachable } from "../errors.ts";
import { connectionOptions } from "./connection-options.ts";
import type { clusterOptions } from "./options.ts";

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
  const connection = await connectionOptions(options, context);
  const client = new ClientClass(connection);
  try {
    try {
      await client.request(metadata, { topics: [] });
    } catch (error) {
      if (!isRetriable(error)) throw error;
      const isEncrypted = connection.tls !== undefined;
      throw new ClusterUnreachable(connection.bootstrapServers, { isEncrypted, cause: error });
    }
    return await use(client);
  } finally {
    await client.close();
  }
}
