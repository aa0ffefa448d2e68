import { randomBytes, randomInt, randomUUID } from "node:crypto";

/** The only source of randomness, so that a simulation replays from its seed. */
export interface Random {
  /** `size` random bytes in a buffer of their own. */
  bytes(size: number): Buffer;
  /** A whole number in `[0, bound)`; `bound` is at most 2^48 − 1. */
  integer(bound: number): number;
  /** A version-4 UUID in its 36-character form. */
  uuid(): string;
}

/** Cryptographically strong randomness of the operating system. */
export class SystemRandom implements Random {
  bytes(size: number): Buffer {
    return randomBytes(size);
  }

  integer(bound: number): number {
    return randomInt(bound);
  }

  uuid(): string {
    return randomUUID();
  }
}
