/** Data directories of one run: made below one parent, removed at the end, also when the run is interrupted. */
import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BrokerServer } from "@ottla/testing";
import { freePort, type Side } from "./sides.ts";

const directories = new Set<string>();

/** Ends the process on Ctrl-C and SIGTERM; its brokers die with it. */
export function removeDirectoriesWhenInterrupted(): void {
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => process.exit(130));
  process.once("exit", () => {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  });
}

/** A side's broker over one data directory, which survives restarts and goes with `close`. */
export class Site implements AsyncDisposable {
  readonly side: Side;
  readonly directory: string;
  readonly #port: number;
  readonly #properties: Readonly<Record<string, string>>;
  #broker: BrokerServer | null = null;

  private constructor(
    side: Side,
    port: number,
    directory: string,
    properties: Readonly<Record<string, string>>,
  ) {
    this.side = side;
    this.#port = port;
    this.directory = directory;
    this.#properties = properties;
  }

  /** A formatted, empty data directory; nothing is started yet. */
  static async create(
    side: Side,
    parent: string,
    properties: Readonly<Record<string, string>> = {},
  ): Promise<Site> {
    const directory = await mkdtemp(join(parent, `ottla-bench-${side.name}-`));
    directories.add(directory);
    const site = new Site(side, await freePort(), directory, properties);
    await side.format(directory);
    return site;
  }

  /** Creates and starts. */
  static async started(
    side: Side,
    parent: string,
    properties: Readonly<Record<string, string>> = {},
  ): Promise<Site> {
    const site = await Site.create(side, parent, properties);
    try {
      await site.start();
    } catch (error) {
      await site[Symbol.asyncDispose]();
      throw error;
    }
    return site;
  }

  get broker(): BrokerServer {
    if (this.#broker === null) throw new Error(`${this.side.title} is not running`);
    return this.#broker;
  }

  /** The same at every start, so that a client may try it before the broker is there. */
  get port(): number {
    return this.#broker?.port ?? this.#port;
  }

  get pid(): number {
    return this.broker.pid;
  }

  async start(): Promise<void> {
    this.#broker = await this.side.start({
      dataDirectory: this.directory,
      port: this.#port,
      properties: this.#properties,
    });
  }

  async stop(): Promise<void> {
    await this.#broker?.stop();
    this.#broker = null;
  }

  async kill(): Promise<void> {
    await this.#broker?.kill();
    this.#broker = null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await rm(this.directory, { recursive: true, force: true, maxRetries: 3 });
    directories.delete(this.directory);
  }
}
