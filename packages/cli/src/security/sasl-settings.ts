/** Kafka's `sasl.…` settings as what the client takes. */
import type { SaslOptions } from "@ottla/client";
import type { Clock } from "@ottla/platform";
import { type JaasEntry, parseJaas } from "./jaas.ts";
import { oauthTokens } from "./oauth-tokens.ts";
import { invalid, type Settings } from "./settings.ts";

/** Java classes that would decide instead of these settings. The one that Kafka's documentation tells to name does the usual. */
const HANDLERS = [
  "sasl.client.callback.handler.class",
  "sasl.login.callback.handler.class",
  "sasl.login.class",
];
const USUAL_HANDLER = /^org\.apache\.kafka\..*\.OAuthBearerLoginCallbackHandler$/;

export function saslOptions(settings: Settings, clock: Clock): SaslOptions {
  for (const key of HANDLERS) {
    const name = settings.text(key);
    if (name !== null && !USUAL_HANDLER.test(name)) {
      throw invalid(key, "names a Java class, which cannot be used here");
    }
  }
  const mechanism = settings.text("sasl.mechanism");
  switch (mechanism) {
    case "PLAIN":
      return { mechanism, ...credentials(login(settings, "PlainLoginModule")) };
    case "SCRAM-SHA-256":
    case "SCRAM-SHA-512": {
      const entry = login(settings, "ScramLoginModule");
      if (entry.options.get("tokenauth") === "true") {
        throw invalid("sasl.jaas.config", "has tokenauth: delegation tokens are not supported");
      }
      return { mechanism, ...credentials(entry) };
    }
    case "OAUTHBEARER":
      return { mechanism, token: oauthTokens(settings, oauthLogin(settings), clock) };
    default:
      throw invalid(
        "sasl.mechanism",
        mechanism === null ? "is not set" : `"${mechanism}" is not supported`,
        ["It takes one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER."],
      );
  }
}

function login(settings: Settings, wanted: string): JaasEntry {
  const key = "sasl.jaas.config";
  const text = settings.text(key);
  if (text === null) throw invalid(key, "is not set");
  const entry = parseJaas(text);
  if (entry.module !== wanted) throw invalid(key, `has ${entry.module}, not ${wanted}`);
  return entry;
}

/** With a token endpoint, credentials may stand in settings of their own (KIP-1139). */
function oauthLogin(settings: Settings): JaasEntry {
  const module = "OAuthBearerLoginModule";
  return settings.text("sasl.jaas.config") === null
    ? { module, options: new Map() }
    : login(settings, module);
}

function credentials({ options }: JaasEntry): { username: string; password: string } {
  const username = options.get("username");
  const password = options.get("password");
  if (username === undefined || password === undefined) {
    throw invalid("sasl.jaas.config", "lacks username or password");
  }
  return { username, password };
}
