/** The limits of connections that a broker's configuration sets, read anew each time: all of them are dynamic (AD5). */
import { lookup } from "node:dns/promises";
import { type BrokerConfig, InvalidConfig, parseAddressLimits } from "@ottla/metadata";
import { AddressLimits } from "./network/address-limits.ts";
import type { AdmissionLimits, BrokerAdmissionLimits, RateWindows } from "./network/admission.ts";

const MAX_CONNECTIONS = "max.connections";
const CREATION_RATE = "max.connection.creation.rate";
const PER_ADDRESS = "max.connections.per.ip";
const OVERRIDES = "max.connections.per.ip.overrides";

/** Those of all a broker's listeners together. */
export class BrokerLimits implements BrokerAdmissionLimits {
  readonly #config: () => BrokerConfig;
  readonly #addresses = new AddressLimits(addressesOf);
  #overrides = "";

  constructor(config: () => BrokerConfig) {
    this.#config = config;
  }

  get maxConnections(): number {
    return this.#config().number(MAX_CONNECTIONS);
  }

  get connectionsPerSecond(): number {
    return this.#config().number(CREATION_RATE);
  }

  /** Whether {@link refresh} goes by what was altered since the first start. */
  get isDynamic(): boolean {
    const { dynamicBroker, dynamicDefault } = this.#config();
    return dynamicBroker.has(OVERRIDES) || dynamicDefault.has(OVERRIDES);
  }

  maxFrom(address: string): number {
    return this.#addresses.of(address) ?? this.#config().number(PER_ADDRESS);
  }

  /** Looks at the configuration again where host names have to be resolved first. @throws {InvalidConfig} for a host that is not known. */
  async refresh(): Promise<void> {
    const text = this.#config().string(OVERRIDES);
    if (text === this.#overrides) return;
    this.#overrides = text;
    try {
      await this.#addresses.set(parseAddressLimits(text));
    } catch (cause) {
      throw new InvalidConfig(
        `Invalid value ${text} for configuration ${OVERRIDES}: ${(cause as Error).message}`,
      );
    }
  }
}

/** Those of one listener, which are the broker's where it has none of its own. */
export function listenerLimits(config: () => BrokerConfig, listener: string): AdmissionLimits {
  return {
    get maxConnections() {
      return config().listenerNumber(listener, MAX_CONNECTIONS);
    },
    get connectionsPerSecond() {
      return config().listenerNumber(listener, CREATION_RATE);
    },
  };
}

/** Whether brokers use the listener among themselves and clients have another: what clients do shall not keep brokers out. */
export function isBetweenBrokers(config: BrokerConfig, listener: string): boolean {
  const own =
    config.text("inter.broker.listener.name") ?? config.text("security.inter.broker.protocol");
  return own === listener && config.list("listeners").length > 1;
}

export function rateWindows(config: BrokerConfig): RateWindows {
  return {
    windowMs: config.number("quota.window.size.seconds") * 1000,
    windows: config.number("quota.window.num"),
  };
}

async function addressesOf(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
