/** The Java programs of this package (`java/`), compiled against Kafka's jars into the cache when their sources change. Needs a JDK. */
import { readdir, readFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { cachedDirectory } from "../cache.ts";
import { type Child, runOrThrow, spawnChild } from "../process/child.ts";
import { classpath, log4jFlag } from "../reference-kafka/java.ts";

const sources = join(import.meta.dirname, "../../java/ottla/testing");
let classes: Promise<string> | null = null;

/** The folder with the compiled programs. */
export function javaPrograms(): Promise<string> {
  classes ??= compile();
  return classes;
}

/** What a program says: one object for each line of its standard output. */
export interface Observation {
  readonly about: string;
  readonly [name: string]: unknown;
}

/** Runs one of the programs to its end and gives what it said. @throws {Error} when it fails */
export async function runJavaProgram(
  name: string,
  args: readonly string[],
): Promise<Observation[]> {
  const [program, flags] = await javaCommand(name, args);
  const { stdout } = await runOrThrow(program, flags, { timeoutMs: 120_000 });
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}

/** Starts one of the programs, such as `CopyJob`; it dies with this process. */
export async function spawnJavaProgram(name: string, args: readonly string[]): Promise<Child> {
  return spawnChild(...(await javaCommand(name, args)));
}

async function javaCommand(
  name: string,
  args: readonly string[],
): Promise<[program: string, args: string[]]> {
  const path = [await javaPrograms(), await classpath()].join(delimiter);
  const flags = ["-Xmx256M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", log4jFlag];
  return ["java", [...flags, "-cp", path, `ottla.testing.${name}`, ...args]];
}

async function compile(): Promise<string> {
  const names = (await readdir(sources)).filter((name) => name.endsWith(".java")).sort();
  const files = names.map((name) => join(sources, name));
  const texts = await Promise.all(files.map((file) => readFile(file, "utf8")));
  const jars = await classpath();
  return await cachedDirectory("java-programs", [jars, ...texts].join("\n"), async (directory) => {
    const flags = ["-encoding", "UTF-8", "-Xlint:all", "-Werror", "-d", directory, "-cp", jars];
    await runOrThrow("javac", [...flags, ...files]);
  });
}
