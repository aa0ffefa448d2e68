import type { Socket } from "node:net";

/**
 * Bytes that the operating system has not taken yet of what a socket was given: whether they become fewer tells whether the peer reads a long response. Node asks the
 * same of itself for its own timeouts, but documents it nowhere, so they never change where it is not as expected.
 */
export class UnsentBytes {
  readonly #socket: { readonly _handle?: { readonly writeQueueSize?: number } | null };
  #before = 0;

  constructor(socket: Socket) {
    this.#socket = socket as object;
  }

  /** Whether there are fewer or more than when this was asked last. */
  haveChanged(): boolean {
    const now = this.#socket._handle?.writeQueueSize ?? 0;
    const hasChanged = now !== this.#before;
    this.#before = now;
    return hasChanged;
  }
}
