/** Topics as commands want them: there, or a failure that says what may have been meant. */
import type { Client, TopicDescription } from "@ottla/client";
import { didYouMean } from "../command-line/suggest.ts";
import type { Context } from "../context.ts";
import { CommandFailure } from "../errors.ts";
import { topicPattern } from "./topic-pattern.ts";

/** Names in the order given, patterns as what they match, in alphabetical order. @throws {CommandFailure} for one that matches nothing */
export async function topicNames(
  { admin }: Client,
  words: readonly string[],
): Promise<readonly string[]> {
  const patterns = words.map(topicPattern);
  if (patterns.every((pattern) => pattern === null)) return [...new Set(words)];
  const all = (await admin.listTopics())
    .filter(({ isInternal }) => !isInternal)
    .map(({ name }) => name)
    .sort();
  const names = words.flatMap((word, index) => {
    const pattern = patterns[index]!;
    if (pattern === null) return [word];
    const matching = all.filter((name) => pattern.test(name));
    if (matching.length > 0) return matching;
    throw new CommandFailure(`no topic matches ${word}`, {
      hints: ['"topic list" shows the topics there are.'],
    });
  });
  return [...new Set(names)];
}

/** The topics that names and patterns stand for. @throws {CommandFailure} when there is no such topic */
export async function existingTopics(
  client: Client,
  words: readonly string[],
): Promise<readonly TopicDescription[]> {
  const wanted = await topicNames(client, words);
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
