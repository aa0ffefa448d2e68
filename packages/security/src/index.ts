export {
  AuthenticationRefusedError,
  InvalidCredentialsError,
  MalformedChallengeError,
  SecurityError,
  UntrustedServerError,
} from "./errors.ts";
export type { SaslConversation, SaslMechanism, SaslPeer } from "./mechanism.ts";
