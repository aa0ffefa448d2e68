import { InvalidReplication } from "./errors.ts";

/**
 * Broker ids by partition, preferred leader first: leaders go round the brokers from `start` on, and the copies of a partition follow its leader. With one
 * copy of the data on disk this says who answers for a partition, not where bytes are.
 *
 * @param brokers ids of all brokers, in a fixed order; not empty.
 * @param start index of the broker that leads the first partition; any whole number.
 * @throws {InvalidReplication} when the factor is not between 1 and the number of brokers.
 */
export function assignReplicas(
  brokers: readonly number[],
  partitions: number,
  replicationFactor: number,
  start = 0,
): number[][] {
  if (replicationFactor < 1) {
    throw new InvalidReplication("Replication factor must be larger than 0.");
  }
  if (replicationFactor > brokers.length) {
    throw new InvalidReplication(
      `Unable to replicate the partition ${replicationFactor} time(s): The target replication factor of ${replicationFactor} cannot be reached because only ${brokers.length} broker(s) are registered.`,
    );
  }
  return Array.from({ length: partitions }, (_, partition) =>
    Array.from(
      { length: replicationFactor },
      (_, copy) => brokers[(start + partition + copy) % brokers.length]!,
    ),
  );
}
