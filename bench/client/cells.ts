/** The cells of the client group: both directions, two sizes, with and without compression. */
import type { ClientJob, Compression } from "./job.ts";

export type ClientLoad = Pick<ClientJob, "kind" | "valueBytes" | "compression">;

export interface ClientCell {
  readonly name: string;
  readonly about: string;
  readonly load: ClientLoad;
}

export const clientPartitions = 12;

const sizes = [
  { suffix: "100", valueBytes: 100, words: "100 B" },
  { suffix: "1k", valueBytes: 1024, words: "1 KB" },
];
const compressions: readonly Compression[] = ["none", "lz4"];

export const clientCells: readonly ClientCell[] = (["produce", "consume"] as const).flatMap(
  (kind) =>
    sizes.flatMap(({ suffix, valueBytes, words }) =>
      compressions.map((compression) => ({
        name: `client-${kind}-${suffix}${compression === "none" ? "" : `-${compression}`}`,
        about: `${kind}, values of ${words}, ${clientPartitions} partitions, ${
          compression === "none" ? "uncompressed" : compression
        }`,
        load: { kind, valueBytes, compression },
      })),
    ),
);
