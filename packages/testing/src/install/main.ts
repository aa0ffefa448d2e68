/** Installs everything that the suites with foreign clients need and npm does not bring; run once before them. */
import { kafkaJars } from "../reference-kafka/jars.ts";
import { hasProgram, installDebianPackage } from "./apt.ts";
import { installKcat } from "./kcat.ts";
import { installPython } from "./python.ts";

await installKcat();
if (!hasProgram("java")) await installDebianPackage("openjdk-17-jre-headless");
if (!hasProgram("mvn")) await installDebianPackage("maven");
if (!hasProgram("python3")) await installDebianPackage("python3");
console.log(`Kafka's jars: ${await kafkaJars()}`);
console.log(`Python: ${await installPython()}`);
