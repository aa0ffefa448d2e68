/** A Java program that runs until it is stopped or killed, and is started again as the same application. */
import { createInterface } from "node:readline";
import { type Child, killChild } from "../process/child.ts";
import { type Observation, spawnJavaProgram } from "./programs.ts";

export class JavaJob implements AsyncDisposable {
  /** What all its lives have said so far. */
  readonly observations: Observation[] = [];
  readonly #program: string;
  readonly #args: readonly string[];
  #child: Child | null = null;
  #errors = "";

  private constructor(program: string, args: readonly string[]) {
    this.#program = program;
    this.#args = args;
  }

  static async start(program: string, args: readonly string[]): Promise<JavaJob> {
    const job = new JavaJob(program, args);
    await job.start();
    return job;
  }

  /** Begins another life. */
  async start(): Promise<void> {
    const child = await spawnJavaProgram(this.#program, this.#args);
    this.#child = child;
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("{")) this.observations.push(JSON.parse(line));
    });
    child.stderr.on("data", (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString("utf8")).slice(-20_000);
    });
  }

  told(about: string): Observation[] {
    return this.observations.filter((each) => each.about === about);
  }

  /** What it wrote to its standard error, the end of it. */
  errors(): string {
    return this.#errors;
  }

  async killAndRestart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async kill(): Promise<void> {
    if (this.#child !== null) await killChild(this.#child);
  }

  /** Ends its input, which asks it to finish, and gives its exit code. */
  async stop(): Promise<number | null> {
    const child = this.#child!;
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
    child.stdin.end();
    return await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}
