/**
 * A broker's data directory: who holds it and whose it is.
 *
 *   .lock             held for the life of the process: one data directory per process
 *   meta.properties   Kafka's file: version, cluster.id, node.id, directory.id
 *   everything else   the log engine's and the metadata store's
 */
import { parseBrokerProperties } from "@ottla/metadata";
import { type DirectoryLock, type FileSystem, FileSystemError } from "@ottla/platform";

const META_PROPERTIES = "meta.properties";

/** Another process works in the data directory. */
export class DirectoryInUse extends Error {
  override readonly name = "DirectoryInUse";
  readonly directory: string;

  constructor(directory: string, cause: unknown) {
    super(`${directory} is in use by another broker`, { cause });
    this.directory = directory;
  }
}

/** The data directory belongs to another cluster or broker, or was written by something newer. */
export class ForeignDirectory extends Error {
  override readonly name = "ForeignDirectory";
}

export interface DirectoryIdentity {
  readonly clusterId: string;
  readonly nodeId: number;
  readonly directoryId: string;
}

/** Creates the directory if need be and takes its lock. @throws {DirectoryInUse} */
export async function claimDirectory(
  fileSystem: FileSystem,
  directory: string,
): Promise<DirectoryLock> {
  await fileSystem.makeDirectory(directory);
  try {
    return await fileSystem.lockDirectory(directory);
  } catch (cause) {
    if (cause instanceof FileSystemError && cause.code === "locked") {
      throw new DirectoryInUse(directory, cause);
    }
    throw cause;
  }
}

/** null for a directory that no broker has used yet. @throws {ForeignDirectory} */
export async function readIdentity(
  fileSystem: FileSystem,
  directory: string,
): Promise<DirectoryIdentity | null> {
  const file = `${directory}/${META_PROPERTIES}`;
  const bytes = await fileSystem.readFile(file);
  if (bytes === null) return null;
  const properties = parseBrokerProperties(bytes.toString("utf8"));
  const clusterId = properties.get("cluster.id");
  const nodeId = Number(properties.get("node.id"));
  if (properties.get("version") !== "1" || clusterId === undefined || !Number.isInteger(nodeId)) {
    throw new ForeignDirectory(`${file} is not of a version that this broker reads`);
  }
  return { clusterId, nodeId, directoryId: properties.get("directory.id") ?? "" };
}

export async function writeIdentity(
  fileSystem: FileSystem,
  directory: string,
  { clusterId, nodeId, directoryId }: DirectoryIdentity,
): Promise<void> {
  const text = `version=1\ncluster.id=${clusterId}\nnode.id=${nodeId}\ndirectory.id=${directoryId}\n`;
  await fileSystem.writeFileAtomic(`${directory}/${META_PROPERTIES}`, Buffer.from(text));
}
