/**
 * What the members of all groups have said of themselves, in bytes. A JoinGroup may carry as much as a request may, and all of it is kept for as long as its
 * sender is a member, which it need not even stay connected for.
 */
import type { JoinGroupProtocol } from "./group-types.ts";

const LIMIT_BYTES = 268_435_456;
/** What a protocol costs besides its name and its metadata. */
const PROTOCOL_BYTES = 128;

export class MemberMemory {
  readonly #limitBytes: number;
  #heldBytes = 0;

  constructor(limitBytes = LIMIT_BYTES) {
    this.#limitBytes = limitBytes;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether somebody may say this in place of what was said before. */
  hasRoom(protocols: readonly JoinGroupProtocol[], instead: readonly JoinGroupProtocol[]): boolean {
    return this.#heldBytes - bytesOf(instead) + bytesOf(protocols) <= this.#limitBytes;
  }

  /** Counts bytes that are kept from now on, or below zero no more. */
  count(bytes: number): void {
    this.#heldBytes += bytes;
  }
}

export function bytesOf(protocols: readonly JoinGroupProtocol[]): number {
  let bytes = 0;
  for (const { name, metadata } of protocols)
    bytes += PROTOCOL_BYTES + name.length + metadata.length;
  return bytes;
}
