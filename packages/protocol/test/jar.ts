import { existsSync, readFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { inflateRawSync } from "node:zlib";

/** The release whose definitions are the oracle. */
export const KAFKA_VERSION = "4.3.1";

/**
 * Path of a Kafka jar: from the environment (`OTTLA_KAFKA_CLIENTS_JAR` for kafka-clients) or from the local Maven repository.
 * @throws Error that says how to get it; a missing oracle must not pass for agreement
 */
export function jarPath(artifact: string): string {
  const variable = `OTTLA_${artifact.toUpperCase().replaceAll("-", "_")}_JAR`;
  const configured = process.env[variable];
  if (configured !== undefined) {
    return configured;
  }
  const folder = join(homedir(), ".m2/repository/org/apache/kafka", artifact, KAFKA_VERSION);
  const path = join(folder, `${artifact}-${KAFKA_VERSION}.jar`);
  if (!existsSync(path)) {
    throw new Error(
      `${artifact} ${KAFKA_VERSION} is missing: set ${variable}, or run ` +
        `mvn dependency:get -Dartifact=org.apache.kafka:${artifact}:${KAFKA_VERSION}`,
    );
  }
  return path;
}

/** Reads the text entries of a jar (a zip archive without encryption or 64-bit sizes) whose names match. */
export function readJar(path: string, matches: (name: string) => boolean): Map<string, string> {
  const jar = readFileSync(path);
  const entries = new Map<string, string>();
  let end = jar.length - 22;
  while (jar.readUInt32LE(end) !== 0x06054b50) {
    end--;
  }
  const count = jar.readUInt16LE(end + 10);
  let at = jar.readUInt32LE(end + 16);
  for (let i = 0; i < count; i++) {
    const nameSize = jar.readUInt16LE(at + 28);
    const name = jar.toString("utf8", at + 46, at + 46 + nameSize);
    if (matches(name)) {
      entries.set(name, readEntry(jar, at));
    }
    at += 46 + nameSize + jar.readUInt16LE(at + 30) + jar.readUInt16LE(at + 32);
  }
  return entries;
}

function readEntry(jar: Buffer, directoryEntry: number): string {
  const method = jar.readUInt16LE(directoryEntry + 10);
  const size = jar.readUInt32LE(directoryEntry + 20);
  const local = jar.readUInt32LE(directoryEntry + 42);
  const start = local + 30 + jar.readUInt16LE(local + 26) + jar.readUInt16LE(local + 28);
  const bytes = jar.subarray(start, start + size);
  return (method === 0 ? bytes : inflateRawSync(bytes)).toString();
}
