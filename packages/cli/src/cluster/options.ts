/** What all commands that talk to a cluster have in common. */
import { flag, optional, withDefault } from "../command-line/option.ts";
import { InvalidValue, integer, oneOf, text } from "../command-line/value.ts";

export const DEFAULT_SERVERS = "127.0.0.1:9092";
/** Where the servers come from when no option names them. */
export const SERVERS_VARIABLE = "OTTLA_BOOTSTRAP_SERVER";

const seconds = (raw: string): number => {
  const value = Number(raw);
  if (raw.trim() !== "" && value > 0 && value <= 86_400) return value;
  throw new InvalidValue(`takes seconds, more than none and at most a day, not "${raw}"`);
};

export const clusterOptions = {
  bootstrapServer: optional(text, {
    about: `Brokers to ask first, with commas between them`,
    placeholder: "HOST:PORT",
    short: "b",
    defaultText: `$${SERVERS_VARIABLE} or ${DEFAULT_SERVERS}`,
  }),
  tls: flag({ about: "Encrypt; NODE_EXTRA_CA_CERTS names a file with further authorities" }),
  timeout: withDefault(seconds, 30, {
    about: "How long the cluster may take over a call",
    placeholder: "SECONDS",
  }),
  output: withDefault(oneOf("text", "json"), "text", {
    about: "How to print the result",
    placeholder: "text|json",
    short: "o",
  }),
};

export const replicationFactor = integer({ min: 1, max: 32_767 });
export const partitionCount = integer({ min: 1, max: 1_000_000 });
