/** The records that delete offsets. */
import type { GroupShard } from "./group-shard.ts";
import type { CommittedOffset } from "./records/offset-commit.ts";
import type { GroupRecord } from "./records/record-types.ts";

export function tombstone(groupId: string, topic: string, partition: number): GroupRecord {
  return { type: "offset", groupId, topic, partition, value: null };
}

/** Tombstones of the offsets of a shard that are of such a topic, and are to go. */
export function tombstonesWhere(
  shard: GroupShard,
  isSuchTopic: (topic: string) => boolean,
  isToGo: (topic: string, offset: CommittedOffset) => boolean,
): GroupRecord[] {
  const records: GroupRecord[] = [];
  for (const { groupId, offsets } of shard.groups.values()) {
    const tombstones = new Tombstones(groupId);
    for (const [topic, partitions] of offsets.topics()) {
      if (!isSuchTopic(topic)) continue;
      for (const [partition, offset] of partitions) {
        if (isToGo(topic, offset)) tombstones.add(topic, partition);
      }
    }
    shard.pending.visit(groupId, (topic, partition, offset) => {
      if (isSuchTopic(topic) && isToGo(topic, offset)) tombstones.add(topic, partition);
    });
    for (const record of tombstones.records) records.push(record);
  }
  return records;
}

/** Tombstones of a group's offsets, each partition once. */
export class Tombstones {
  readonly records: GroupRecord[] = [];
  readonly #groupId: string;
  readonly #seen = new Map<string, Set<number>>();

  constructor(groupId: string) {
    this.#groupId = groupId;
  }

  add(topic: string, partition: number): void {
    const seen = this.#seen.get(topic);
    if (seen?.has(partition) === true) return;
    if (seen === undefined) this.#seen.set(topic, new Set([partition]));
    else seen.add(partition);
    this.records.push(tombstone(this.#groupId, topic, partition));
  }
}
