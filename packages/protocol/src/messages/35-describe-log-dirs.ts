import { array, boolean, int16, int32, int64, nullableArray, string } from "../schema/fields.ts";
import {
  api,
  type RequestInput,
  type RequestOf,
  type ResponseInput,
  type ResponseOf,
} from "../schema/schema.ts";

/**
 * Describes log directories and what is in them. v4 volume sizes (KIP-827), v5 whether a directory
 * is cordoned.
 */
export const describeLogDirs = api({
  key: 35,
  name: "DescribeLogDirs",
  versions: "1-5",
  flexible: "2+",
  request: {
    topics: nullableArray({
      topic: string(),
      partitions: array(int32()),
    }),
  },
  response: {
    throttleTimeMs: int32(),
    errorCode: int16({ versions: "3+", ignorable: true }),
    results: array({
      errorCode: int16(),
      logDir: string(),
      topics: array({
        name: string(),
        partitions: array({
          partitionIndex: int32(),
          partitionSize: int64(),
          offsetLag: int64(),
          isFutureKey: boolean(),
        }),
      }),
      totalBytes: int64({ versions: "4+", default: -1, ignorable: true }),
      usableBytes: int64({ versions: "4+", default: -1, ignorable: true }),
      isCordoned: boolean({ versions: "5+", default: false, ignorable: true }),
    }),
  },
});

export type DescribeLogDirsRequest = RequestOf<typeof describeLogDirs>;
export type DescribeLogDirsResponse = ResponseOf<typeof describeLogDirs>;
export type DescribeLogDirsRequestInput = RequestInput<typeof describeLogDirs>;
export type DescribeLogDirsResponseInput = ResponseInput<typeof describeLogDirs>;
