/**
 * The features of KIP-584 that this broker has: names and level ranges are those of Kafka 4.3. A feature at level 0 is supported and switched
 * off. What is finalized is kept by the metadata store, from the first start on that has the feature.
 */
import type { MetadataImage } from "@ottla/metadata";

export interface Feature {
  readonly name: string;
  readonly min: number;
  readonly max: number;
  /** Finalized where no other level was chosen. */
  readonly level: number;
}

export const METADATA_VERSION = "metadata.version";

/** 30 is 4.3-IV0: what tools derive the Kafka version from. */
export const FEATURES: readonly Feature[] = [
  { name: METADATA_VERSION, min: 7, max: 30, level: 30 },
  { name: "transaction.version", min: 0, max: 2, level: 2 },
];

/** What a store finalizes that knows no levels yet. */
export const DEFAULT_LEVELS: ReadonlyMap<string, number> = new Map(
  FEATURES.map(({ name, level }) => [name, level]),
);

export function finalizedLevel(image: MetadataImage, { name, level }: Feature): number {
  return image.features.get(name) ?? level;
}
