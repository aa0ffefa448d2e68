/** What all commands that talk to a cluster have in common. */
import { flag, optional, repeated, under, withDefault } from "../command-line/option.ts";
import { InvalidValue, integer, oneOf, pair, text } from "../command-line/value.ts";

export const DEFAULT_SERVERS = "127.0.0.1:9092";
/** Where the servers come from when no option names them. */
export const SERVERS_VARIABLE = "OTTLA_BOOTSTRAP_SERVER";
/** Names a file of client settings when no option does. */
export const CONFIG_VARIABLE = "OTTLA_COMMAND_CONFIG";
/** Holds the password when no option does: what is on a command line, everybody on the machine can see. */
export const PASSWORD_VARIABLE = "OTTLA_SASL_PASSWORD";
export const DEFAULT_TIMEOUT_SECONDS = 30;

const seconds = (raw: string): number => {
  const value = Number(raw);
  if (raw.trim() !== "" && value > 0 && value <= 86_400) return value;
  throw new InvalidValue(`takes seconds, more than none and at most a day, not "${raw}"`);
};

const connection = under("Connection options", {
  bootstrapServer: optional(text, {
    about: `Brokers to ask first, with commas between them`,
    placeholder: "HOST:PORT",
    short: "b",
    defaultText: `$${SERVERS_VARIABLE} or ${DEFAULT_SERVERS}`,
  }),
  commandConfig: optional(text, {
    about: "A file of Kafka's client settings, such as client.properties",
    placeholder: "FILE",
    defaultText: `$${CONFIG_VARIABLE} or none`,
  }),
  commandProperty: repeated(pair, {
    about: "One of Kafka's client settings",
    placeholder: "KEY=VALUE",
    short: "X",
  }),
  tls: flag({ about: "Encrypt; NODE_EXTRA_CA_CERTS names a file with further authorities" }),
  tlsCa: optional(text, {
    about: "Trust only the authorities in this PEM file",
    placeholder: "FILE",
  }),
  tlsCert: optional(text, { about: "Show this certificate (PEM)", placeholder: "FILE" }),
  tlsKey: optional(text, { about: "The certificate's key (PEM)", placeholder: "FILE" }),
  tlsInsecure: flag({ about: "Take any certificate: encrypted, but with whom is not known" }),
  saslMechanism: optional(oneOf("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"), {
    about: "How to authenticate: PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER",
    placeholder: "NAME",
    defaultText: "PLAIN with a user name, OAUTHBEARER with a token",
  }),
  saslUsername: optional(text, { about: "Authenticate as this user", placeholder: "NAME" }),
  saslPassword: optional(text, {
    about: "The user's password",
    placeholder: "PASSWORD",
    defaultText: `$${PASSWORD_VARIABLE}`,
  }),
  saslToken: optional(text, { about: "The token for OAUTHBEARER", placeholder: "TOKEN" }),
  timeout: optional(seconds, {
    about: "How long the cluster may take over a call",
    placeholder: "SECONDS",
    defaultText: `${DEFAULT_TIMEOUT_SECONDS}`,
  }),
});

export const clusterOptions = {
  output: withDefault(oneOf("text", "json"), "text", {
    about: "How to print the result",
    placeholder: "text|json",
    short: "o",
  }),
  ...connection,
};

export const replicationFactor = integer({ min: 1, max: 32_767 });
export const partitionCount = integer({ min: 1, max: 1_000_000 });
