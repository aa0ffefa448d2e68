export type {
  AppendPartition,
  AppendRequest,
  AppendResult,
  DeleteRecordsRequest,
  DeleteRecordsResult,
  EpochAnswer,
  EpochQuery,
  LogConfig,
  LogEngine,
  LogErrorKind,
  OffsetAnswer,
  OffsetQuery,
  PartitionDescription,
  ProducerDescription,
  ReadPartition,
  ReadRequest,
  ReadResult,
  TopicLog,
} from "./engine.ts";
export { CorruptLog, EngineClosed, JournalFailed } from "./errors.ts";
export { LocalLogEngine } from "./local-engine.ts";
export type { CleanerOptions, LocalLogOptions } from "./options.ts";
export { type CleaningRound, type LogProbe, noProbe } from "./probe.ts";
