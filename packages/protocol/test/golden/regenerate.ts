/**
 * Captures the goldens anew: `node -C source packages/protocol/test/golden/regenerate.ts`. Needs a JDK (17 or later) and, in the local
 * Maven repository, what `mvn dependency:get` brings for org.apache.kafka:kafka-group-coordinator:4.3.1 and :kafka-transaction-coordinator:4.3.1.
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { jarPath } from "../jar.ts";

const repository = join(homedir(), ".m2/repository");

/** The newest version of a library that the Maven repository holds. */
function library(path: string): string {
  const folder = join(repository, path);
  const name = path.split("/").at(-1)!;
  const jars = readdirSync(folder)
    .map((version) => join(folder, version, `${name}-${version}.jar`))
    .filter((jar) => existsSync(jar));
  return jars.sort((a, b) => a.localeCompare(b, "en", { numeric: true })).at(-1)!;
}

const classPath = [
  jarPath("kafka-clients"),
  jarPath("kafka-group-coordinator"),
  jarPath("kafka-transaction-coordinator"),
  library("org/slf4j/slf4j-api"),
  library("org/xerial/snappy/snappy-java"),
  library("at/yawk/lz4/lz4-java"),
  library("com/github/luben/zstd-jni"),
];
const here = import.meta.dirname;
execFileSync("java", ["-cp", classPath.join(delimiter), join(here, "Goldens.java"), here], {
  stdio: "inherit",
});
