export { parseAddressLimits } from "./configs/address-limits.ts";
export {
  type AlteredConfigs,
  applyConfigChanges,
  CONFIG_OPERATIONS,
  type ConfigChange,
  type ConfigOperation,
  replaceConfigs,
} from "./configs/alter.ts";
export { BrokerConfig, type BrokerConfigOptions } from "./configs/broker-config.ts";
export { BROKER_CONFIGS } from "./configs/broker-configs.ts";
export {
  atLeast,
  between,
  boolean as booleanConfig,
  type ConfigDefinition,
  type ConfigType,
  type ConfigValue,
  int as intConfig,
  oneOf,
  string as stringConfig,
  type UpdateMode,
} from "./configs/definition.ts";
export {
  type ConfigEntry,
  describeBrokerConfigs,
  describeBrokerDefaults,
  describeClientMetricsConfigs,
  describeGroupConfigs,
  describeTopicConfigs,
} from "./configs/describe.ts";
export { GROUP_CONFIGS } from "./configs/group-configs.ts";
export {
  environmentKey,
  environmentProperties,
  parseBrokerProperties,
} from "./configs/properties.ts";
export {
  CONFIG_SOURCE,
  type ConfigSynonym,
  type ResolvedConfig,
  resolveTopicConfig,
  toLogConfig,
} from "./configs/topic-config.ts";
export { TOPIC_CONFIGS } from "./configs/topic-configs.ts";
export {
  validateBrokerConfigs,
  validateClientMetricsConfigs,
  validateGroupConfigs,
  validateTopicConfigs,
} from "./configs/validate.ts";
export {
  EmbeddedMetadataStore,
  type EmbeddedStoreOptions,
  PRODUCER_ID_BLOCK,
} from "./embedded-store.ts";
export {
  InvalidConfig,
  InvalidReplication,
  InvalidTopicName,
  MetadataLogFailed,
  TopicExists,
  TopicNotFound,
} from "./errors.ts";
export { METADATA_TOPIC_ID } from "./metadata-log.ts";
export { assignReplicas } from "./replica-placement.ts";
export type {
  ConfigResource,
  ConfigResourceType,
  MetadataImage,
  MetadataStore,
  NewTopic,
  Replicas,
  Topic,
} from "./store.ts";
export {
  collisionKey,
  isInternalTopicName,
  MAX_TOPIC_NAME_LENGTH,
  METADATA_TOPIC_NAME,
  topicCollisionMessage,
  topicNameProblem,
  validateTopicName,
} from "./topic-name.ts";
export { newUuid } from "./uuid.ts";
