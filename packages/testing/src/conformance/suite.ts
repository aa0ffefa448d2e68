/** What a suite made by others says about a broker. */
export interface SuiteResult {
  readonly passed: readonly string[];
  readonly skipped: readonly CaseResult[];
  readonly failed: readonly CaseResult[];
}

export interface CaseResult {
  readonly name: string;
  /** One line of why. */
  readonly reason: string;
}

export interface Suite {
  readonly name: string;
  /** What it is and which version of it. */
  readonly title: string;
  /** Installs the suite when it is not there and runs it against a broker of the kind. */
  run(kind: "ottla" | "kafka"): Promise<SuiteResult>;
}
