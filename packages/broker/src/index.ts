export { environmentProperties, InvalidConfig, parseBrokerProperties } from "@ottla/metadata";
export { startBroker } from "./broker.ts";
export type { Broker, BrokerOptions } from "./broker-options.ts";
export { DirectoryInUse, ForeignDirectory } from "./data-directory.ts";
