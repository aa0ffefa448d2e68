/** A request in flight, as its connection keeps it. */
import type { LaterListener } from "@ottla/platform";

/** A response's buffers; null for no response (acks=0). */
export type Response = readonly Buffer[] | null;

/** A request and its response, as its connection keeps them. */
export interface Exchange {
  /**
   * Set by who serves the request, to learn that nobody looks at the response's buffers any more and they may be used for something else:
   * the operating system has them, or gave up on them, or they will never be written because the connection closes or the request failed.
   * Called once, whatever becomes of the request, and never before it is answered.
   */
  onWritten: (() => void) | null;
}

/** A request's place in the order of responses, which listens for its own. */
export class Slot implements Exchange, LaterListener<Response> {
  onWritten: (() => void) | null = null;
  /** What it holds of the budget. */
  shareBytes: number;
  isReady = false;
  response: Response = null;
  /** Set when the request cannot be answered: why the connection closes at this place. */
  failure: { readonly cause: unknown } | null = null;
  /** Whether requests behind it may have started before it is answered. */
  mayOverlap = false;
  /** The pool's memory that is lent to the request until it is answered. */
  lent: Buffer | null = null;
  readonly #owner: SlotOwner;

  constructor(owner: SlotOwner, shareBytes: number) {
    this.#owner = owner;
    this.shareBytes = shareBytes;
  }

  settled(response: Response): void {
    this.#owner.settled(this, response);
  }

  failed(cause: unknown): void {
    this.#owner.failed(this, cause);
  }

  /** The request is answered, and its response will not be handed to the socket. */
  drop(): void {
    const { onWritten } = this;
    this.onWritten = null;
    onWritten?.();
  }
}

/** The connection, as its slots see it. */
export interface SlotOwner {
  settled(slot: Slot, response: Response): void;
  failed(slot: Slot, cause: unknown): void;
}
