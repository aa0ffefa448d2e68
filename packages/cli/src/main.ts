#!/usr/bin/env node
/**
 * The `ottla` command. Every import here and below is paid for at each start, so commands and what they stand on are loaded when they
 * run, and compiled code is kept between runs: this halves the time to load the client or the broker.
 */
import { enableCompileCache } from "node:module";
import { setFlagsFromString } from "node:v8";
import { MessageChannel } from "node:worker_threads";

// Segment writes, flushes and the journal's writes each take a thread while they last; with the four that are usual, acknowledgements queue behind segments.
process.env.UV_THREADPOOL_SIZE ??= "8";
// A request passes through many small functions. V8 stops inlining early, for the sake of pages that run for seconds; with more of it a record costs about
// 6 % less. Before the cache of compiled code is opened, which is one for each set of flags.
setFlagsFromString("--max-inlined-bytecode-size=1000");
setFlagsFromString("--max-inlined-bytecode-size-cumulative=4000");
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
await context.stdout.write("").catch(() => {
  exitCode ||= EXIT.failure;
});
process.exit(exitCode);
