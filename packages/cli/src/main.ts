#!/usr/bin/env node
/**
 * The `ottla` command. Every import here and below is paid for at each start, so commands and what they stand on are loaded when they
 * run, and compiled code is kept between runs: this halves the time to load the client or the broker.
 */
import { enableCompileCache } from "node:module";
import { MessageChannel } from "node:worker_threads";

// Segment writes, flushes and the journal's writes each take a thread while they last; with the four that are usual, acknowledgements queue behind segments.
process.env.UV_THREADPOOL_SIZE ??= "8";
enableCompileCache();
const [{ EXIT }, { processContext }, { runCommandLine }] = await Promise.all([
  import("./exit-codes.ts"),
  import("./process-context.ts"),
  import("./run.ts"),
]);
// A command may wait for nothing but time to pass, which does not keep a process alive; a port with a listener does.
new MessageChannel().port1.on("message", () => {});
const context = processContext();
let exitCode = await runCommandLine(process.argv.slice(2), context);
await context.stdout.flush().catch(() => {
  exitCode ||= EXIT.failure;
});
process.exit(exitCode);
