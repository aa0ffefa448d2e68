export type {
  ConfigResource,
  ConfigResourceType,
  MetadataImage,
  MetadataStore,
  NewTopic,
  Topic,
} from "./store.ts";
