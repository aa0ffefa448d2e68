/**
 * Keeps the process alive while a caller waits for time to pass and no socket does so: timers of the platform's clock never do. A
 * message port with a listener is a handle that costs nothing.
 */
import { MessageChannel } from "node:worker_threads";

let holders = 0;
let channel: MessageChannel | null = null;

/** Holds the process until the returned function is called, once. */
export function holdProcess(): () => void {
  if (channel === null) {
    channel = new MessageChannel();
    channel.port1.on("message", () => {});
  }
  if (holders++ === 0) channel.port1.ref();
  return () => {
    if (--holders === 0) channel!.port1.unref();
  };
}
