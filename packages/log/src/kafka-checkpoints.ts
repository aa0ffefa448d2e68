/**
 * The four offset files that Kafka keeps at the top of a log directory, for tools that look at them. The engine never reads them: its own
 * checkpoint says more. Format: version, number of lines, then `topic partition offset`.
 */
import type { EngineState } from "./engine-state.ts";
import type { PartitionLog } from "./partition-log.ts";

export async function writeKafkaCheckpoints(state: EngineState): Promise<void> {
  const flushed: string[] = [];
  const starts: string[] = [];
  const watermarks: string[] = [];
  const cleaned: string[] = [];
  for (const log of everyLog(state)) {
    if (log.logEnd === 0) continue;
    flushed.push(line(log, log.writtenOffset));
    watermarks.push(line(log, log.highWatermark));
    if (log.cleanedOffset >= 0) cleaned.push(line(log, log.cleanedOffset));
    const first = log.segments[0]?.baseOffset ?? log.logStart;
    if (log.logStart > first) starts.push(line(log, log.logStart));
  }
  await write(state, "recovery-point-offset-checkpoint", flushed);
  await write(state, "log-start-offset-checkpoint", starts);
  await write(state, "replication-offset-checkpoint", watermarks);
  await write(state, "cleaner-offset-checkpoint", cleaned);
}

function* everyLog(state: EngineState): Iterable<PartitionLog> {
  for (const topic of state.allTopics()) {
    for (const partition of state.recovered.partitionsOf(topic.id)) {
      const log = state.recovered.peek(topic, partition);
      if (log !== null) yield log;
    }
    for (const log of topic.logs) if (log !== undefined) yield log;
  }
}

function line(log: PartitionLog, offset: number): string {
  return `${log.topic.name} ${log.partition} ${offset}\n`;
}

function write(state: EngineState, name: string, lines: readonly string[]): Promise<void> {
  const { fileSystem, directory } = state.options;
  const bytes = Buffer.from(`0\n${lines.length}\n${lines.join("")}`);
  return fileSystem.writeFileAtomic(`${directory}/${name}`, bytes);
}
