/**
 * How to reach a cluster, from three places: a file of Kafka's client settings, single settings on the command line, and flags. Of
 * several that say the same, the last of these counts.
 */
import type { ConnectionOptions as TlsOptions } from "node:tls";
import type { ClientOptions, SaslOptions } from "@ottla/client";
import type { ValuesOf } from "../command-line/option.ts";
import type { Context } from "../context.ts";
import { UsageFailure } from "../errors.ts";
import { parseProperties } from "../security/properties.ts";
import { saslOptions } from "../security/sasl-settings.ts";
import { invalid, readSettingFile, Settings } from "../security/settings.ts";
import { tlsOptions } from "../security/tls-settings.ts";
import {
  CONFIG_VARIABLE,
  type clusterOptions,
  DEFAULT_SERVERS,
  DEFAULT_TIMEOUT_SECONDS,
  PASSWORD_VARIABLE,
  SERVERS_VARIABLE,
} from "./options.ts";

type Flags = ValuesOf<typeof clusterOptions>;
type Surroundings = Pick<Context, "environment" | "clock">;

const MAX_CONNECT_MS = 10_000;

/** @throws {CommandFailure} for files and settings that cannot be used, {@link UsageFailure} for flags that contradict each other */
export async function connectionOptions(
  flags: Flags,
  { environment, clock }: Surroundings,
): Promise<ClientOptions & { readonly bootstrapServers: string }> {
  const settings = await readSettings(flags, environment);
  const protocol = (settings.text("security.protocol") ?? "PLAINTEXT").toUpperCase();
  if (!["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"].includes(protocol)) {
    throw invalid("security.protocol", `"${protocol}" is not known`);
  }
  const tls = await tlsOf(flags, settings, protocol.endsWith("SSL"));
  const sasl = saslOf(flags, { environment, clock }, settings, protocol.startsWith("SASL"));
  return {
    bootstrapServers:
      flags.bootstrapServer ??
      settings.text("bootstrap.servers") ??
      (environment[SERVERS_VARIABLE] || DEFAULT_SERVERS),
    clientId: settings.text("client.id") ?? "ottla-cli",
    ...(tls === null ? {} : { tls }),
    ...(sasl === null ? {} : { sasl }),
    ...timeouts(flags, settings),
  };
}

async function readSettings(flags: Flags, environment: Context["environment"]): Promise<Settings> {
  const path = flags.commandConfig ?? (environment[CONFIG_VARIABLE] || null);
  const values =
    path === null
      ? new Map<string, string>()
      : parseProperties((await readSettingFile("--command-config", path)).toString("utf8"));
  for (const [key, value] of flags.commandProperty) values.set(key, value);
  return new Settings(values);
}

async function tlsOf(
  flags: Flags,
  settings: Settings,
  isInSettings: boolean,
): Promise<TlsOptions | null> {
  const { tls, tlsCa, tlsCert, tlsKey, tlsInsecure } = flags;
  const isInFlags = tls || tlsInsecure || (tlsCa ?? tlsCert ?? tlsKey) !== null;
  if (!isInFlags && !isInSettings) return null;
  if ((tlsKey === null) !== (tlsCert === null)) {
    throw new UsageFailure("--tls-cert and --tls-key go together");
  }
  return {
    ...(await tlsOptions(settings)),
    ...(tlsCa === null ? {} : { ca: await readSettingFile("--tls-ca", tlsCa) }),
    ...(tlsCert === null ? {} : { cert: await readSettingFile("--tls-cert", tlsCert) }),
    ...(tlsKey === null ? {} : { key: await readSettingFile("--tls-key", tlsKey) }),
    ...(tlsInsecure ? { rejectUnauthorized: false } : {}),
  };
}

function saslOf(
  flags: Flags,
  { environment, clock }: Surroundings,
  settings: Settings,
  isInSettings: boolean,
): SaslOptions | null {
  const { saslUsername: username, saslToken: token } = flags;
  const mechanism =
    flags.saslMechanism ??
    (username !== null ? "PLAIN" : null) ??
    (token !== null ? "OAUTHBEARER" : null);
  if (mechanism === null) return isInSettings ? saslOptions(settings, clock) : null;
  if (mechanism === "OAUTHBEARER") {
    if (token === null) throw new UsageFailure("OAUTHBEARER needs --sasl-token");
    return { mechanism, token: () => ({ value: token }) };
  }
  const password = flags.saslPassword ?? environment[PASSWORD_VARIABLE] ?? null;
  if (username === null || password === null) {
    throw new UsageFailure(
      `${mechanism} needs --sasl-username and --sasl-password, or $${PASSWORD_VARIABLE}`,
    );
  }
  return { mechanism, username, password };
}

function timeouts(flags: Flags, settings: Settings) {
  const flagMs = flags.timeout === null ? null : flags.timeout * 1000;
  const requestTimeoutMs = flagMs ?? settings.milliseconds("request.timeout.ms");
  const callTimeoutMs = flagMs ?? settings.milliseconds("default.api.timeout.ms");
  const connectTimeoutMs = settings.milliseconds("socket.connection.setup.timeout.ms");
  const otherwiseMs = DEFAULT_TIMEOUT_SECONDS * 1000;
  const callMs = callTimeoutMs ?? requestTimeoutMs ?? otherwiseMs;
  return {
    requestTimeoutMs: requestTimeoutMs ?? Math.min(otherwiseMs, callMs),
    callTimeoutMs: callMs,
    connectTimeoutMs: Math.min(connectTimeoutMs ?? MAX_CONNECT_MS, callMs),
  };
}
