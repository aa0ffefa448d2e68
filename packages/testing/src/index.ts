export { type BrokerProcessOptions, startBrokerProcess } from "./broker-process/broker-process.ts";
export { buildPackages, packPackages, type Tarball } from "./build/build.ts";
export { cacheDirectory, cachedDirectory } from "./cache.ts";
export { nodeOfVersion } from "./install/node.ts";
export {
  type Child,
  type ChildOptions,
  endChild,
  killChild,
  type ProcessResult,
  run,
  runOrThrow,
  spawnChild,
} from "./process/child.ts";
export { freePorts } from "./process/ports.ts";
export { answersApiVersions } from "./process/probe.ts";
export type { BrokerServer, BrokerServerOptions, StartBroker } from "./process/server.ts";
export { kafkaJar, kafkaJars } from "./reference-kafka/jars.ts";
export { classpath, type JavaOptions, javaTool, spawnJavaTool } from "./reference-kafka/java.ts";
export {
  REFERENCE_KAFKA_VERSION,
  type ReferenceKafka,
  type ReferenceKafkaOptions,
  startReferenceKafka,
} from "./reference-kafka/reference-kafka.ts";
export { type WaitOptions, waitFor } from "./wait.ts";
