import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cachedDirectory } from "../cache.ts";
import { runOrThrow } from "../process/child.ts";

/** The program `node` of this version, from npm's package of that name; fetched when it is asked for first. */
export async function nodeOfVersion(version: string): Promise<string> {
  const manifest = JSON.stringify({ private: true, allowScripts: { node: true } });
  const directory = await cachedDirectory(`node-${version}`, manifest, async (draft) => {
    await writeFile(join(draft, "package.json"), manifest);
    const args = ["install", "--no-audit", "--no-fund", `node@${version}`];
    await runOrThrow("npm", args, { cwd: draft });
  });
  return join(directory, "node_modules/node/bin/node");
}
