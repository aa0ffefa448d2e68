import type { Socket } from "node:net";

/**
 * Bytes that the operating system has not taken yet of what a socket was given: whether they become fewer tells whether the peer reads a long response. Node asks the same of
 * itself for its own timeouts, but documents it nowhere, so 0 where it is not as expected.
 */
export function unsentBytesOf(socket: Socket): number {
  const { _handle: handle } = socket as { readonly _handle?: { readonly writeQueueSize?: number } };
  return handle?.writeQueueSize ?? 0;
}
