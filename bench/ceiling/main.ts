/**
 * The ceiling: a broker that answers at once and stores nothing. What a client reaches against it is the most that it can reach
 * against any broker on this machine, so a result close to it says more about the client than about the broker.
 */
import { type AddressInfo, createServer, type Socket } from "node:net";
import { ByteReader, ByteWriter } from "../wire/bytes.ts";
import { apiKeys } from "../wire/requests.ts";
import { anyVersion, type CeilingAnswer, type CeilingBroker, ceilingApis } from "./answers.ts";
import { CeilingTopics } from "./topics.ts";

/** A fetch at the end of its partitions; everything behind it on its connection waits too. */
interface Parked {
  readonly retry: () => void;
  readonly timer: NodeJS.Timeout;
}

const parked = new Set<Parked>();
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

  /** Answers complete requests in order until one has to wait. */
  function advance(): void {
    socket.cork();
    while (waiting === null && end - start >= 4) {
      const frameEnd = start + 4 + buffer.readInt32BE(start);
      if (frameEnd > end) break;
      const frame = buffer.subarray(start + 4, frameEnd);
      start = frameEnd;
      const { correlationId, answer } = answerTo(frame, broker, socket);
      if (answer === null) continue;
      if (answer.waitMs > 0) park(Buffer.from(frame), answer.waitMs);
      else respond(socket, correlationId, answer);
      if (frame.readInt16BE(0) === apiKeys.produce) wakeParked();
    }
    if (start === end) start = end = 0;
    socket.uncork();
  }

  function park(frame: Buffer, waitMs: number): void {
    const finish = (isTimedOut: boolean) => {
      const { correlationId, answer } = answerTo(frame, broker, socket);
      if (answer !== null && answer.waitMs > 0 && !isTimedOut) return;
      unpark();
      if (answer !== null) respond(socket, correlationId, answer);
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

function answerTo(
  frame: Buffer,
  broker: CeilingBroker,
  socket: Socket,
): { correlationId: number; answer: CeilingAnswer | null } {
  const request = new ByteReader(frame);
  const apiKey = request.int16();
  const version = request.int16();
  const correlationId = request.int32();
  const api = ceilingApis.get(apiKey);
  if (api === undefined || !(api.answered === anyVersion || api.answered.includes(version))) {
    process.stderr.write(`no answer to api ${apiKey} v${version}\n`);
    socket.destroy();
    return { correlationId, answer: null };
  }
  request.string();
  return { correlationId, answer: api.answer(request, broker, version) };
}

function respond(socket: Socket, correlationId: number, { body, isSent }: CeilingAnswer): void {
  if (!isSent) return;
  const bytes = body.toBuffer();
  socket.write(
    new ByteWriter()
      .int32(4 + bytes.length)
      .int32(correlationId)
      .toBuffer(),
  );
  socket.write(bytes);
}
