/**
 * Sockets that read into one buffer for all of them.
 *
 * By default Node reads into 64 KiB of fresh memory for each chunk, and all of it is garbage a moment later: V8 counts it and marks the
 * whole heap for every few dozen megabytes received. Node's `onread` option lets a socket read into memory of the caller's choice, and as
 * bytes are read on the event loop's thread right before they are handed out, one buffer does for all sockets.
 *
 * The option exists for sockets that connect, not for accepted ones, so an accepted socket's handle is moved to a new socket that has it.
 * That is how Node itself makes sockets of handles, but it is not documented: where the parts are not as expected the socket stays as it
 * is. On Windows the kernel is given the buffer before the bytes arrive, so it cannot be shared there.
 */
import { Socket, type SocketConstructorOpts } from "node:net";

const SHARED_BYTES = 262_144;
let shared: Buffer | null = null;

interface Insides {
  _handle: object | null;
  _server: object | null;
  server: object | null;
}

/**
 * The socket to go on with: one that hands each chunk, lent for the call, to `receive`, or `accepted` itself, which emits `data`.
 * `accepted` must not have begun to read (`pauseOnConnect`).
 */
export function withSharedRead(
  accepted: Socket,
  writableHighWaterMark: number,
  receive: (chunk: Buffer) => void,
): Socket {
  const from = accepted as unknown as Insides;
  const { _handle: handle, _server: server } = from;
  if (process.platform === "win32" || !handle || !server || !("useUserBuffer" in handle)) {
    accepted.resume();
    return accepted;
  }
  shared ??= Buffer.allocUnsafeSlow(SHARED_BYTES);
  const { buffer } = shared;
  const options = {
    handle,
    readable: true,
    writable: true,
    writableHighWaterMark,
    onread: {
      buffer: shared,
      callback: (size: number) => {
        receive(Buffer.from(buffer, 0, size));
        return true;
      },
    },
  };
  from._handle = null;
  from._server = null;
  from.server = null;
  const socket = new Socket(options as unknown as SocketConstructorOpts);
  const to = socket as unknown as Insides;
  // The server counts its sockets, and is closed when the last one is.
  to._server = server;
  to.server = server;
  return socket;
}
