/**
 * Answers of megabytes that their readers have not taken yet, records of Fetch aside (the log bounds those). A request of some bytes an entry may be
 * answered with a hundred, and whoever asks on hundreds of connections and reads none of the answers would have them all in memory. Where there is no room
 * for another, those that were left lying longest go, with their connections; where none has been for long, the new one does.
 */
import type { Clock } from "@ottla/platform";
import { CloseConnection } from "./handler.ts";
import type { Connection } from "./network/connection.ts";
import type { Exchange } from "./network/slot.ts";

/** Smaller ones are not counted. */
export const LARGE_ANSWER_BYTES = 1_048_576;
const LIMIT_BYTES = 268_435_456;
/** How long an answer may be left lying while others want its room. */
export const PATIENCE_MS = 5_000;

interface Holder {
  readonly connection: Pick<Connection, "close">;
  readonly bytes: number;
  readonly sinceMs: number;
}

export class LargeAnswers {
  readonly #clock: Clock;
  readonly #limitBytes: number;
  /** Oldest first. */
  readonly #holders = new Set<Holder>();
  #heldBytes = 0;

  constructor(clock: Clock, limitBytes = LIMIT_BYTES) {
    this.#clock = clock;
    this.#limitBytes = limitBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Counts an answer until it is written. @throws {CloseConnection} when there is no room for it */
  hold(connection: Pick<Connection, "close">, exchange: Exchange, bytes: number): void {
    if (bytes < LARGE_ANSWER_BYTES) return;
    const nowMs = this.#clock.monotonic();
    for (const oldest of this.#holders) {
      if (this.#heldBytes + bytes <= this.#limitBytes) break;
      if (nowMs - oldest.sinceMs < PATIENCE_MS) {
        throw new CloseConnection("there is no room for a large answer beside others");
      }
      this.#leave(oldest);
      oldest.connection.close(new CloseConnection("a large answer was not read"));
    }
    const holder = { connection, bytes, sinceMs: nowMs };
    this.#holders.add(holder);
    this.#heldBytes += bytes;
    const { onWritten } = exchange;
    exchange.onWritten = () => {
      onWritten?.();
      this.#leave(holder);
    };
  }

  #leave(holder: Holder): void {
    if (this.#holders.delete(holder)) this.#heldBytes -= holder.bytes;
  }
}
