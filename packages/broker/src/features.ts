/**
 * The features of KIP-584 that this broker has: names and level ranges are those of Kafka 4.3. `level` is what is finalized; a feature at
 * level 0 is supported and switched off.
 */
export interface Feature {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  readonly level: number;
}

/** 30 is 4.3-IV0: what tools derive the Kafka version from. */
export const FEATURES: readonly Feature[] = [
  { name: "metadata.version", min: 7, max: 30, level: 30 },
];

/** Grows with every change of the finalized features: the first finalized the levels above, and nothing changes them yet. */
export const FEATURES_EPOCH = 1;
