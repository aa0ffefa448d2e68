/** What a run of the scenarios leaves behind: every step with its normalised outcome, comparable between brokers. */

export type Json =
  | null
  | boolean
  | number
  | string
  | readonly Json[]
  | { readonly [name: string]: Json };

export interface Step {
  readonly scenario: string;
  /** What the step does, unique in its scenario together with the version. */
  readonly label: string;
  readonly api: string;
  /** The API version, or null for raw bytes. */
  readonly version: number | null;
  /** The response after normalisation, or `closed` or `silent`. */
  readonly outcome: Json;
}
