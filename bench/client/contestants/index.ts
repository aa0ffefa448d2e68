import type { LibraryName } from "../job.ts";
import type { Contestant } from "./contestant.ts";

/** Loaded one at a time: each runs in a process of its own, which should hold nothing of the others. */
export const contestants: Readonly<Record<LibraryName, () => Promise<Contestant>>> = {
  ottla: async () => (await import("./ottla.ts")).ottla,
  kafkajs: async () => (await import("./kafkajs.ts")).kafkaJs,
  platformatic: async () => (await import("./platformatic.ts")).platformatic,
};
