import path from "node:path";

/** The names that lead from the root to a POSIX path; a relative one starts at the root. */
export function partsOf(target: string): string[] {
  return path.posix
    .resolve("/", target)
    .split("/")
    .filter((part) => part !== "");
}
