export { BufferPool, POISON, poisonsMemory } from "./buffer-pool.ts";
export { type Cancel, type Clock, SystemClock } from "./clock.ts";
export { Fifo } from "./fifo.ts";
export {
  type AlignedMemory,
  allocateAligned,
  DIRECT_ALIGNMENT,
  type DirectoryEntry,
  type DirectoryLock,
  type FileHandle,
  type FileSystem,
  FileSystemError,
  type FileSystemErrorCode,
  type OpenOptions,
} from "./file-system.ts";
export { Derived, Later, type LaterListener } from "./later.ts";
export { MemoryFileSystem } from "./memory-file-system.ts";
export { NodeFileSystem } from "./node-file-system.ts";
export { type Random, SystemRandom } from "./random.ts";
export { SeededRandom } from "./seeded-random.ts";
export { SimulatedClock } from "./simulated-clock.ts";
export type { ChangingOperation, Fault } from "./simulated-faults.ts";
export { SimulatedFileSystem, type SimulatedFileSystemOptions } from "./simulated-file-system.ts";
