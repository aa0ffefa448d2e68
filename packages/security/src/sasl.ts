import type { Random } from "@ottla/platform";
import type { SaslMechanism } from "./mechanism.ts";
import { type OauthBearerTokenProvider, oauthBearer } from "./mechanisms/oauthbearer.ts";
import { type PlainCredentials, plain } from "./mechanisms/plain.ts";
import { type ScramCredentials, scram } from "./mechanisms/scram.ts";

/** How to authenticate, by the registered name of a mechanism. */
export type SaslOptions =
  | ({ readonly mechanism: "PLAIN" } & PlainCredentials)
  | ({ readonly mechanism: "SCRAM-SHA-256" | "SCRAM-SHA-512" } & ScramCredentials)
  | { readonly mechanism: "OAUTHBEARER"; readonly token: OauthBearerTokenProvider };

/** The mechanism that `options` describe. @throws {InvalidCredentialsError} */
export function saslMechanism(options: SaslOptions, random: Random): SaslMechanism {
  switch (options.mechanism) {
    case "PLAIN":
      return plain(options);
    case "SCRAM-SHA-256":
      return scram("SHA-256", options, random);
    case "SCRAM-SHA-512":
      return scram("SHA-512", options, random);
    case "OAUTHBEARER":
      return oauthBearer(options.token);
  }
}
