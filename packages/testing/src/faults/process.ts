import { setTimeout as pause } from "node:timers/promises";
import type { Random } from "@ottla/platform";
import { waitFor } from "../wait.ts";
import { WireConnection } from "../wire/connection.ts";
import type { Recorder } from "./recorder.ts";

/** What every simulated application of a run gets. */
export interface Surroundings {
  readonly port: number;
  readonly topic: string;
  readonly partitionCount: number;
  readonly recorder: Recorder;
  readonly random: Random;
}

/** One application that goes on through crashes of its broker until it is told to stop. */
export abstract class FaultProcess {
  readonly name: string;
  protected readonly surroundings: Surroundings;
  #connection: WireConnection | null = null;
  #isStopping = false;

  constructor(name: string, surroundings: Surroundings) {
    this.name = name;
    this.surroundings = surroundings;
  }

  /** Runs until {@link stop} and everything begun is finished. */
  abstract run(): Promise<void>;

  stop(): void {
    this.#isStopping = true;
  }

  protected get isStopping(): boolean {
    return this.#isStopping;
  }

  /** The connection, opened as soon as there is a broker to connect to. */
  protected async connection(): Promise<WireConnection> {
    if (this.#connection === null || this.#connection.isClosed) {
      const { port } = this.surroundings;
      this.#connection = await waitFor(() => WireConnection.open(port, this.name), {
        what: `broker for ${this.name}`,
        timeoutMs: 120_000,
        everyMs: 10,
      });
    }
    return this.#connection;
  }

  protected disconnect(): void {
    this.#connection?.close();
    this.#connection = null;
  }

  /** Somewhat under `maximumMs`, so that applications fall out of step. */
  protected async breathe(maximumMs: number): Promise<void> {
    await pause(this.surroundings.random.integer(maximumMs + 1));
  }

  protected unexpected(what: string): void {
    this.surroundings.recorder.note({ kind: "unexpected", process: this.name, what });
  }
}
