/** Installs everything that the suites with foreign clients need and npm does not bring; run once before them. */
import { javaPrograms } from "../java/programs.ts";
import { kafkaJars } from "../reference-kafka/jars.ts";
import { hasProgram, installDebianPackage } from "./apt.ts";
import { installKcat } from "./kcat.ts";
import { installPython } from "./python.ts";

await installKcat();
if (!hasProgram("javac")) await installDebianPackage("openjdk-17-jdk-headless");
if (!hasProgram("mvn")) await installDebianPackage("maven");
if (!hasProgram("python3")) await installDebianPackage("python3");
console.log(`Kafka's jars: ${await kafkaJars()}`);
console.log(`Java programs: ${await javaPrograms()}`);
console.log(`Python: ${await installPython()}`);
