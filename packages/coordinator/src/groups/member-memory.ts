/**
 * What the members of all groups have said of themselves, in bytes. A JoinGroup may carry as much as a request may, and all of it is kept for as long as its
 * sender is a member, which it need not even stay connected for.
 */
import type { JoinGroupProtocol } from "./group-types.ts";

const LIMIT_BYTES = 536_870_912;
/** What a member costs besides what it says, with the request that it may have parked and its share of a group. */
const MEMBER_BYTES = 2_560;
/** What an id that was handed out costs besides itself. */
const PENDING_BYTES = 128;
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

  /** Whether a member may say this, in place of what it said before if it did. */
  hasRoom(
    protocols: readonly JoinGroupProtocol[],
    saidBefore: readonly JoinGroupProtocol[] | null,
    names: MemberNames,
  ): boolean {
    const freedBytes = saidBefore === null ? 0 : bytesOf(saidBefore) + namesBytes(names);
    const bytes = bytesOf(protocols) + namesBytes(names);
    return this.#heldBytes - freedBytes + bytes <= this.#limitBytes;
  }

  /** Counts bytes that are kept from now on, or below zero no more. */
  count(bytes: number): void {
    this.#heldBytes += bytes;
  }
}

/** What a member is called by itself and by us. */
export interface MemberNames {
  readonly memberId: string;
  readonly clientId: string;
  readonly groupInstanceId: string | null;
}

export function namesBytes({ memberId, clientId, groupInstanceId }: MemberNames): number {
  return memberId.length + clientId.length + (groupInstanceId?.length ?? 0);
}

/** Ids handed out, with their deadlines, oldest first. */
export class PendingMembers extends Map<string, number> {
  readonly #memory: MemberMemory;

  constructor(memory: MemberMemory) {
    super();
    this.#memory = memory;
  }

  override set(memberId: string, deadline: number): this {
    if (!this.has(memberId)) this.#memory.count(PENDING_BYTES + memberId.length);
    return super.set(memberId, deadline);
  }

  override delete(memberId: string): boolean {
    const isDeleted = super.delete(memberId);
    if (isDeleted) this.#memory.count(-PENDING_BYTES - memberId.length);
    return isDeleted;
  }

  override clear(): void {
    for (const memberId of this.keys()) this.#memory.count(-PENDING_BYTES - memberId.length);
    super.clear();
  }
}

/** Of a member that says this. */
export function bytesOf(protocols: readonly JoinGroupProtocol[]): number {
  let bytes = MEMBER_BYTES;
  for (const { name, metadata } of protocols) {
    bytes += PROTOCOL_BYTES + name.length + metadata.length;
  }
  return bytes;
}
