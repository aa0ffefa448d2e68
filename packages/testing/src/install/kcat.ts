import { hasProgram, installDebianPackage } from "./apt.ts";

/** Makes sure that `kcat` is on the path. */
export async function installKcat(): Promise<void> {
  if (!hasProgram("kcat")) await installDebianPackage("kcat");
}
