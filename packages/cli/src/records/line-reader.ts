/** Lines of a byte stream, without decoding them. */
import { CommandFailure } from "../errors.ts";

/** More than a broker takes in one request unless it is told to. */
const LONGEST_LINE_BYTES = 128 * 1_048_576;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;

/**
 * Yields the lines of each chunk together, without their ends (`\n` or `\r\n`); what follows the last one comes at the end. A line is a
 * view of the chunk it came in, or a copy when it spans several.
 * @throws {CommandFailure} for a line of more than {@link LONGEST_LINE_BYTES}, when those before it were taken
 */
export async function* readLines(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<readonly Buffer[]> {
  let open: Buffer[] = [];
  let openBytes = 0;
  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const lines: Buffer[] = [];
    let start = 0;
    for (;;) {
      const end = bytes.indexOf(LINE_FEED, start);
      if (end < 0) break;
      const part = bytes.subarray(start, end);
      lines.push(withoutReturn(open.length === 0 ? part : Buffer.concat([...open, part])));
      open = [];
      openBytes = 0;
      start = end + 1;
    }
    if (start < bytes.length) open.push(bytes.subarray(start));
    openBytes += bytes.length - start;
    if (lines.length > 0) yield lines;
    if (openBytes > LONGEST_LINE_BYTES) {
      throw new CommandFailure("a line of the input is longer than 128 MiB: no record is");
    }
  }
  if (open.length > 0) yield [withoutReturn(Buffer.concat(open))];
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === CARRIAGE_RETURN ? line.subarray(0, -1) : line;
}
