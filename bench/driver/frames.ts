/** Sockets and response framing of the driver: a reused read buffer, no streams, no allocation per response. */
import { connect, type Socket } from "node:net";

/** Large enough that a burst of responses costs one read. */
const readBufferBytes = 256 * 1024;

/** @param onBytes gets a view that is valid only during the call. */
export function openSocket(
  port: number,
  onBytes: (buffer: Buffer, bytes: number) => void,
  onFailure: (error: Error) => void,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const buffer = Buffer.allocUnsafe(readBufferBytes);
    const socket = connect({
      port,
      host: "127.0.0.1",
      noDelay: true,
      onread: {
        buffer,
        callback: (bytes) => {
          onBytes(buffer, bytes);
          return true;
        },
      },
    });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      socket.on("error", onFailure);
      socket.on("close", () => onFailure(new Error("the broker closed the connection")));
      resolve(socket);
    });
  });
}

/** Cuts a byte stream into size-prefixed frames. Frames are small here: a partial one is kept in a carry buffer. */
export class FrameReader {
  readonly #onFrame: (buffer: Buffer, start: number, bytes: number) => void;
  #carry = Buffer.alloc(0);

  /** @param onFrame gets the frame with its size prefix, valid only during the call. */
  constructor(onFrame: (buffer: Buffer, start: number, bytes: number) => void) {
    this.#onFrame = onFrame;
  }

  push(chunk: Buffer, chunkBytes: number): void {
    let buffer = chunk;
    let end = chunkBytes;
    if (this.#carry.length > 0) {
      buffer = Buffer.concat([this.#carry, chunk.subarray(0, chunkBytes)]);
      end = buffer.length;
    }
    let at = 0;
    while (end - at >= 4) {
      const frameBytes = 4 + buffer.readInt32BE(at);
      if (end - at < frameBytes) break;
      this.#onFrame(buffer, at, frameBytes);
      at += frameBytes;
    }
    this.#carry = at === end ? emptyCarry : Buffer.from(buffer.subarray(at, end));
  }
}

const emptyCarry = Buffer.alloc(0);
