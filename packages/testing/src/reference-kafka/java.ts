/** Kafka's command-line tools, run as Java classes: `javaTool("org.apache.kafka.tools.TopicCommand", ["--list", …])`. */
import { join } from "node:path";
import { type Child, type ProcessResult, run, spawnChild } from "../process/child.ts";
import { kafkaJars } from "./jars.ts";

export interface JavaOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Flags for the virtual machine, such as `-Xmx1G`; tools get by with what Kafka's own scripts give them. */
  readonly flags?: readonly string[];
}

const TOOL_FLAGS = ["-Xmx256M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];
/** Errors only, on standard error. */
export const log4jFlag = `-Dlog4j2.configurationFile=${join(import.meta.dirname, "log4j2.xml")}`;

/** Kafka's class path. */
export async function classpath(): Promise<string> {
  return join(await kafkaJars(), "*");
}

/** Runs a Java class to its end; `input` is its standard input. */
export async function javaTool(
  className: string,
  args: readonly string[],
  options: JavaOptions & { readonly input?: string | Uint8Array; readonly timeoutMs?: number } = {},
): Promise<ProcessResult> {
  return await run("java", await javaArguments(className, args, options.flags), options);
}

/** Starts a Java class; it dies with this process. */
export async function spawnJavaTool(
  className: string,
  args: readonly string[],
  options: JavaOptions = {},
): Promise<Child> {
  return spawnChild("java", await javaArguments(className, args, options.flags), options);
}

async function javaArguments(
  className: string,
  args: readonly string[],
  flags: readonly string[] = TOOL_FLAGS,
): Promise<string[]> {
  return [...flags, log4jFlag, "-cp", await classpath(), className, ...args];
}
