/** Which broker coordinates a group or a transactional id. Asked once, forgotten when a broker says it is not the one. */
import { findCoordinator } from "@ottla/protocol";
import { brokerError, throwIfError } from "../broker-error.ts";
import { UnsupportedError } from "../errors.ts";
import type { Brokers } from "./brokers.ts";

export type CoordinatorType = "group" | "transaction";

const KEY_TYPES: Readonly<Record<CoordinatorType, number>> = { group: 0, transaction: 1 };

export class Coordinators {
  readonly #brokers: Brokers;
  readonly #known: Readonly<Record<CoordinatorType, Map<string, number>>> = {
    group: new Map(),
    transaction: new Map(),
  };

  constructor(brokers: Brokers) {
    this.#brokers = brokers;
  }

  /** The node id, asked for if need be, once: no retries. @throws {BrokerError} such as COORDINATOR_NOT_AVAILABLE */
  async find(type: CoordinatorType, key: string, signal?: AbortSignal): Promise<number> {
    const known = this.#known[type].get(key);
    if (known !== undefined && this.#brokers.has(known)) return known;
    const connection = await this.#brokers.any(signal);
    const options = signal === undefined ? {} : { signal };
    const keyType = KEY_TYPES[type];
    const isBatched = connection.versions.find(findCoordinator, { min: 4 }) >= 0;
    const body = isBatched ? { keyType, coordinatorKeys: [key] } : { keyType, key };
    const response = await connection.request(findCoordinator, body, options);
    const found = isBatched ? response.coordinators[0] : response;
    const subject = `coordinator of ${type} ${key}`;
    if (found === undefined) throw new UnsupportedError(`no answer about the ${subject}`);
    throwIfError(found.errorCode, subject, found.errorMessage);
    if (found.nodeId < 0) throw brokerError(15, subject);
    this.#brokers.learn({
      nodeId: found.nodeId,
      host: found.host,
      port: found.port,
      rack: null,
    });
    this.#known[type].set(key, found.nodeId);
    return found.nodeId;
  }

  /** Forgets a coordinator that turned out to be none. */
  invalidate(type: CoordinatorType, key: string): void {
    this.#known[type].delete(key);
  }
}
