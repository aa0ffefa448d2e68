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
    transaction: {
      about: "Look at transactions and abort them",
      children: {
        list: {
          about: "List transactional ids",
          load: async () => (await import("./commands/transaction/list.ts")).listTransactions,
        },
        describe: {
          about: "Show producer, age and partitions of transactions",
          load: async () =>
            (await import("./commands/transaction/describe.ts")).describeTransactions,
        },
        abort: {
          about: "Abort open transactions, hanging ones too",
          load: async () => (await import("./commands/transaction/abort.ts")).abortTransactions,
        },
      },
    },
    config: {
      about: "Look at and change the settings of topics, brokers and groups",
      children: {
        describe: {
          about: "Show settings and where they come from",
          load: async () => (await import("./commands/config/describe.ts")).describeConfigs,
        },
        alter: {
          about: "Change settings",
          load: async () => (await import("./commands/config/alter.ts")).alterConfigs,
        },
      },
    },
    cluster: {
      about: "Look at a cluster",
      children: {
        describe: {
          about: "Show brokers, controller and features",
          load: async () => (await import("./commands/cluster/describe.ts")).describeCluster,
        },
      },
    },
    "log-dirs": {
      about: "Show the folders of brokers and what partitions take there",
      load: async () => (await import("./commands/log-dirs.ts")).logDirs,
    },
  },
};
