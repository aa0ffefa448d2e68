/** Data directories of one run: made below one parent, removed at the end whatever happens. */
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BrokerServer } from "@ottla/testing";
import { freePort, type Side } from "./sides.ts";

export async function temporaryDirectory(parent: string, name: string): Promise<string> {
  return await mkdtemp(join(parent, `ottla-bench-${name}-`));
}

/** A side's broker over one data directory, which survives restarts and goes with `close`. */
export class Site implements AsyncDisposable {
  readonly side: Side;
  readonly port: number;
  readonly directory: string;
  #broker: BrokerServer | null = null;

  private constructor(side: Side, port: number, directory: string) {
    this.side = side;
    this.port = port;
    this.directory = directory;
  }

  /** A formatted, empty data directory; nothing is started yet. */
  static async create(side: Side, parent: string): Promise<Site> {
    const directory = await temporaryDirectory(parent, side.name);
    const site = new Site(side, await freePort(), directory);
    await side.format(directory);
    return site;
  }

  /** Creates and starts. */
  static async started(side: Side, parent: string): Promise<Site> {
    const site = await Site.create(side, parent);
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

  get pid(): number {
    return this.broker.pid;
  }

  async start(): Promise<void> {
    this.#broker = await this.side.start({ dataDirectory: this.directory, port: this.port });
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
  }
}
