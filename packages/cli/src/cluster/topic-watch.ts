/**
 * Whether topics are still those they were. Fetching from a topic that was deleted goes on for ever, as it may be about to exist; whoever
 * waits for the rest of what it held asks here.
 */
import type { Client, TopicDescription } from "@ottla/client";
import { CommandFailure } from "../errors.ts";

const ANSWER_WITHIN_MS = 5_000;

export class TopicWatch {
  readonly #client: Client;
  /** By name, as of the start. */
  readonly #topicIds: ReadonlyMap<string, string>;

  private constructor(client: Client, topicIds: ReadonlyMap<string, string>) {
    this.#client = client;
    this.#topicIds = topicIds;
  }

  static async start(client: Client, names: Iterable<string>): Promise<TopicWatch> {
    const topics = await client.admin.describeTopics([...new Set(names)]);
    return new TopicWatch(client, new Map(topics.map(({ name, topicId }) => [name, topicId])));
  }

  /** Says nothing while no broker answers. @throws {CommandFailure} for a topic that is not there any more, or is another one of that name */
  async check(signal: AbortSignal): Promise<void> {
    for (const topic of await this.#describe(signal)) this.#checkTopic(topic);
  }

  async #describe(signal: AbortSignal): Promise<readonly TopicDescription[]> {
    const { isRetriable } = await import("@ottla/client");
    const options = { signal, timeoutMs: ANSWER_WITHIN_MS };
    try {
      return await this.#client.admin.describeTopics([...this.#topicIds.keys()], options);
    } catch (error) {
      if (isRetriable(error)) return [];
      throw error;
    }
  }

  #checkTopic({ name, topicId, error }: TopicDescription): void {
    if (error?.error === "UNKNOWN_TOPIC_OR_PARTITION") {
      throw new CommandFailure(`topic "${name}" was deleted before its end was reached`);
    }
    if (error === null && topicId !== this.#topicIds.get(name)) {
      throw new CommandFailure(
        `topic "${name}" was deleted and created again before its end was reached`,
      );
    }
  }
}
