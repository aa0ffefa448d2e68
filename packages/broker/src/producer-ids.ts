import type { MetadataStore } from "@ottla/metadata";

/** Hands out producer ids, each once in the life of the cluster (IP8): blocks are durable before their first id is used. */
export class ProducerIds {
  readonly #store: MetadataStore;
  #next = 0;
  #end = 0;
  #refill: Promise<void> | null = null;

  constructor(store: MetadataStore) {
    this.#store = store;
  }

  /** @throws what the store throws when no block can be had. */
  async next(): Promise<number> {
    while (this.#next === this.#end) {
      this.#refill ??= this.#fetchBlock();
      await this.#refill;
    }
    return this.#next++;
  }

  async #fetchBlock(): Promise<void> {
    try {
      const block = await this.#store.allocateProducerIds();
      this.#next = block.first;
      this.#end = block.first + block.count;
    } finally {
      this.#refill = null;
    }
  }
}
