/**
 * A value that comes later, for one listener, told in the very step of the event loop in which it comes. What a promise does for any number of
 * listeners, each in a step of its own, costs several times as much, and a broker answers hundreds of thousands of requests a second.
 *
 * Whoever only wants to await one may: it is a `PromiseLike`, also for several. What a listener throws is its own fault and nobody else's: it becomes an
 * uncaught exception, and whoever brought the value goes on.
 */
export interface LaterListener<T> {
  settled(value: T): void;
  failed(cause: unknown): void;
}

type State = "pending" | "settled" | "failed";

export class Later<T> implements PromiseLike<T> {
  #state: State = "pending";
  #outcome: unknown = undefined;
  #listener: LaterListener<T> | null = null;
  #promise: Promise<T> | null = null;

  /** One that comes when the promise does, and is told in a step of its own. */
  static from<T>(promise: Promise<T>): Later<T> {
    const later = new Later<T>();
    promise.then(
      (value) => later.settle(value),
      (cause) => later.fail(cause),
    );
    return later;
  }

  static of<T>(value: T): Later<T> {
    const later = new Later<T>();
    later.settle(value);
    return later;
  }

  /** It has come. Once, and not after {@link fail}. */
  settle(value: T): void {
    if (this.#state !== "pending") throw new Error("a value came twice");
    this.#state = "settled";
    if (this.#listener !== null) tellSettled(this.#listener, value);
    else this.#outcome = value;
  }

  /** It will not come. Once, and not after {@link settle}. */
  fail(cause: unknown): void {
    if (this.#state !== "pending") throw new Error("a value came twice");
    this.#state = "failed";
    if (this.#listener !== null) tellFailed(this.#listener, cause);
    else this.#outcome = cause;
  }

  /** Names the only listener. Where the value is there already, it is told before this returns. */
  listen(listener: LaterListener<T>): void {
    if (this.#listener !== null) throw new Error("a value is for one listener");
    this.#listener = listener;
    const outcome = this.#outcome;
    this.#outcome = undefined;
    if (this.#state === "settled") tellSettled(listener, outcome as T);
    else if (this.#state === "failed") tellFailed(listener, outcome);
  }

  /**
   * What becomes of the value; a throw of `map` makes it a failure. `mapCause` makes of why it failed why the result does.
   * This is the listener then.
   */
  map<U>(map: (value: T) => U, mapCause: (cause: unknown) => unknown = same): Later<U> {
    const mapped = new Mapped(map, mapCause);
    this.listen(mapped);
    return mapped;
  }

  /** A promise of it is the listener then; asked again, there is no other. */
  // biome-ignore lint/suspicious/noThenProperty: it is there to be awaited
  then<R = T, F = never>(
    onSettled?: ((value: T) => R | PromiseLike<R>) | null,
    onFailed?: ((cause: unknown) => F | PromiseLike<F>) | null,
  ): Promise<R | F> {
    this.#promise ??= new Promise<T>((settled, failed) => this.listen({ settled, failed }));
    return this.#promise.then(onSettled, onFailed);
  }
}

function tellSettled<T>(listener: LaterListener<T>, value: T): void {
  try {
    listener.settled(value);
  } catch (cause) {
    throwLater(cause);
  }
}

function tellFailed<T>(listener: LaterListener<T>, reason: unknown): void {
  try {
    listener.failed(reason);
  } catch (cause) {
    throwLater(cause);
  }
}

function throwLater(cause: unknown): void {
  queueMicrotask(() => {
    throw cause;
  });
}

/**
 * A value that is made of another, for which it listens: what {@link Later.map} gives, in one object with whatever it takes to make it. A throw of
 * {@link make} makes it a failure.
 */
export abstract class Derived<T, U> extends Later<U> implements LaterListener<T> {
  protected abstract make(value: T): U;

  /** Why this fails, given why the other does. */
  protected causeOf(cause: unknown): unknown {
    return cause;
  }

  settled(value: T): void {
    let made: U;
    try {
      made = this.make(value);
    } catch (cause) {
      this.fail(cause);
      return;
    }
    this.settle(made);
  }

  failed(cause: unknown): void {
    let reason: unknown;
    try {
      reason = this.causeOf(cause);
    } catch (thrown) {
      reason = thrown;
    }
    this.fail(reason);
  }
}

class Mapped<T, U> extends Derived<T, U> {
  readonly #map: (value: T) => U;
  readonly #mapCause: (cause: unknown) => unknown;

  constructor(map: (value: T) => U, mapCause: (cause: unknown) => unknown) {
    super();
    this.#map = map;
    this.#mapCause = mapCause;
  }

  protected make(value: T): U {
    return this.#map(value);
  }

  protected override causeOf(cause: unknown): unknown {
    return this.#mapCause(cause);
  }
}

const same = (cause: unknown) => cause;
