/**
 * What users install: JavaScript and declarations, made of the sources by one run of the compiler over all packages. It begins at what
 * packages export, so tests and what only they import are left out by themselves, and it resolves packages to sources, so the order among
 * them does not matter. Each package gets its part as `dist`, whole or not at all: programs may run on the former one meanwhile.
 */
import { existsSync } from "node:fs";
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { runOrThrow } from "../process/child.ts";

const root = join(import.meta.dirname, "../../../..");
const packages = join(root, "packages");
const compiler = join(root, "node_modules/typescript/bin/tsc");
/** In the tree, because renaming does not cross file systems. */
const drafts = join(root, ".cache");

/** Builds `dist` of every package that is published, and puts the licence beside it. @throws with what the compiler says */
export async function buildPackages(): Promise<void> {
  await mkdir(drafts, { recursive: true });
  const draft = await mkdtemp(join(drafts, "build-"));
  try {
    const project = join(root, "tsconfig.build.json");
    await runOrThrow(process.execPath, [compiler, "-p", project, "--outDir", draft]);
    for (const name of await readdir(draft)) {
      const directory = join(packages, name);
      const built = join(draft, name, "src");
      await makeExecutable(directory, built);
      const dist = join(directory, "dist");
      if (existsSync(dist)) await rename(dist, join(draft, name, "former"));
      await rename(built, dist);
      await copyFile(join(root, "LICENSE"), join(directory, "LICENSE"));
    }
  } finally {
    await rm(draft, { recursive: true });
  }
}

export interface Tarball {
  readonly file: string;
  /** Paths in the package. */
  readonly contents: readonly string[];
}

/** Packs what was built as `npm publish` would, into an existing directory. */
export async function packPackages(
  names: readonly string[],
  directory: string,
): Promise<Tarball[]> {
  const workspaces = names.flatMap((name) => ["--workspace", name]);
  const args = ["pack", "--json", "--pack-destination", directory, ...workspaces];
  const { stdout } = await runOrThrow("npm", args, { cwd: root });
  const packed = JSON.parse(stdout) as readonly { filename: string; files: { path: string }[] }[];
  return packed.map(({ filename, files }) => ({
    file: join(directory, filename),
    contents: files.map(({ path }) => path),
  }));
}

/** What the compiler writes is not executable; npm makes commands so when it installs them, but not those of a workspace built later. */
async function makeExecutable(directory: string, built: string): Promise<void> {
  const { bin } = JSON.parse(await readFile(join(directory, "package.json"), "utf8")) as {
    readonly bin?: Readonly<Record<string, string>>;
  };
  for (const file of Object.values(bin ?? {})) {
    await chmod(join(built, file.replace("./dist/", "")), 0o755);
  }
}
