export type {
  CoordinatorLog,
  CoordinatorRecord,
  StoredCoordinatorRecord,
} from "./coordinator-log.ts";
