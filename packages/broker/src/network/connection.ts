/**
 * One client connection: frames in, responses out in request order.
 *
 * Kafka serves one request of a connection at a time, and what a client may conclude from that holds here: a request starts only when
 * all before it are answered. Requests whose order is already settled when they start (Produce: appends are queued before `serve`
 * returns) overlap with others of their kind, so that a pipelining producer shares group commits with itself.
 *
 * Memory: a request holds its share of the budget from its size prefix as long as its bytes are looked at: as in Kafka until it is parsed or,
 * where what was parsed are views of it (Produce), until its response has been handed to the operating system, also when the connection closes
 * before. Reading stops while the budget is exhausted, while {@link MAX_QUEUED_FRAMES} requests wait to be started, while the peer does
 * not read what it asked for, and before a frame of more than {@link READ_AHEAD_BYTES} that could not be started now: it would keep its share from
 * everybody else. Responses that become ready in one turn of the event loop leave in one `writev`; no request is started while
 * {@link MAX_UNFLUSHED_BYTES} of them wait for that.
 *
 * Ends: a request that cannot be served closes the connection once everything before it is answered. A peer that has said all it will
 * (a producer with acks=0, say) has all its requests started; then the connection closes, since nobody waits for the answers. In a
 * drain nothing more is started, what is in flight is answered, then our side is closed and the peer's awaited, so that no answer
 * is lost to a reset. Whatever the way, every share of the budget goes back, and so does the memory of every response: at once when it
 * was not handed to the socket, and otherwise when the socket is done with it, which may be after the close.
 */
import type { Socket } from "node:net";
import process from "node:process";
import { type BufferPool, Fifo, Later } from "@ottla/platform";
import { FrameProgress } from "./frame-progress.ts";
import { FrameReader } from "./frame-reader.ts";
import { joinBuffers } from "./join-buffers.ts";
import type { MemoryBudget } from "./memory-budget.ts";
import { plainAddress } from "./plain-address.ts";
import { type Exchange, type Response, Slot, type SlotOwner } from "./slot.ts";
import { UnsentBytes } from "./unsent-bytes.ts";

/** What a frame is turned into. */
export type Served = Response | Later<Response>;

export interface FrameServer {
  /** Serves a request. A throw or a rejection closes the connection, which is Kafka's answer to what it cannot parse. */
  serve(connection: Connection, frame: Buffer, exchange: Exchange): Served;
  /** Whether this request may start while earlier ones that also may are still unanswered. */
  mayOverlap(frame: Buffer): boolean;
  /** Whether nobody looks at this request any more once it is answered. */
  isLent(frame: Buffer): boolean;
  closed(connection: Connection, cause: unknown): void;
}

export interface ConnectionLimits {
  /** `socket.request.max.bytes` */
  readonly maxFrameBytes: number;
  readonly budget: MemoryBudget;
  /** Where the memory of requests comes from. */
  readonly pool: BufferPool;
}

/** Requests parsed but not started at which reading stops; the chunk at hand may go past it. */
const MAX_QUEUED_FRAMES = 16;
/** Requests parsed but not started at which the rest of a chunk is kept as it is: a request of a few bytes takes a hundred when it is taken out. */
const MAX_QUEUED_OF_CHUNK = 1_024;
/** Overlapping requests in flight at which no further one is started. */
const MAX_OVERLAPPING = 64;

/** A frame up to this size is read while requests before it are served. */
const READ_AHEAD_BYTES = 16_384;
/** Bytes of responses not yet handed to the socket at which no further request is started in this turn of the event loop. */
const MAX_UNFLUSHED_BYTES = 262_144;
/** What a response counts for besides its bytes: a turn has only so much time. */
const RESPONSE_BYTES = 256;

export class Connection {
  /** Peer address as Kafka prints it in group members and logs: `/127.0.0.1`. */
  readonly clientHost: string;
  /** Name of the listener it came in by. */
  readonly listenerName: string;
  /** Told by ApiVersions v3 and later (KIP-511). */
  clientSoftware: { readonly name: string; readonly version: string } = UNKNOWN_SOFTWARE;
  /** Monotonic time of the last byte in or response out, in ms. */
  lastActiveMs: number;

  readonly #socket: Socket;
  readonly #server: FrameServer;
  readonly #budget: MemoryBudget;
  readonly #pool: BufferPool;
  readonly #monotonic: () => number;
  readonly #reader: FrameReader;
  readonly #queued = new Fifo<Buffer>();
  readonly #slots = new Fifo<Slot>();
  readonly #abort = new AbortController();
  #out: Buffer[] = [];
  /** Requests answered that are not yet flushed, what they hold of the budget, and how much their responses count for. */
  #outCount = 0;
  #outShareBytes = 0;
  #outBytes = 0;
  /** Who wants to know that nobody looks at the responses in `#out` any more. */
  #outWritten: (() => void)[] = [];
  /** Responses handed to the socket that it has not written yet. */
  #unwrittenCount = 0;
  #isFlushScheduled = false;
  #overlapping = 0;
  #exclusive = false;
  #isPaused = false;
  #isPeerSlow = false;
  readonly #unsent: UnsentBytes;
  /** The peer sends nothing more. */
  #isPeerDone = false;
  /** Why the bytes behind the queued frames are not a frame. */
  #readFailure: { readonly cause: unknown } | null = null;
  /** A request failed: none is started after it, and none after it is answered. */
  #isFailing = false;
  #isEnding = false;
  #withdrawWait: (() => void) | null = null;
  /** Size of the frame that is not read on before it could be started; 0 for none. */
  #heldBackBytes = 0;
  #isClosed = false;
  #isDraining = false;
  readonly #progress: FrameProgress;
  readonly #slotOwner: SlotOwner = {
    settled: (slot, response) => this.#settled(slot, response),
    failed: (slot, cause) => this.#fail(slot, cause),
  };

  constructor(
    socket: Socket,
    listenerName: string,
    server: FrameServer,
    limits: ConnectionLimits,
    monotonic: () => number,
  ) {
    this.#socket = socket;
    this.#unsent = new UnsentBytes(socket);
    this.#server = server;
    this.#budget = limits.budget;
    this.#pool = limits.pool;
    this.#monotonic = monotonic;
    this.listenerName = listenerName;
    this.clientHost = `/${plainAddress(socket.remoteAddress ?? "unknown")}`;
    this.lastActiveMs = monotonic();
    this.#progress = new FrameProgress(this.lastActiveMs);
    this.#reader = new FrameReader(
      limits.maxFrameBytes,
      limits.pool,
      (bytes) => this.#admit(bytes),
      (frame) => this.#queued.push(frame),
    );
    socket.setNoDelay(true);
    socket.setKeepAlive(true);
    socket.on("data", (chunk) => this.receive(chunk));
    socket.on("drain", () => this.#onDrain());
    socket.on("error", (cause) => this.#onClosed(cause));
    socket.on("end", () => this.#onEnd());
    socket.on("close", () => this.#onClosed(null));
  }

  /** Aborted when the connection is going or gone: what waits on behalf of the peer should come back with what is there. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Whether a request is being served or waits to be. */
  get isBusy(): boolean {
    return this.#slots.length > 0 || this.#queued.length > 0;
  }

  /** Whether nothing is in flight and the operating system has all responses. */
  get isSettled(): boolean {
    return !this.isBusy && this.#outCount === 0 && this.#unwrittenCount === 0 && !this.#isPeerSlow;
  }

  /** Whether the peer began a frame that holds a share, could go on with it, and has sent less since that time than it must. */
  isStalledSince(timeMs: number): boolean {
    const mayGoOn = !this.#isPaused || this.#isPeerSlow;
    return this.#reader.admittedBytes > 0 && mayGoOn && this.#progress.beganMs < timeMs;
  }

  /** Whether nothing came from the peer since that time, it took nothing, and it waits for nothing of ours. */
  isIdleSince(timeMs: number): boolean {
    // What is queued behind answers that the peer does not take waits for the peer.
    if (this.#slots.length > 0 || (this.#queued.length > 0 && !this.#isPeerSlow)) return false;
    if (this.#unsent.haveChanged()) this.lastActiveMs = this.#monotonic();
    return this.lastActiveMs < timeMs;
  }

  /** Closes at once; what was not written is lost. Idempotent. */
  close(cause: unknown = null): void {
    this.#onClosed(cause);
  }

  /** Starts no further request, tells those that wait to come back, and closes when those in flight are answered. */
  drain(): void {
    if (this.#isDraining || this.#isClosed) return;
    this.#isDraining = true;
    this.#stopReading();
    if (this.isSettled) {
      this.close();
      return;
    }
    this.#abort.abort();
    this.#pauseOrResume();
    if (this.#slots.length === 0 && this.#outCount === 0) this.#socket.end();
  }

  /** Gives back what requests hold that will not be started. Bytes that still arrive are thrown away. */
  #stopReading(): void {
    this.#withdrawWait?.();
    this.#withdrawWait = null;
    this.#heldBackBytes = 0;
    let bytes = 0;
    for (const frame of this.#queued) bytes += frame.length;
    this.#queued.clear();
    this.#budget.give(bytes);
  }

  #admit(bytes: number): boolean {
    const isOneTooMany = this.#queued.length >= MAX_QUEUED_OF_CHUNK;
    if (isOneTooMany || (bytes > READ_AHEAD_BYTES && this.#isOccupied)) {
      this.#heldBackBytes = bytes;
      return false;
    }
    return this.#takeShare(bytes);
  }

  /** Whether a request that is read now would have to wait for those before it. */
  get #isOccupied(): boolean {
    // The flush behind answers tells whether the peer reads them.
    if (this.#outCount > 0) return true;
    const { first } = this.#queued;
    if (first === undefined) return this.#exclusive || this.#isPeerSlow;
    if (!this.#mayStart(first)) return true;
    for (const frame of this.#queued) if (!this.#server.mayOverlap(frame)) return true;
    return false;
  }

  #takeShare(bytes: number): boolean {
    if (this.#budget.tryTake(bytes)) {
      // It is asked for as bytes come, or before reading goes on, which begins it anew.
      this.#progress.begin(this.lastActiveMs);
      return true;
    }
    this.#withdrawWait = this.#budget.wait(bytes, () => {
      this.#withdrawWait = null;
      // The peer could not go on while it was not read.
      this.lastActiveMs = this.#monotonic();
      this.#progress.begin(this.lastActiveMs);
      this.#guard(() => this.#reader.resume());
    });
    return false;
  }

  /** Bytes from the peer, lent for the call. Called here for a socket that emits `data`. */
  receive(chunk: Buffer): void {
    if (this.#isClosed || this.#isDraining || this.#isFailing) return;
    if (this.#readFailure !== null) return;
    this.lastActiveMs = this.#monotonic();
    this.#progress.received(chunk.length, this.#reader.admittedBytes, this.lastActiveMs);
    this.#guard(() => this.#reader.push(chunk));
  }

  #guard(read: () => void): void {
    try {
      read();
    } catch (cause) {
      this.#readFailure = { cause };
    }
    this.#startQueued();
  }

  #onEnd(): void {
    this.#isPeerDone = true;
    this.#abort.abort();
    this.#startQueued();
  }

  #startQueued(): void {
    const queued = this.#queued;
    while (!this.#isClosed && queued.first !== undefined && this.#mayStart(queued.first)) {
      this.#start(queued.shift()!);
    }
    if (this.#heldBackBytes > 0 && !this.#isOccupied) {
      const bytes = this.#heldBackBytes;
      this.#heldBackBytes = 0;
      if (this.#takeShare(bytes)) {
        this.#guard(() => this.#reader.resume());
        return;
      }
    }
    const isReadToEnd = this.#withdrawWait === null && this.#heldBackBytes === 0;
    if (this.#queued.length === 0 && isReadToEnd && !this.#isFailing) {
      if (this.#isPeerDone) this.close();
      else if (this.#readFailure !== null) this.#fail(this.#newSlot(0), this.#readFailure.cause);
    }
    this.#pauseOrResume();
  }

  #newSlot(shareBytes: number): Slot {
    const slot = new Slot(this.#slotOwner, shareBytes);
    this.#slots.push(slot);
    return slot;
  }

  #mayStart(frame: Buffer): boolean {
    if (this.#exclusive || this.#isPeerSlow || this.#isDraining || this.#isFailing) return false;
    if (this.#outBytes >= MAX_UNFLUSHED_BYTES) return false;
    if (this.#overlapping === 0) return true;
    return this.#overlapping < MAX_OVERLAPPING && this.#server.mayOverlap(frame);
  }

  #start(frame: Buffer): void {
    const slot = this.#newSlot(frame.length);
    let served: Served;
    const mayOverlap = this.#server.mayOverlap(frame);
    try {
      served = this.#server.serve(this, frame, slot);
    } catch (cause) {
      this.#fail(slot, cause);
      return;
    }
    if (!(served instanceof Later)) {
      this.#takeBack(frame);
      this.#answer(slot, served);
      return;
    }
    slot.mayOverlap = mayOverlap;
    if (mayOverlap) this.#overlapping++;
    else this.#exclusive = true;
    if (!this.#server.isLent(frame)) this.#giveShare(slot);
    else if (this.#pool.lends(frame.length)) slot.lent = frame;
    served.listen(slot);
  }

  #settled(slot: Slot, response: Response): void {
    const { mayOverlap, lent } = slot;
    if (mayOverlap) this.#overlapping--;
    else this.#exclusive = false;
    if (lent !== null) {
      slot.lent = null;
      this.#pool.give(lent);
    }
    this.#answer(slot, response);
    // Those that overlap are answered by the group: the flush behind it starts what comes after them.
    if (mayOverlap) return;
    // As far as times go, what comes after it arrives now: nobody would have read it before.
    this.lastActiveMs = this.#monotonic();
    this.#startQueued();
  }

  #giveShare(slot: Slot): void {
    const { shareBytes } = slot;
    slot.shareBytes = 0;
    if (shareBytes > 0) this.#budget.give(shareBytes);
  }

  /** The request is answered, and its response will not be handed to the socket. */
  #drop(slot: Slot): void {
    slot.drop();
    this.#giveShare(slot);
  }

  /** The request is answered: its memory may be used for another. */
  #takeBack(frame: Buffer): void {
    if (this.#pool.lends(frame.length) && this.#server.isLent(frame)) this.#pool.give(frame);
  }

  /** Closes the connection in the request's place in the order of responses. */
  #fail(slot: Slot, cause: unknown): void {
    if (this.#isClosed || this.#isEnding) {
      this.#drop(slot);
      return;
    }
    this.#isFailing = true;
    this.#stopReading();
    slot.failure = { cause };
    this.#answer(slot, null);
  }

  /** Writes what is answered and closes when the operating system has it. */
  #end(cause: unknown): void {
    this.#isEnding = true;
    // The others are dropped when they are answered: until then they hold their memory.
    for (const slot of this.#slots) if (slot.isReady) this.#drop(slot);
    this.#slots.clear();
    this.#flush();
    if (this.#unwrittenCount === 0) this.close(cause);
    else this.#socket.end(() => this.close(cause));
  }

  #answer(slot: Slot, response: Response): void {
    if (this.#isClosed || this.#isEnding) {
      this.#drop(slot);
      return;
    }
    slot.isReady = true;
    slot.response = response;
    for (let first = this.#slots.first; first?.isReady; first = this.#slots.first) {
      if (first.failure !== null) {
        this.#end(first.failure.cause);
        return;
      }
      this.#slots.shift();
      this.#outCount++;
      this.#outShareBytes += first.shareBytes;
      this.#outBytes += RESPONSE_BYTES;
      for (const part of first.response ?? []) {
        this.#out.push(part);
        this.#outBytes += part.length;
      }
      if (first.onWritten !== null) this.#outWritten.push(first.onWritten);
    }
    if (!this.#isFlushScheduled && this.#outCount > 0) {
      this.#isFlushScheduled = true;
      process.nextTick(this.#flushOut);
    }
  }

  readonly #flushOut = () => this.#flush();

  #flush(): void {
    this.#isFlushScheduled = false;
    if (this.#isClosed) return;
    const parts = joinBuffers(this.#out);
    const count = this.#outCount;
    const shareBytes = this.#outShareBytes;
    const written = this.#outWritten;
    const wasFull = this.#outBytes >= MAX_UNFLUSHED_BYTES;
    this.#out = [];
    this.#outCount = 0;
    this.#outShareBytes = 0;
    this.#outBytes = 0;
    if (written.length > 0) this.#outWritten = [];
    this.lastActiveMs = this.#monotonic();
    if (parts.length === 0) {
      for (const tell of written) tell();
    } else {
      const last = parts.length - 1;
      if (last > 0) this.#socket.cork();
      for (let index = 0; index < last; index++) this.#socket.write(parts[index]!);
      this.#unwrittenCount += count;
      this.#socket.write(parts[last]!, () => {
        // Called however the write ends, and only when nothing reads the buffers any more: not before, even if we have closed.
        for (const tell of written) tell();
        if (this.#isClosed) return;
        this.#unwrittenCount -= count;
      });
      if (last > 0) this.#socket.uncork();
      if (this.#socket.writableNeedDrain) {
        this.#isPeerSlow = true;
        this.#pauseOrResume();
      }
    }
    // Whether the peer reads the answers or not: the requests' memory is given back.
    this.#budget.give(shareBytes);
    if (this.#isDraining && this.#slots.length === 0 && !this.#isClosed) this.#socket.end();
    // In another turn, so that everybody else has one too.
    if (wasFull) setImmediate(() => this.#startQueued());
    else this.#startQueued();
  }

  #onDrain(): void {
    this.#isPeerSlow = false;
    this.#startQueued();
  }

  #pauseOrResume(): void {
    if (this.#isClosed) return;
    const shouldPause =
      !this.#isDraining &&
      (this.#withdrawWait !== null ||
        this.#heldBackBytes > 0 ||
        this.#isPeerSlow ||
        this.#queued.length >= MAX_QUEUED_FRAMES);
    if (shouldPause === this.#isPaused) return;
    this.#isPaused = shouldPause;
    if (shouldPause) {
      this.#socket.pause();
      return;
    }
    this.#progress.begin(this.#monotonic());
    this.#socket.resume();
  }

  #onClosed(cause: unknown): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#socket.destroy();
    this.#withdrawWait?.();
    this.#withdrawWait = null;
    let held = this.#outShareBytes + this.#reader.admittedBytes;
    this.#heldBackBytes = 0;
    // The others are dropped when they are answered: who serves them still holds the request, and may look at what it read.
    for (const slot of this.#slots) if (slot.isReady) this.#drop(slot);
    for (const frame of this.#queued) held += frame.length;
    this.#slots.clear();
    this.#queued.clear();
    this.#out = [];
    const written = this.#outWritten;
    this.#outWritten = [];
    for (const tell of written) tell();
    this.#abort.abort();
    this.#budget.give(held);
    this.#server.closed(this, cause);
  }
}

const UNKNOWN_SOFTWARE = { name: "unknown", version: "unknown" } as const;
