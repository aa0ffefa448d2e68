/** Listeners out of `listeners`, `advertised.listeners` and `listener.security.protocol.map` (S1). */
import { type BrokerConfig, InvalidConfig } from "@ottla/metadata";

export interface ListenerConfig {
  readonly name: string;
  /** Empty for all addresses. */
  readonly host: string;
  readonly port: number;
}

/** `NAME://host:port`; the host may be empty, IPv6 ones stand in brackets. */
const ENTRY = /^([A-Za-z0-9_.-]+):\/\/(?:\[([^\]]*)\]|([^:]*)):(-?\d+)$/;
const CONTROLLER_ROLE = "controller.listener.names";

/** The listeners that clients connect to; those of the KRaft controller role are left out. @throws {InvalidConfig} */
export function clientListeners(config: BrokerConfig): readonly ListenerConfig[] {
  const controllers = new Set(config.list(CONTROLLER_ROLE));
  const protocols = new Map(
    (config.text("listener.security.protocol.map") ?? "").split(",").map((entry) => {
      const [name, protocol] = entry.split(":");
      return [name?.trim().toUpperCase(), protocol?.trim()];
    }),
  );
  const listeners = parseListeners(config.list("listeners"), "listeners").filter(
    ({ name }) => !controllers.has(name),
  );
  for (const { name } of listeners) {
    const protocol = protocols.get(name.toUpperCase()) ?? name;
    if (protocol !== "PLAINTEXT") {
      throw new InvalidConfig(
        `Listener ${name} wants ${protocol}; this broker serves PLAINTEXT only so far.`,
      );
    }
  }
  if (listeners.length === 0) throw new InvalidConfig("listeners names no listener for clients.");
  return listeners;
}

/** What clients are told instead of the addresses bound; by listener name. @throws {InvalidConfig} */
export function advertisedListeners(config: BrokerConfig): ReadonlyMap<string, ListenerConfig> {
  const listeners = parseListeners(config.list("advertised.listeners"), "advertised.listeners");
  return new Map(listeners.map((listener) => [listener.name, listener]));
}

/** Where clients reach a listener that advertises nothing else: on the address bound, or on this machine when that is "any". */
export function advertisedHost({ host }: ListenerConfig): string {
  return isAnyAddress(host) || host === "localhost" ? "127.0.0.1" : host;
}

/** Whether it stands for all addresses of this machine, of which nobody knows by which one clients reach it. */
export function isAnyAddress(host: string): boolean {
  return host === "" || host === "0.0.0.0" || host === "::";
}

function parseListeners(entries: readonly string[], key: string): ListenerConfig[] {
  return entries.map((entry) => {
    const parts = ENTRY.exec(entry.trim());
    const port = Number(parts?.[4]);
    if (parts === null || port < 0 || port > 65_535) {
      throw new InvalidConfig(`Invalid value ${entry} for configuration ${key}: NAME://host:port`);
    }
    return { name: parts[1]!, host: parts[2] ?? parts[3] ?? "", port };
  });
}
