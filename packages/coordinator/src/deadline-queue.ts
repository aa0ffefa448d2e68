/**
 * Deadlines of many owners behind a single timer, so that ten thousand groups cost one.
 *
 * A binary heap ordered by time holds each owner at most once. Asking for an earlier deadline moves the owner forward; asking for
 * a later one does nothing: the owner is woken at the earlier time, finds nothing due and asks again. That makes a heartbeat,
 * which only ever moves a deadline away, free.
 */
import type { Cancel, Clock } from "@ottla/platform";

export interface DeadlineOwner {
  /** Written by the queue only: place in the heap, −1 when not queued. */
  queueIndex: number;
  /** Written by the queue only. */
  queuedDeadline: number;
}

export class DeadlineQueue<Owner extends DeadlineOwner> {
  readonly #clock: Clock;
  readonly #wake: (owner: Owner) => void;
  readonly #heap: Owner[] = [];
  #cancel: Cancel | null = null;
  #armedAt = Number.POSITIVE_INFINITY;

  /** `wake` is called for each due owner, which has left the queue by then. */
  constructor(clock: Clock, wake: (owner: Owner) => void) {
    this.#clock = clock;
    this.#wake = wake;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Wakes `owner` at `deadline` (monotonic, in ms) at the latest; Infinity asks for nothing. */
  request(owner: Owner, deadline: number): void {
    if (deadline === Number.POSITIVE_INFINITY) return;
    if (owner.queueIndex === -1) {
      owner.queueIndex = this.#heap.length;
      owner.queuedDeadline = deadline;
      this.#heap.push(owner);
    } else if (deadline < owner.queuedDeadline) {
      owner.queuedDeadline = deadline;
    } else {
      return;
    }
    this.#siftUp(owner.queueIndex);
    this.#arm();
  }

  remove(owner: Owner): void {
    const index = owner.queueIndex;
    if (index === -1) return;
    owner.queueIndex = -1;
    const last = this.#heap.pop()!;
    if (last === owner) return;
    this.#place(last, index);
    this.#siftUp(index);
    this.#siftDown(last.queueIndex);
  }

  close(): void {
    this.#cancel?.();
    this.#cancel = null;
    for (const owner of this.#heap) owner.queueIndex = -1;
    this.#heap.length = 0;
  }

  #arm(): void {
    const next = this.#heap[0]?.queuedDeadline ?? Number.POSITIVE_INFINITY;
    if (this.#cancel !== null && this.#armedAt <= next) return;
    this.#cancel?.();
    this.#cancel = null;
    if (next === Number.POSITIVE_INFINITY) return;
    this.#armedAt = next;
    const delayMs = Math.max(0, Math.ceil(next - this.#clock.monotonic()));
    this.#cancel = this.#clock.schedule(delayMs, () => this.#run());
  }

  #run(): void {
    this.#cancel = null;
    const now = this.#clock.monotonic();
    // Owners asking anew while they are woken must not keep this loop going: each is woken once a run.
    const due: Owner[] = [];
    for (
      let top = this.#heap[0];
      top !== undefined && top.queuedDeadline <= now;
      top = this.#heap[0]
    ) {
      this.remove(top);
      due.push(top);
    }
    for (const owner of due) this.#wake(owner);
    this.#arm();
  }

  #place(owner: Owner, index: number): void {
    this.#heap[index] = owner;
    owner.queueIndex = index;
  }

  #siftUp(from: number): void {
    const owner = this.#heap[from]!;
    let index = from;
    while (index > 0) {
      const parentIndex = (index - 1) >> 1;
      const parent = this.#heap[parentIndex]!;
      if (parent.queuedDeadline <= owner.queuedDeadline) break;
      this.#place(parent, index);
      index = parentIndex;
    }
    this.#place(owner, index);
  }

  #siftDown(from: number): void {
    const owner = this.#heap[from]!;
    const length = this.#heap.length;
    let index = from;
    for (;;) {
      let childIndex = 2 * index + 1;
      if (childIndex >= length) break;
      const right = this.#heap[childIndex + 1];
      if (right !== undefined && right.queuedDeadline < this.#heap[childIndex]!.queuedDeadline) {
        childIndex++;
      }
      const child = this.#heap[childIndex]!;
      if (child.queuedDeadline >= owner.queuedDeadline) break;
      this.#place(child, index);
      index = childIndex;
    }
    this.#place(owner, index);
  }
}
