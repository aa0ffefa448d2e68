/** A Python environment of our own in the cache: kafka-python, its codecs and what its own tests need; confluent-kafka with librdkafka in it. */
import { join } from "node:path";
import { cachedDirectory } from "../cache.ts";
import { run, runOrThrow } from "../process/child.ts";
import { installDebianPackage } from "./apt.ts";

export const KAFKA_PYTHON_VERSION = "3.0.12";

export const CONFLUENT_KAFKA_VERSION = "2.16.1";

const REQUIREMENTS = [
  `kafka-python==${KAFKA_PYTHON_VERSION}`,
  `confluent-kafka==${CONFLUENT_KAFKA_VERSION}`,
  "lz4==4.4.5",
  "python-snappy==0.7.3",
  "zstandard==0.25.0",
  "crc32c==2.9.post0",
  "pytest==8.4.2",
  "pytest-mock==3.15.1",
  "pytest-timeout==2.4.0",
];

let python: Promise<string> | null = null;

/** The environment's Python interpreter, everything installed. */
export function installPython(): Promise<string> {
  python ??= createEnvironment();
  return python;
}

async function createEnvironment(): Promise<string> {
  const directory = await cachedDirectory(
    "kafka-python",
    REQUIREMENTS.join("\n"),
    async (draft) => {
      const created = await run("python3", ["-m", "venv", draft]);
      if (created.code !== 0) {
        await installDebianPackage("python3-venv");
        await runOrThrow("python3", ["-m", "venv", draft]);
      }
      const options = ["--quiet", "--disable-pip-version-check", "--only-binary", ":all:"];
      await runOrThrow(join(draft, "bin/python"), [
        "-m",
        "pip",
        "install",
        ...options,
        ...REQUIREMENTS,
      ]);
    },
  );
  return join(directory, "bin/python");
}
