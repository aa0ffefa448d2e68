import type { BrokerServer } from "../process/server.ts";
import { type Scenario, Session } from "./session.ts";
import type { Step } from "./transcript.ts";

/** What both brokers are started with, so that scenarios take no longer than they must. */
export const DIFFERENTIAL_PROPERTIES: Readonly<Record<string, string>> = {
  "node.id": "1",
  "group.initial.rebalance.delay.ms": "0",
  "group.min.session.timeout.ms": "500",
  "broker.rack": "rack-1",
  "offsets.topic.num.partitions": "10",
  "transaction.state.log.num.partitions": "10",
  "transaction.abort.timed.out.transaction.cleanup.interval.ms": "100",
};

/** Plays scenarios against a running broker, one after the other. A scenario that breaks off leaves a step that says why. */
export async function playScenarios(
  broker: BrokerServer,
  scenarios: readonly Scenario[],
  startedAt: number,
): Promise<Step[]> {
  const steps: Step[] = [];
  for (const scenario of scenarios) {
    const session = new Session(scenario.name, broker.port, startedAt);
    try {
      await scenario.run(session);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      session.note("broke off", { reason });
    }
    session.close();
    steps.push(...session.steps);
  }
  return steps;
}
