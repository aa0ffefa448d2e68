/** What must not compile, checked by `tsc`: a marked line that starts to compile is an error of its own. Nothing here is run. */
import type {
  Client,
  ClientOptions,
  ConfigSource,
  ConsumerOptions,
  Delivery,
  ProducerOptions,
  SaslOptions,
  TransactionalProducerState,
  TransactionState,
} from "@ottla/client";

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
type Expect<T extends true> = T;

export function misuse(client: Client): unknown[] {
  const keys: [ClientOptions, ProducerOptions, ConsumerOptions] = [
    // @ts-expect-error Kafka's own key
    { "bootstrap.servers": "h:1" },
    // @ts-expect-error another library's key
    { lingerMS: 5 },
    // @ts-expect-error another library's key
    { fromBeginning: true },
  ];
  // @ts-expect-error acks has names
  const acks: ProducerOptions = { acks: -1 };
  // @ts-expect-error no such policy
  const reset: ConsumerOptions = { autoOffsetReset: "smallest" };
  // @ts-expect-error no such level
  const isolation: ConsumerOptions = { isolationLevel: 1 };
  // @ts-expect-error bootstrapServers is required
  const nowhere: ClientOptions = { clientId: "x" };
  const sasl: SaslOptions[] = [
    // @ts-expect-error no such mechanism
    { mechanism: "SCRAM-SHA-1", username: "u", password: "p" },
    // @ts-expect-error PLAIN has a password
    { mechanism: "PLAIN", username: "u" },
    // @ts-expect-error OAUTHBEARER has no password
    { mechanism: "OAUTHBEARER", password: "p" },
  ];
  // @ts-expect-error a transactional producer has an id
  const anonymous = client.transactionalProducer({});
  // @ts-expect-error a record has a topic
  const nowhereTo = client.producer().send({ value: "x" });
  // @ts-expect-error numbers are not bytes
  const number = client.producer().send({ topic: "t", value: 1 });
  // @ts-expect-error a place to look is named or a time
  const offset = client.admin.listOffsets([{ topic: "t", partition: 0, at: "end" }]);
  // @ts-expect-error what has configuration is a closed list
  const config = client.admin.describeConfigs([{ type: "queue", name: "q" }]);
  return [
    keys,
    acks,
    reset,
    isolation,
    nowhere,
    sasl,
    anonymous,
    nowhereTo,
    number,
    offset,
    config,
  ];
}

/** A switch without a case for every state does not compile under a return type that is not undefined. */
export function unhandled(state: TransactionalProducerState, other: TransactionState): string[] {
  // @ts-expect-error not all states are handled
  function incomplete(): string {
    switch (state) {
      case "ready":
        return "ready";
    }
  }
  // @ts-expect-error not all states are handled
  const names: Record<TransactionState, string> = { Ongoing: "open" };
  return [incomplete(), names[other]];
}

export type Shapes = [
  Expect<Equal<Delivery["offset"], number>>,
  Expect<Equal<Extract<ConfigSource, "topic">, "topic">>,
  Expect<Equal<Awaited<ReturnType<Client["close"]>>, void>>,
];
