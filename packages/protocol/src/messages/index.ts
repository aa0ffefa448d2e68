/** Every API we have a schema for. A new one is a file beside this one and a line in the list. */
import type { Api } from "../schema/schema.ts";
import { produce } from "./00-produce.ts";
import { fetch } from "./01-fetch.ts";
import { listOffsets } from "./02-list-offsets.ts";
import { metadata } from "./03-metadata.ts";
import { offsetCommit } from "./08-offset-commit.ts";
import { offsetFetch } from "./09-offset-fetch.ts";
import { findCoordinator } from "./10-find-coordinator.ts";
import { joinGroup } from "./11-join-group.ts";
import { heartbeat } from "./12-heartbeat.ts";
import { leaveGroup } from "./13-leave-group.ts";
import { syncGroup } from "./14-sync-group.ts";
import { apiVersions } from "./18-api-versions.ts";
import { createTopics } from "./19-create-topics.ts";
import { deleteTopics } from "./20-delete-topics.ts";
import { initProducerId } from "./22-init-producer-id.ts";

export const apis: readonly Api[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  apiVersions,
  createTopics,
  deleteTopics,
  initProducerId,
];

const byKey: (Api | undefined)[] = [];
for (const api of apis) {
  byKey[api.key] = api;
}

/** The API of a key; undefined when there is no schema for it. */
export function apiByKey(key: number): Api | undefined {
  return byKey[key];
}
