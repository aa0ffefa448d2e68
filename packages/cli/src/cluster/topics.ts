/** Topics as commands want them: there, or a failure that says what may have been meant. */
import type { Client, TopicDescription } from "@ottla/client";
import { didYouMean } from "../command-line/suggest.ts";
import type { Context } from "../context.ts";
import { CommandFailure } from "../errors.ts";

/** The named topics in the order given. @throws {CommandFailure} when there is no such topic */
export async function existingTopics(
  client: Client,
  names: readonly string[],
): Promise<readonly TopicDescription[]> {
  const wanted = [...new Set(names)];
  const found = new Map(
    (await client.admin.describeTopics(wanted)).map((topic) => [topic.name, topic]),
  );
  const topics: TopicDescription[] = [];
  for (const name of wanted) {
    const topic = found.get(name);
    if (topic?.error?.error === "UNKNOWN_TOPIC_OR_PARTITION" || topic === undefined) {
      throw await missingTopic(client, name);
    }
    if (topic.error !== null) throw topic.error;
    topics.push(topic);
  }
  return topics;
}

async function missingTopic(client: Client, name: string): Promise<CommandFailure> {
  const names = (await client.admin.listTopics()).map((topic) => topic.name);
  const suggestions = didYouMean(name, names);
  return new CommandFailure(`there is no topic "${name}"`, {
    hints: suggestions.length > 0 ? suggestions : ['"topic list" shows the topics there are.'],
  });
}

/** Results in the order of the names; some brokers answer in an order of their own. */
export function inOrderOf<R extends { readonly name: string }>(
  names: readonly string[],
  results: readonly R[],
): readonly R[] {
  const places = new Map(names.map((name, index) => [name, index]));
  const place = ({ name }: R) => places.get(name) ?? names.length;
  return [...results].sort((a, b) => place(a) - place(b));
}

const LEADERS_WITHIN_MS = 10_000;
const LOOK_EVERY_MS = 50;

/** Waits until every partition has a leader, so that the next command finds the topics usable: some clusters spread the news late. */
export async function awaitLeaders(
  client: Client,
  names: readonly string[],
  { clock }: Pick<Context, "clock">,
): Promise<void> {
  const deadlineMs = clock.monotonic() + LEADERS_WITHIN_MS;
  for (;;) {
    const topics = await client.admin.describeTopics(names);
    const isReady = topics.every(
      ({ error, partitions }) => error === null && partitions.every(({ leader }) => leader >= 0),
    );
    if (isReady || clock.monotonic() >= deadlineMs) return;
    await new Promise<void>((resolve) => clock.schedule(LOOK_EVERY_MS, resolve));
  }
}
