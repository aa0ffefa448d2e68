import type { Operation, Outcome, SendOperation } from "./history.ts";

/** Fills in how a send ended; not called, it stays unknown. */
export type Settle = (outcome: Outcome, offset: number | null) => void;

/** Collects the operations of all processes of a run in one list. */
export class Recorder {
  readonly #entries: (() => Operation)[] = [];

  /** Notes a send at the moment at which it is sent. */
  send(send: Omit<SendOperation, "kind" | "outcome" | "offset">): Settle {
    let operation: SendOperation = { kind: "send", ...send, outcome: "unknown", offset: null };
    this.#entries.push(() => operation);
    return (outcome, offset) => {
      operation = { ...operation, outcome, offset };
    };
  }

  note(operation: Exclude<Operation, SendOperation>): void {
    this.#entries.push(() => operation);
  }

  get operations(): Operation[] {
    return this.#entries.map((entry) => entry());
  }
}
