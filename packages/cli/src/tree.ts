/** All commands. A new one is a file in `commands/` and an entry here; help and suggestions follow from it. */
import type { CommandGroup } from "./command-line/command.ts";

export const tree: CommandGroup = {
  about: "Ottla: event streaming on Kafka's wire protocol",
  children: {
    start: {
      about: "Start a broker",
      load: async () => (await import("./commands/start.ts")).start,
    },
    topic: {
      about: "Create, look at, change and delete topics",
      children: {
        create: {
          about: "Create topics",
          load: async () => (await import("./commands/topic/create.ts")).createTopic,
        },
        list: {
          about: "List topics",
          load: async () => (await import("./commands/topic/list.ts")).listTopics,
        },
        describe: {
          about: "Show partitions, offsets and configuration of topics",
          load: async () => (await import("./commands/topic/describe.ts")).describeTopics,
        },
        alter: {
          about: "Add partitions to topics or change their configuration",
          load: async () => (await import("./commands/topic/alter.ts")).alterTopic,
        },
        delete: {
          about: "Delete topics with all their records",
          load: async () => (await import("./commands/topic/delete.ts")).deleteTopics,
        },
      },
    },
    produce: {
      about: "Send records from standard input or a file",
      load: async () => (await import("./commands/produce.ts")).produce,
    },
    consume: {
      about: "Print the records of topics",
      load: async () => (await import("./commands/consume.ts")).consume,
    },
    group: {
      about: "Look at consumer groups, move their offsets, delete them",
      children: {
        list: {
          about: "List groups",
          load: async () => (await import("./commands/group/list.ts")).listGroups,
        },
        describe: {
          about: "Show members, committed offsets and lag of groups",
          load: async () => (await import("./commands/group/describe.ts")).describeGroups,
        },
        reset: {
          about: "Move the committed offsets of a group",
          load: async () => (await import("./commands/group/reset.ts")).resetGroup,
        },
        delete: {
          about: "Delete groups and their committed offsets",
          load: async () => (await import("./commands/group/delete.ts")).deleteGroups,
        },
      },
    },
  },
};
