/** What a cell of the comparison is: something that can be run on either side and gives the same named numbers each time. */
import type { Side, SideName } from "../sides.ts";

export interface Measure {
  readonly key: string;
  readonly unit: string;
  readonly better: "more" | "less";
}

/** Numbers by measure key, and what they cost the broker where that has a meaning. */
export interface Sample {
  readonly values: Readonly<Record<string, number>>;
  readonly cost?: { readonly value: number; readonly unit: "s/GB" | "µs/request" | "µs/record" };
  readonly residentBytes?: number;
  readonly peakBytes?: number;
  /** Shown under the table when it is the same in every round, such as how a cache was emptied. */
  readonly note?: string;
  /** CPU of the driver as a share of one core, where a driver was at work. */
  readonly driverLoad?: number;
}

export interface Settings {
  /** Length of one measured run. */
  readonly seconds: number;
  /** Load before the first round, not measured: both virtual machines compile while they run. */
  readonly warmupSeconds: number;
  /** Requests under way on each connection. */
  readonly inFlight: number;
  /** Data that fetch cells read. */
  readonly fetchBytes: number;
  /** What each client sends or reads in a round. */
  readonly clientBytes: number;
  /** What each client under comparison sends or reads in a run. */
  readonly records: number;
  /** Parent of the data directories. */
  readonly directory: string;
}

/** One side of a cell, started and warm. */
export interface CellRun extends AsyncDisposable {
  round(): Promise<Sample>;
}

export interface Cell {
  readonly name: string;
  readonly about: string;
  readonly measures: readonly Measure[];
  /** Instead of all of the group's. */
  readonly sides?: readonly SideName[];
  open(side: Side, settings: Settings): Promise<CellRun>;
}
