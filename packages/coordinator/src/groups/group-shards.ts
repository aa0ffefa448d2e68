/** All shards of a group coordinator: which one a group is in, and whether it answers. */
import type { CoordinatorLog } from "../coordinator-log.ts";
import type { GroupErrorName } from "../errors.ts";
import { shardOf } from "../shard.ts";
import type { ClassicGroupSettings } from "./classic-group.ts";
import { GroupShard } from "./group-shard.ts";

export class GroupShards implements Iterable<GroupShard> {
  /** From then on every shard is unavailable. */
  isClosed = false;
  readonly #shards: readonly GroupShard[];

  constructor(log: CoordinatorLog, settings: ClassicGroupSettings) {
    this.#shards = Array.from(
      { length: log.shards },
      (_, index) => new GroupShard(index, log, settings),
    );
  }

  *[Symbol.iterator](): IterableIterator<GroupShard> {
    for (const shard of this.#shards) {
      shard.refresh();
      yield shard;
    }
  }

  at(index: number): GroupShard | undefined {
    const shard = this.#shards[index];
    shard?.refresh();
    return shard;
  }

  indexOf(groupId: string): number {
    return shardOf(groupId, this.#shards.length);
  }

  of(groupId: string): GroupShard {
    return this.at(this.indexOf(groupId))!;
  }

  /** NONE, or why the shard answers nobody. */
  unavailability(shard: GroupShard): GroupErrorName {
    return this.isClosed ? "COORDINATOR_NOT_AVAILABLE" : shard.status;
  }

  /** The same for requests that need a group's name. */
  refusal(shard: GroupShard, groupId: string): GroupErrorName {
    if (this.isClosed) return "COORDINATOR_NOT_AVAILABLE";
    return groupId === "" ? "INVALID_GROUP_ID" : shard.status;
  }
}
