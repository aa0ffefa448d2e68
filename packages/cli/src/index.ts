export type { Context, Input, Output } from "./context.ts";
export { EXIT, type ExitCode } from "./exit-codes.ts";
export { processContext } from "./process-context.ts";
export { runCommandLine } from "./run.ts";
