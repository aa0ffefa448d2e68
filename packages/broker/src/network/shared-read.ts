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

/** Options as Node itself makes accepted sockets with: documented is another kind of handle, and no limit on what is written. */
interface AcceptedOptions extends Omit<SocketConstructorOpts, "handle"> {
  readonly handle: object;
  readonly writableHighWaterMark: number;
}

/** Where Node keeps what a socket was made of. */
interface Insides {
  _handle: object | null;
  _server: object | null;
  server: object | null;
}

function hasInsides(socket: Socket): socket is Socket & Insides {
  return "_handle" in socket && "_server" in socket && "server" in socket;
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
  if (process.platform === "win32" || !hasInsides(accepted)) return asItIs(accepted);
  const { _handle: handle, _server: server } = accepted;
  if (!handle || !server || !("useUserBuffer" in handle)) return asItIs(accepted);
  shared ??= Buffer.allocUnsafeSlow(SHARED_BYTES);
  const { buffer } = shared;
  const options: AcceptedOptions = {
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
  accepted._handle = null;
  accepted._server = null;
  accepted.server = null;
  const socket = new Socket(options as object);
  // The server counts its sockets, and is closed when the last one is.
  return Object.assign(socket, { _server: server, server });
}

function asItIs(accepted: Socket): Socket {
  accepted.resume();
  return accepted;
}
