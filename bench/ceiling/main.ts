/**
 * The ceiling: a broker that answers at once and stores nothing. What a client reaches against it is the most that it can reach
 * against any broker on this machine, so a result close to it says more about the client than about the broker.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { ByteReader, ByteWriter } from "../wire/bytes.ts";
import { apiKeys } from "../wire/requests.ts";
import { anyVersion, type CeilingBroker, ceilingApis, noAnswer } from "./answers.ts";
import { CeilingTopics } from "./topics.ts";

/** A fetch at the end of its partitions; everything behind it on its connection waits too. */
interface Parked {
  readonly retry: () => void;
  readonly timer: NodeJS.Timeout;
}

const parked = new Set<Parked>();
/** The responses that are being written, of one connection at a time. */
const answers = new ByteWriter();
const topics = new CeilingTopics();
const server = createServer({ noDelay: true }, (socket) => serve(socket));
server.listen(0, "127.0.0.1", () => {
  process.stdout.write(`listening on 127.0.0.1:${port()}\n`);
});
process.once("SIGTERM", () => process.exit(0));

function port(): number {
  return (server.address() as AddressInfo).port;
}

function serve(socket: Socket): void {
  let buffer = Buffer.allocUnsafeSlow(1 << 20);
  let start = 0;
  let end = 0;
  let waiting: Parked | null = null;
  const broker: CeilingBroker = { topics, port: port() };

  socket.on("data", (chunk) => {
    if (end + chunk.length > buffer.length) {
      const needed = end - start + chunk.length;
      const target = needed > buffer.length ? Buffer.allocUnsafeSlow(needed * 2) : buffer;
      buffer.copy(target, 0, start, end);
      buffer = target;
      end -= start;
      start = 0;
    }
    chunk.copy(buffer, end);
    end += chunk.length;
    advance();
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", unpark);

  /** Answers complete requests in order until one has to wait; all answers leave with one write. */
  function advance(): void {
    answers.clear();
    let hasProduced = false;
    while (waiting === null && end - start >= 4) {
      const frameAt = start + 4;
      const frameEnd = frameAt + buffer.readInt32BE(start);
      if (frameEnd > end) break;
      start = frameEnd;
      const waitMs = answer(buffer, frameAt, broker, socket);
      if (waitMs > 0) park(Buffer.from(buffer.subarray(frameAt, frameEnd)), waitMs);
      if (buffer.readInt16BE(frameAt) === apiKeys.produce) hasProduced = true;
    }
    if (start === end) start = end = 0;
    if (answers.size > 0) socket.write(answers.toBuffer());
    if (hasProduced) wakeParked();
  }

  function park(frame: Buffer, waitMs: number): void {
    const finish = (isTimedOut: boolean) => {
      answers.clear();
      if (answer(frame, 0, broker, socket, isTimedOut) > 0) return;
      if (answers.size > 0) socket.write(answers.toBuffer());
      unpark();
      advance();
    };
    waiting = { retry: () => finish(false), timer: setTimeout(() => finish(true), waitMs) };
    parked.add(waiting);
  }

  function unpark(): void {
    if (waiting === null) return;
    clearTimeout(waiting.timer);
    parked.delete(waiting);
    waiting = null;
  }
}

function wakeParked(): void {
  for (const { retry } of [...parked]) retry();
}

/**
 * Adds the response to `answers`, unless there is none or it should wait.
 *
 * @param isLastTry send what there is to say, although it should wait.
 * @returns how long to wait in ms, 0 or {@link noAnswer}.
 */
function answer(
  frame: Buffer,
  at: number,
  broker: CeilingBroker,
  socket: Socket,
  isLastTry = false,
): number {
  const request = new ByteReader(frame, at);
  const apiKey = request.int16();
  const version = request.int16();
  const correlationId = request.int32();
  const api = ceilingApis.get(apiKey);
  if (api === undefined || !(api.answered === anyVersion || api.answered.includes(version))) {
    process.stderr.write(`no answer to api ${apiKey} v${version}\n`);
    socket.destroy();
    return noAnswer;
  }
  request.skipString();
  const sizeAt = answers.size;
  answers.int32(0).int32(correlationId);
  const waitMs = api.answer(request, answers, broker, version);
  if (waitMs === noAnswer || (waitMs > 0 && !isLastTry)) {
    answers.truncate(sizeAt);
    return waitMs;
  }
  answers.int32At(sizeAt, answers.size - sizeAt - 4);
  return 0;
}
