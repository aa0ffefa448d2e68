import type { BrokerConfig, MetadataStore } from "@ottla/metadata";

/** The configuration of each broker with the dynamic changes of the current metadata image; resolved again only after a change (AD5). */
export class DynamicConfig {
  readonly #statics: ReadonlyMap<number, BrokerConfig>;
  readonly #store: MetadataStore;
  readonly #resolved = new Map<number, Resolved>();

  constructor(statics: ReadonlyMap<number, BrokerConfig>, store: MetadataStore) {
    this.#statics = statics;
    this.#store = store;
  }

  broker(id: number): BrokerConfig {
    const { image } = this.#store;
    const own = image.configs({ type: "broker", name: String(id) });
    const defaults = image.configs({ type: "broker", name: "" });
    const known = this.#resolved.get(id);
    if (known !== undefined && known.own === own && known.defaults === defaults) {
      return known.config;
    }
    const config = this.#statics.get(id)!.withDynamic(own, defaults);
    this.#resolved.set(id, { own, defaults, config });
    return config;
  }
}

interface Resolved {
  readonly own: ReadonlyMap<string, string>;
  readonly defaults: ReadonlyMap<string, string>;
  readonly config: BrokerConfig;
}
