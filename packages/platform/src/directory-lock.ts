/**
 * The exclusive lock of a folder, held for the life of a process.
 *
 * Node has no flock, but SQLite, which is part of it, takes advisory locks of the operating system (fcntl, LockFileEx) on its database
 * file. An exclusive transaction that is never committed on an otherwise empty database `.lock` is such a lock: the kernel drops it with the process, however
 * it ends; it excludes other connections of the same process and processes in other containers that share the volume, which a socket name would not.
 * Taking it costs under a millisecond and writes nothing. The file stays behind and means nothing by itself.
 */
import path from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { type DirectoryLock, FileSystemError } from "./file-system.ts";

const LOCK_FILE = ".lock";
const SQLITE_BUSY = 5;
const SQLITE_READONLY = 8;
const SQLITE_CANTOPEN = 14;

/** Keeps a lock alive whose owner lost sight of it: collecting the database would release it. */
const held = new Set<DatabaseSync>();

/** @throws {FileSystemError} with code `locked` when another holder has it. */
export async function lockDirectory(folder: string): Promise<DirectoryLock> {
  const { DatabaseSync } = await import("node:sqlite");
  const file = path.join(folder, LOCK_FILE);
  let database: DatabaseSync | null = null;
  try {
    database = new DatabaseSync(file, { timeout: 0 });
    database.exec("BEGIN EXCLUSIVE");
  } catch (cause) {
    database?.close();
    throw lockError(folder, cause);
  }
  held.add(database);
  return new SqliteDirectoryLock(database);
}

class SqliteDirectoryLock implements DirectoryLock {
  #database: DatabaseSync | null;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async release(): Promise<void> {
    if (this.#database !== null) {
      held.delete(this.#database);
      this.#database.close();
      this.#database = null;
    }
  }
}

function lockError(folder: string, cause: unknown): FileSystemError {
  // The low byte is the primary result code; the rest says which call under it failed.
  switch (((cause as { errcode?: number }).errcode ?? 0) & 0xff) {
    case SQLITE_BUSY:
      return new FileSystemError("locked", folder, cause);
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return new FileSystemError("access", folder, cause);
    default:
      return new FileSystemError("io", folder, cause);
  }
}
