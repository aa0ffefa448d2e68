/** Apache Kafka's jars, resolved by Maven from `pom.xml` into the cache. Needs a JDK (17 or later) and Maven on the path. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { cachedDirectory } from "../cache.ts";
import { runOrThrow } from "../process/child.ts";

const pom = join(import.meta.dirname, "pom.xml");
let jars: Promise<string> | null = null;

/** The folder with Kafka's jars and everything they need, fetched when it is not in the cache. */
export function kafkaJars(): Promise<string> {
  jars ??= fetchJars();
  return jars;
}

/** The one jar whose name starts with `artifact` and a version, such as `kafka-clients`. */
export async function kafkaJar(artifact: string): Promise<string> {
  const directory = await kafkaJars();
  const names = await readdir(directory);
  const name = names.find((each) => each.replace(/-\d[\w.-]*\.jar$/, "") === artifact);
  if (name === undefined) throw new Error(`no jar of ${artifact} in ${directory}`);
  return join(directory, name);
}

async function fetchJars(): Promise<string> {
  const recipe = await readFile(pom, "utf8");
  return await cachedDirectory("kafka-jars", recipe, async (directory) => {
    await runOrThrow("mvn", [
      "-B",
      "-q",
      "-f",
      pom,
      "dependency:copy-dependencies",
      "-DincludeScope=runtime",
      `-DoutputDirectory=${directory}`,
    ]);
  });
}
