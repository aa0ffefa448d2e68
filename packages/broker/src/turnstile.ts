/**
 * Large requests that name many things: one is decoded and served at a time, whichever connection it came by. What takes a few bytes to name takes
 * fiftyfold once it is decoded, and while others have their turn between its entries (turns.ts) any number of such requests would be under way.
 * Who waits holds no more than its frame, which the budget of requests counts.
 */
import { Later } from "@ottla/platform";
import type { Served } from "./network/connection.ts";

export class Turnstile {
  #isOccupied = false;
  readonly #waiting: (() => void)[] = [];

  /** Serves now, or once everybody before is answered. `serve` may throw. */
  pass(serve: () => Served): Served {
    if (!this.#isOccupied) return this.#enter(serve);
    const answer = new Later<readonly Buffer[] | null>();
    this.#waiting.push(() => {
      let served: Served;
      try {
        served = this.#enter(serve);
      } catch (cause) {
        answer.fail(cause);
        return;
      }
      if (!(served instanceof Later)) answer.settle(served);
      else {
        served.listen({
          settled: (response) => answer.settle(response),
          failed: (cause) => answer.fail(cause),
        });
      }
    });
    return answer;
  }

  #enter(serve: () => Served): Served {
    this.#isOccupied = true;
    let served: Served;
    try {
      served = serve();
    } catch (cause) {
      this.#leave();
      throw cause;
    }
    if (!(served instanceof Later)) {
      this.#leave();
      return served;
    }
    return served.map(
      (response) => {
        this.#leave();
        return response;
      },
      (cause) => {
        this.#leave();
        return cause;
      },
    );
  }

  /** The next comes in another turn of the event loop; until then nobody may slip in before it. */
  #leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#isOccupied = false;
    else setImmediate(next);
  }
}
