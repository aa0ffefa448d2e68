import path from "node:path";
import type { FileSystem } from "./file-system.ts";

let lastNumber = 0;

/**
 * Replaces a file in one step on any file system: after a crash at any instant the name holds the old bytes or the new ones. A crash
 * may leave the file beside it, whose name ends in `.tmp`.
 */
export async function writeFileAtomic(
  fileSystem: FileSystem,
  file: string,
  bytes: Uint8Array,
): Promise<void> {
  lastNumber += 1;
  const beside = `${file}.${lastNumber}.tmp`;
  try {
    const handle = await fileSystem.open(beside, { access: "write", create: true });
    try {
      await handle.truncate(0);
      await handle.write([bytes], 0);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await fileSystem.rename(beside, file);
  } catch (error) {
    await fileSystem.remove(beside).catch(() => {}); // The first failure is the one to report.
    throw error;
  }
  await fileSystem.syncDirectory(path.dirname(file));
}
