export {
  AuthenticationRefusedError,
  InvalidCredentialsError,
  MalformedChallengeError,
  SecurityError,
  UntrustedServerError,
} from "./errors.ts";
export type { SaslConversation, SaslMechanism, SaslPeer } from "./mechanism.ts";
export {
  type OauthBearerToken,
  type OauthBearerTokenProvider,
  oauthBearer,
} from "./mechanisms/oauthbearer.ts";
export { type PlainCredentials, plain } from "./mechanisms/plain.ts";
export {
  type ScramCredentials,
  type ScramHash,
  saltedPassword,
  scram,
} from "./mechanisms/scram.ts";
export { type SaslOptions, saslMechanism } from "./sasl.ts";
export { saslPrep } from "./sasl-prep.ts";
