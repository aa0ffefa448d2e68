/**
 * How fast a frame comes that holds memory others wait for: in stretches of {@link MIN_STRETCH_BYTES}, or of a fortieth of the frame where that
 * is more, of which each has as long as a silent peer. A large frame is there in two minutes, then, which is as long as a producer tries to deliver.
 */
export const MIN_STRETCH_BYTES = 16_384;
const STRETCHES_PER_FRAME = 40;

export class FrameProgress {
  /** When the stretch that is being received began. */
  beganMs: number;
  #bytes = 0;

  constructor(nowMs: number) {
    this.beganMs = nowMs;
  }

  /** A stretch begins: the peer may go on. */
  begin(nowMs: number): void {
    this.beganMs = nowMs;
    this.#bytes = 0;
  }

  /** @param frameBytes of the frame that holds memory; 0 for none */
  received(bytes: number, frameBytes: number, nowMs: number): void {
    this.#bytes += bytes;
    if (this.#bytes >= Math.max(MIN_STRETCH_BYTES, frameBytes / STRETCHES_PER_FRAME)) {
      this.begin(nowMs);
    }
  }
}
