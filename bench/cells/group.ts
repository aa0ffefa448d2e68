/** What `main.ts` runs: named cells, and a section of the document that grows with each of them. */
import type { ClientName } from "../client/job.ts";
import type { SideName } from "../sides.ts";
import type { Settings } from "./cell.ts";

export interface Group {
  readonly name: string;
  readonly about: string;
  readonly cells: readonly { readonly name: string; readonly about: string }[];
  /** The cells that tell most in a few minutes. */
  readonly quick: readonly string[];
  /** Runs these cells one after the other and says after each how the whole section reads. */
  run(cells: readonly string[], options: RunOptions): AsyncIterable<SectionSoFar>;
}

export interface RunOptions {
  readonly settings: Settings;
  readonly rounds: number;
  /** Those asked for; null: the group's own. */
  readonly sides: readonly SideName[] | null;
  readonly clients: readonly ClientName[] | null;
  /** What was typed, for the document. */
  readonly command: string;
  readonly log: (line: string) => void;
}

export interface SectionSoFar {
  readonly markdown: string;
  readonly hasFailed: boolean;
}
