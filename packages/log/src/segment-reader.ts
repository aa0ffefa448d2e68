import type { PartitionLog } from "./partition-log.ts";
import type { FoundRecords } from "./reader.ts";
/** placeholder body replaced below */
export interface SegmentReader {
  read(
    log: PartitionLog,
    offset: number,
    limitOffset: number,
    maxBytes: number,
    mustReturn: boolean,
  ): Promise<FoundRecords>;
}
