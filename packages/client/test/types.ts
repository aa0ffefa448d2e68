/** What must not compile, checked by `tsc`: a marked line that starts to compile is an error of its own. Nothing here is run. */
import type {
  AcknowledgeType,
  Client,
  ClientOptions,
  ConfigSource,
  ConsumerOptions,
  ConsumerRecord,
  Delivery,
  ProducerOptions,
  QuotaChange,
  SaslOptions,
  ShareConsumerOptions,
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
  // @ts-expect-error no such protocol
  const protocol: ConsumerOptions = { groupId: "g", groupProtocol: "new" };
  // @ts-expect-error topics, an expression or a pattern
  client.consumer({ groupId: "g" }).subscribe("orders");
  // @ts-expect-error a share consumer has a group
  const groupless = client.shareConsumer({});
  // @ts-expect-error the ways to acknowledge are named
  const share: ShareConsumerOptions = { groupId: "g", acknowledgement: "auto" };
  // @ts-expect-error what becomes of a record is a closed list
  const verdict: AcknowledgeType = "done";
  // @ts-expect-error a consumer's record was not acquired
  client.shareConsumer({ groupId: "g" }).acknowledge({} as ConsumerRecord);
  // @ts-expect-error operations have names
  const acls = client.admin.describeAcls({ operation: 3 });
  // @ts-expect-error quotas have Kafka's keys
  const quota: QuotaChange = { entity: { user: "u" }, changes: { producerByteRate: 1 } };
  // @ts-expect-error users have SCRAM's mechanisms
  const scram = client.admin.alterScramUsers([{ user: "u", mechanism: "PLAIN", password: "p" }]);
  return [
    protocol,
    groupless,
    share,
    verdict,
    acls,
    quota,
    scram,
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
