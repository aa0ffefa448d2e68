/** The machine's page cache: written out between runs, emptied before cold ones. */
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const execute = promisify(execFile);
const dropCaches = "/proc/sys/vm/drop_caches";

/** Waits until everything dirty is on disk, so that one side's leftovers do not slow the other's run. */
export async function flushDisk(): Promise<void> {
  await execute("sync");
}

/** Takes the files of a folder out of the page cache. @returns how, in words for the report. */
export async function emptyPageCache(directory: string): Promise<string> {
  await flushDisk();
  if (existsSync(dropCaches)) {
    try {
      await writeFile(dropCaches, "3");
      return "page cache dropped by /proc/sys/vm/drop_caches";
    } catch {
      // Not permitted here: ask for each file instead.
    }
  }
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    // With count=0 and nocache dd copies nothing and calls posix_fadvise(DONTNEED) for the whole file.
    const file = join(entry.parentPath, entry.name);
    await execute("dd", [`if=${file}`, "iflag=nocache", "count=0", "status=none"]);
  }
  return "page cache dropped file by file with posix_fadvise(DONTNEED)";
}
