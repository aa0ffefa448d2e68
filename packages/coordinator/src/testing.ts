export {
  MemoryCoordinatorLog,
  type MemoryCoordinatorLogOptions,
} from "./memory-coordinator-log.ts";
export { type LogFailure, MemoryJournal } from "./memory-journal.ts";
