/** `max.connections.per.ip.overrides`: how many connections single addresses may have. A host name stands for all its addresses. */
import { isIP } from "node:net";
import { plainAddress } from "./plain-address.ts";

export class AddressLimits {
  readonly #resolve: (host: string) => Promise<readonly string[]>;
  #byHost: ReadonlyMap<string, number> = new Map();
  #byAddress = new Map<string, number>();

  /** @param resolve the addresses of a host name */
  constructor(resolve: (host: string) => Promise<readonly string[]>) {
    this.#resolve = resolve;
  }

  /** The limit of an address as {@link plainAddress} gives it, or null when it has none of its own. */
  of(address: string): number | null {
    return this.#byAddress.get(address) ?? null;
  }

  /**
   * Takes other limits: those of addresses hold at once, those of host names when the names are resolved.
   * @throws the resolver's error for the first host it does not know; all others hold.
   */
  async set(byHost: ReadonlyMap<string, number>): Promise<void> {
    const byAddress = new Map<string, number>();
    const names: [string, number][] = [];
    for (const [host, limit] of byHost) {
      if (isIP(host) > 0) byAddress.set(plainAddress(host), limit);
      else names.push([host, limit]);
    }
    this.#byHost = byHost;
    this.#byAddress = byAddress;
    let problem: { readonly cause: unknown } | null = null;
    for (const [host, limit] of names) {
      try {
        for (const address of await this.#resolve(host)) {
          byAddress.set(plainAddress(address), limit);
        }
      } catch (cause) {
        problem ??= { cause };
      }
      // Others were set meanwhile, in a map of their own.
      if (this.#byHost !== byHost) return;
    }
    if (problem !== null) throw problem.cause;
  }
}
