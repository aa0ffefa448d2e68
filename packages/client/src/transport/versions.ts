import type { Api, apiVersions, ResponseOf } from "@ottla/protocol";
import { UnsupportedError } from "../errors.ts";

/** Restricts what may be negotiated, for calls whose meaning depends on the version. */
export interface VersionBounds {
  readonly min?: number;
  readonly max?: number;
}

/** What one broker said it serves: API versions and finalized features. */
export class VersionTable {
  readonly #ranges = new Map<number, { readonly min: number; readonly max: number }>();
  /** Finalized feature levels by name, such as `transaction.version`. */
  readonly features: ReadonlyMap<string, number>;

  constructor(response: ResponseOf<typeof apiVersions>) {
    for (const { apiKey, minVersion, maxVersion } of response.apiKeys) {
      this.#ranges.set(apiKey, { min: minVersion, max: maxVersion });
    }
    this.features = new Map(
      response.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel]),
    );
  }

  /** The newest version both sides speak within `bounds`, or −1. */
  find(api: Api, bounds?: VersionBounds): number {
    const theirs = this.#ranges.get(api.key);
    if (theirs === undefined) return -1;
    const max = Math.min(theirs.max, api.versions.max, bounds?.max ?? api.versions.max);
    const min = Math.max(theirs.min, api.versions.min, bounds?.min ?? 0);
    return max >= min ? max : -1;
  }

  /** The same. @throws {UnsupportedError} when there is none. */
  pick(api: Api, bounds?: VersionBounds): number {
    const version = this.find(api, bounds);
    if (version >= 0) return version;
    const theirs = this.#ranges.get(api.key);
    throw new UnsupportedError(
      theirs === undefined
        ? `the broker does not serve ${api.name}`
        : `no common version of ${api.name}: the broker serves ${theirs.min} to ${theirs.max}, ` +
            `this call needs ${bounds?.min ?? api.versions.min} to ${bounds?.max ?? api.versions.max}`,
    );
  }
}
