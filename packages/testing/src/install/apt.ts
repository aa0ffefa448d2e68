import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { runOrThrow } from "../process/child.ts";

/** Whether a program is on the path. */
export function hasProgram(name: string): boolean {
  return (process.env.PATH ?? "").split(delimiter).some((directory) => {
    try {
      accessSync(join(directory, name), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Installs a Debian package with apt-get; as root, or through sudo. */
export async function installDebianPackage(name: string): Promise<void> {
  const apt = async (...args: string[]): Promise<void> => {
    const command = ["apt-get", "-qq", ...args];
    if (process.getuid?.() !== 0) command.unshift("sudo");
    await runOrThrow(command[0]!, command.slice(1), { env: { DEBIAN_FRONTEND: "noninteractive" } });
  };
  try {
    await apt("install", "-y", "--no-install-recommends", name);
  } catch {
    // The package lists of a fresh machine are empty.
    await apt("update");
    await apt("install", "-y", "--no-install-recommends", name);
  }
}
