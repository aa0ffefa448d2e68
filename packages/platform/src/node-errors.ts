import { FileSystemError, type FileSystemErrorCode } from "./file-system.ts";

/** The error of this package for an error of `node:fs`; one of ours passes through. */
export function toFileSystemError(file: string, cause: unknown): FileSystemError {
  if (cause instanceof FileSystemError) {
    return cause;
  }
  const errno = (cause as NodeJS.ErrnoException | null)?.code ?? "";
  return new FileSystemError(CODES.get(errno) ?? "io", file, cause);
}

const CODES: ReadonlyMap<string, FileSystemErrorCode> = new Map([
  ["ENOENT", "not-found"],
  ["ENOTDIR", "not-found"],
  ["EEXIST", "exists"],
  ["ENOTEMPTY", "exists"],
  ["ENOSPC", "no-space"],
  ["EDQUOT", "no-space"],
  ["EFBIG", "no-space"],
  ["EACCES", "access"],
  ["EPERM", "access"],
  ["EROFS", "access"],
  ["EMFILE", "too-many-open"],
  ["ENFILE", "too-many-open"],
]);
