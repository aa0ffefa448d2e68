/** The name of a new topic is taken. */
export class TopicExists extends Error {
  override readonly name = "TopicExists";
  readonly topicName: string;

  constructor(topicName: string) {
    super(`Topic '${topicName}' already exists.`);
    this.topicName = topicName;
  }
}

/** There is no topic with this id or name, or no longer. */
export class TopicNotFound extends Error {
  override readonly name = "TopicNotFound";
  readonly topic: string;

  constructor(topic: string) {
    super(`There is no topic '${topic}'.`);
    this.topic = topic;
  }
}

/**
 * A name or value of a configuration is refused. `config`: INVALID_CONFIG (40); `request`: INVALID_REQUEST (42), which is what Kafka answers
 * for broker and client-metrics resources.
 */
export class InvalidConfig extends Error {
  override readonly name = "InvalidConfig";
  readonly kind: "config" | "request";

  constructor(message: string, kind: "config" | "request" = "config") {
    super(message);
    this.kind = kind;
  }
}

/** The name of a topic breaks a rule (AD1); the message says which. */
export class InvalidTopicName extends Error {
  override readonly name = "InvalidTopicName";
}

/** More copies are asked for than there are brokers. */
export class InvalidReplication extends Error {
  override readonly name = "InvalidReplication";
}

/** The log cannot be appended to or read, so a metadata change did not happen or the image cannot be built. */
export class MetadataLogFailed extends Error {
  override readonly name = "MetadataLogFailed";
}
