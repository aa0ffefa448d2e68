/**
 * The folder outside the tree that keeps what the suites install: Kafka's jars, Python environments, sources of foreign suites.
 * Everything in it can be deleted at any time and is fetched again when next needed.
 */
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";

/** `OTTLA_CACHE`, or `ottla` in the user's cache folder. */
export function cacheDirectory(): string {
  const base = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  return process.env.OTTLA_CACHE ?? join(base, "ottla");
}

/**
 * The cached folder `name` for the given recipe, made by `fill` when it is not there. A folder appears whole or not at all, so two
 * processes may ask at once and an interrupted one leaves nothing half done.
 */
export async function cachedDirectory(
  name: string,
  recipe: string,
  fill: (directory: string) => Promise<void>,
): Promise<string> {
  const fingerprint = createHash("sha256").update(recipe).digest("hex").slice(0, 12);
  const directory = join(cacheDirectory(), `${name}-${fingerprint}`);
  if (existsSync(directory)) return directory;
  const draft = `${directory}.${randomBytes(4).toString("hex")}`;
  await mkdir(draft, { recursive: true });
  try {
    await fill(draft);
    await rename(draft, directory);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    if (!existsSync(directory)) throw error;
  }
  return directory;
}
