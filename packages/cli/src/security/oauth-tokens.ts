/**
 * Bearer tokens as Kafka's Java client gets them: from a file, from an authorization server for client credentials (RFC 6749, section 4.4),
 * or unsecured ones made here, which brokers take for tests.
 */
import type { OauthBearerToken, OauthBearerTokenProvider } from "@ottla/client";
import type { Clock } from "@ottla/platform";
import { CommandFailure } from "../errors.ts";
import type { JaasEntry } from "./jaas.ts";
import { invalid, readSettingFile, type Settings } from "./settings.ts";

const ENDPOINT = "sasl.oauthbearer.token.endpoint.url";
const EXTENSION = "extension_";
const DEFAULT_LIFETIME_SECONDS = 3_600;
const REQUEST_TIMEOUT_MS = 10_000;

export function oauthTokens(
  settings: Settings,
  { options }: JaasEntry,
  clock: Clock,
): OauthBearerTokenProvider {
  const extensions = Object.fromEntries(
    [...options].flatMap(([key, value]) =>
      key.startsWith(EXTENSION) ? [[key.slice(EXTENSION.length), value] as const] : [],
    ),
  );
  const source = tokenSource(settings, options, clock);
  // A command is short: one token serves all its connections.
  let value: Promise<string> | null = null;
  return async (): Promise<OauthBearerToken> => {
    value ??= source();
    return { value: await value, extensions };
  };
}

function tokenSource(
  settings: Settings,
  options: ReadonlyMap<string, string>,
  clock: Clock,
): () => Promise<string> {
  const endpoint = settings.text(ENDPOINT);
  if (endpoint === null) return async () => unsecuredToken(options, clock);
  if (!URL.canParse(endpoint)) throw invalid(ENDPOINT, `takes a URL, not "${endpoint}"`);
  const url = new URL(endpoint);
  if (url.protocol === "file:") {
    return async () => (await readSettingFile(ENDPOINT, url.pathname)).toString("utf8").trim();
  }
  const id = settings.text("sasl.oauthbearer.client.credentials.client.id");
  const secret = settings.text("sasl.oauthbearer.client.credentials.client.secret");
  const clientId = id ?? options.get("clientId");
  const clientSecret = secret ?? options.get("clientSecret");
  if (clientId === undefined || clientSecret === undefined) {
    throw invalid("sasl.jaas.config", `lacks clientId or clientSecret, which ${ENDPOINT} needs`);
  }
  const scope = settings.text("sasl.oauthbearer.scope") ?? options.get("scope") ?? null;
  return () => requestToken(url, { clientId, clientSecret, scope });
}

async function requestToken(
  url: URL,
  credentials: { clientId: string; clientSecret: string; scope: string | null },
): Promise<string> {
  const { clientId, clientSecret, scope } = credentials;
  const body = new URLSearchParams({ grant_type: "client_credentials" });
  if (scope !== null) body.set("scope", scope);
  const basic = Buffer.from(`${clientId}:${clientSecret}`).toString("base64");
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { accept: "application/json", authorization: `Basic ${basic}` },
      body,
      signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    const token = answer.access_token ?? answer.id_token;
    if (typeof token === "string") return token;
    throw new Error(`${response.status} ${answer.error ?? "without a token"}`);
  } catch (cause) {
    throw new CommandFailure(`no token from ${url.origin}: ${(cause as Error).message}`, { cause });
  }
}

const CLAIM = /^unsecuredLogin(String|Number)Claim_(.+)$/;

/** A JWT without a signature (RFC 7515, appendix A.5). */
function unsecuredToken(options: ReadonlyMap<string, string>, clock: Clock): string {
  const claims: Record<string, string | number> = {};
  for (const [key, value] of options) {
    const [, type, name] = CLAIM.exec(key) ?? [];
    if (name !== undefined) claims[name] = type === "Number" ? Number(value) : value;
  }
  if (Object.keys(claims).length === 0) {
    throw invalid(ENDPOINT, "is not set, nor does sasl.jaas.config have unsecuredLogin… claims");
  }
  const now = clock.now() / 1000;
  const lifetime = Number(options.get("unsecuredLoginLifetimeSeconds") ?? DEFAULT_LIFETIME_SECONDS);
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ alg: "none" })}.${part({ iat: now, exp: now + lifetime, ...claims })}.`;
}
