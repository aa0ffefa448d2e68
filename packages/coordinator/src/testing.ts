export { type LogFailure, MemoryCoordinatorLog } from "./memory-coordinator-log.ts";
