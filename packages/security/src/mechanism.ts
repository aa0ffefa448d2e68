/**
 * A SASL mechanism (RFC 4422) seen from the client: it makes one conversation per authentication, and a conversation turns challenges
 * into answers. Bytes in, bytes out: carrying them is the connection's work.
 */
export interface SaslMechanism {
  /** As registered, such as `PLAIN` or `SCRAM-SHA-512`. */
  readonly name: string;
  start(peer: SaslPeer): SaslConversation;
}

/** The server that is being talked to. */
export interface SaslPeer {
  readonly host: string;
  readonly port: number;
}

export interface SaslConversation {
  /** The client's first message. */
  first(): Uint8Array | Promise<Uint8Array>;
  /**
   * The answer to the server's `challenge`, or null when the conversation is over and the server has proven what it has to.
   * @throws {SecurityError} when the server's message is wrong.
   */
  next(challenge: Buffer): Uint8Array | null | Promise<Uint8Array | null>;
}
