/**
 * Makes answers comparable: what a broker chooses freely (ids, its address, the time, wording) becomes a token that says what it was,
 * and arrays whose order means nothing are sorted. Equal values get equal tokens within a scenario, so that an answer that
 * repeats an id is still told from one that invents another.
 */
import { ZERO_UUID } from "@ottla/protocol";
import { readBatches } from "../wire/batch.ts";
import type { Json } from "./transcript.ts";

/** Scenarios stamp records with small numbers of milliseconds after this much before the start of the run. */
const BASE_BEFORE_START_MS = 3_600_000;
const NEAR_MS = 1_000_000;

export class Normaliser {
  /** Record timestamps of a scenario count from here. */
  readonly baseTimestamp: number;
  readonly #port: number;
  readonly #tokens = new Map<string, string>();
  readonly #counts = new Map<string, number>();

  constructor(port: number, startedAt: number) {
    this.#port = port;
    this.baseTimestamp = startedAt - BASE_BEFORE_START_MS;
  }

  /** Gives a value its token beforehand, so that it does not depend on where it is seen first. */
  name(kind: "topic" | "producer", value: string, name: string): void {
    this.#tokens.set(`${kind} ${value}`, `<${kind} ${name}>`);
  }

  body(body: unknown): Json {
    return this.#value("", body);
  }

  #value(name: string, value: unknown): Json {
    if (value === null || value === undefined) return null;
    if (typeof value === "boolean") return value;
    if (typeof value === "number") return this.#number(name, value);
    if (typeof value === "string") return this.#text(name, value);
    if (Buffer.isBuffer(value)) {
      return name === "records" ? this.#value("", readBatches(value)) : value.toString("latin1");
    }
    if (Array.isArray(value))
      return sorted(
        name,
        value.map((each) => this.#value(name, each)),
      );
    this.#nameTopic(value as { readonly [name: string]: unknown });
    const entries = Object.entries(value).map(([key, each]) => [key, this.#value(key, each)]);
    return Object.fromEntries(entries);
  }

  /** An id that comes with its name is called by it. */
  #nameTopic(value: { readonly [name: string]: unknown }): void {
    const { topicId, name } = value;
    if (typeof topicId !== "string" || topicId === ZERO_UUID || typeof name !== "string") return;
    if (name === "" || this.#tokens.has(`topic ${topicId}`)) return;
    const count = (this.#counts.get(`named ${name}`) ?? 0) + 1;
    this.#counts.set(`named ${name}`, count);
    this.name("topic", topicId, count === 1 ? name : `${name}, number ${count}`);
  }

  #number(name: string, value: number): Json {
    if (name === "port" && value === this.#port) return "<port>";
    if (name === "producerId" && value >= 0) return this.#token("producer", String(value));
    if (name === "sessionId" && value > 0) return this.#token("session", String(value));
    if (FREE_NUMBERS.has(name) && value > 0) return `<${name}>`;
    const fromBase = value - this.baseTimestamp;
    if (Math.abs(fromBase) < NEAR_MS) return `T+${fromBase}`;
    if (Math.abs(fromBase - BASE_BEFORE_START_MS) < NEAR_MS) return "<now>";
    return value;
  }

  #text(name: string, value: string): Json {
    if (MESSAGES.has(name)) return value === "" ? "" : "<text>";
    if (name === "clusterId") return "<cluster>";
    if (name === "logDir") return "<directory>";
    if (name === "topicId") return value === ZERO_UUID ? "<zero>" : this.#token("topic", value);
    return value.replace(RANDOM_UUID, (uuid) => this.#token("uuid", uuid));
  }

  #token(kind: string, value: string): string {
    const key = `${kind} ${value}`;
    let token = this.#tokens.get(key);
    if (token === undefined) {
      const count = (this.#counts.get(kind) ?? 0) + 1;
      this.#counts.set(kind, count);
      token = `<${kind} ${count}>`;
      this.#tokens.set(key, token);
    }
    return token;
  }
}

/** Wording is not contract; whether there is any is. */
const MESSAGES = new Set(["errorMessage", "batchIndexErrorMessage", "documentation"]);
const FREE_NUMBERS = new Set(["totalBytes", "usableBytes", "finalizedFeaturesEpoch"]);
const RANDOM_UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;

/** The fields that name an element of an array, the first that is there. */
const KEYS = [
  "transactionalId",
  "topic",
  "topicName",
  "name",
  "groupId",
  "key",
  "resourceName",
  "apiKey",
  "nodeId",
  "brokerId",
  "partitionIndex",
  "partition",
  "index",
  "batchIndex",
  "partitionId",
  "memberId",
  "feature",
  "producerId",
] as const;

/** What names an element, or null when only its place does. */
export function elementKey(element: Json): string | null {
  if (element === null || typeof element !== "object" || Array.isArray(element)) return null;
  const object = element as { readonly [name: string]: Json };
  const named = KEYS.filter((key) => ["number", "string"].includes(typeof object[key]));
  const telling = named.find((key) => object[key] !== "");
  if (telling !== undefined) return String(object[telling]);
  if (typeof object.topicId === "string") return object.topicId;
  return named.length === 0 ? null : "";
}

/** Elements with names in the order of the names, lists that are sets of numbers in theirs, others as they came. */
function sorted(name: string, elements: Json[]): Json[] {
  if (IN_ORDER.has(name)) return elements;
  if (NUMBER_SETS.has(name) && elements.every((each) => typeof each === "number")) {
    return elements.toSorted((a, b) => (a as number) - (b as number));
  }
  return sortByKey(elements);
}

/** The client walks these beside the records: their order is contract. */
const IN_ORDER = new Set(["abortedTransactions"]);
const NUMBER_SETS = new Set(["partitions"]);

function sortByKey(elements: Json[]): Json[] {
  if (elements.length < 2 || elements.some((each) => elementKey(each) === null)) return elements;
  return elements
    .map((element) => ({ element, key: elementKey(element)!, text: JSON.stringify(element) }))
    .sort((a, b) => a.key.localeCompare(b.key, "en", { numeric: true }) || compare(a.text, b.text))
    .map(({ element }) => element);
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
