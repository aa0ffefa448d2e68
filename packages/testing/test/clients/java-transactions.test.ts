import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { before, suite, test } from "node:test";
import { RestartableBroker } from "../../src/clients/harness.ts";
import { type Observation, runJavaProgram } from "../../src/java/programs.ts";
import { javaTool } from "../../src/reference-kafka/java.ts";

const seed = Number(process.env.OTTLA_SEED ?? randomInt(2 ** 31));
/** What a producer whose transaction took too long is told, by the level of transaction.version that its client goes by. */
const TOO_LATE: Readonly<Record<number, unknown>> = {
  2: { commit: "InvalidTxnStateException", abort: "KafkaException" },
  0: { commit: "ProducerFencedException", abort: "ProducerFencedException" },
};

for (const version of [2, 0]) {
  suite(`Java's transactional producer with transaction.version ${version}`, () => {
    let observations: readonly Observation[];

    before(async () => {
      await using broker = await RestartableBroker.start({
        "transaction.abort.timed.out.transaction.cleanup.interval.ms": "200",
      });
      if (version < 2) await downgrade(broker.bootstrap, version);
      observations = await runJavaProgram("TransactionStories", [broker.bootstrap, String(seed)]);
    });

    function told(about: string): Observation[] {
      return observations.filter((each) => each.about === about);
    }

    /** The only observation under this name, without its name. */
    function only(about: string): Omit<Observation, "about"> {
      const [{ about: _, ...rest } = { about }, ...more] = told(about);
      assert.equal(more.length, 0);
      return rest;
    }

    test("TX9, TX11: it commits and aborts with every codec; a committed reader sees what was committed", () => {
      const stories = told("commits and aborts");
      assert.deepEqual(
        stories.map(({ codec }) => codec),
        ["none", "gzip", "snappy", "lz4", "zstd"],
      );
      const values = (partition: number, transactions: readonly number[]): string[] =>
        transactions.flatMap((transaction) =>
          Array.from({ length: 10 }, (_, turn) => {
            const index = turn * 3 + partition;
            return `${transaction}/${index} ${"äöü".repeat(index)}`;
          }),
        );
      const expected = (transactions: readonly number[]) =>
        Object.fromEntries([0, 1, 2].map((each) => [String(each), values(each, transactions)]));
      for (const { committed, all } of stories) {
        assert.deepEqual(committed, expected([0, 2, 4]));
        assert.deepEqual(all, expected([0, 1, 2, 3, 4]));
      }
    });

    test("TX11: an open transaction holds back what is behind it from committed readers", () => {
      assert.deepEqual(only("an open transaction"), {
        committed: [],
        all: ["early", "late"],
        lastStable: 0,
        end: 3,
      });
      assert.deepEqual(only("after it"), { committed: ["early", "late"], lastStable: 4, end: 4 });
    });

    test("TX2, TX4: it is fenced by another of its transactional id, and its transaction aborted", () => {
      assert.deepEqual(only("fencing"), {
        commit: "ProducerFencedException",
        begin: "ProducerFencedException",
        committed: ["owner"],
        all: ["zombie", "owner"],
      });
    });

    test("TX14: a transaction open longer than its timeout is aborted", () => {
      assert.deepEqual(only("timeout"), TOO_LATE[version]);
      assert.deepEqual(only("after the timeout"), { committed: ["in time"] });
    });

    test("TX13: offsets in a transaction are seen when it commits, not before and not when it aborts", () => {
      assert.deepEqual(only("offsets"), {
        whileOpen: "TimeoutException",
        pending: null,
        afterCommit: 3,
        afterAbort: 3,
        outdated: "CommitFailedException",
        end: 3,
      });
    });

    test("a refused record spoils its transaction only", () => {
      const { commit, ...rest } = only("a refused record");
      assert.deepEqual(rest, { send: "RecordTooLargeException", committed: ["again"] });
      // The refusal itself, or what the producer makes of it, as it comes to know of it.
      assert.match(String(commit), /^(RecordTooLarge|Kafka)Exception$/);
    });

    test("TX8: transactions with nothing in them leave nothing behind", () => {
      assert.deepEqual(only("nothing in it"), { committed: ["something"], end: 2 });
    });

    test("TX17: Java's admin client lists, describes, aborts and fences", () => {
      assert.deepEqual(only("looking around"), {
        listed: "Ongoing",
        described: "Ongoing",
        partitions: ["looking-0"],
        timeoutMs: 60_000,
        sameProducer: true,
        lastSequence: 0,
        startOffset: 0,
      });
      assert.deepEqual(only("aborted by hand"), {
        abort: "none",
        lastStable: 2,
        end: 2,
        startOffset: false,
      });
      assert.deepEqual(only("fenced by hand"), {
        commit: "ProducerFencedException",
        committed: [],
      });
    });

    test("TX11: four Java producers in the same partitions, random aborts: committed readers see exactly the committed", () => {
      const { failures, expected, committed } = only("many at once");
      assert.equal(failures, 0, `OTTLA_SEED=${seed}`);
      assert.deepEqual(committed, expected, `OTTLA_SEED=${seed}`);
      assert.ok((committed as string[]).length > 50);
    });
  });
}

/** As an operator does who must wait for clients with KIP-890. */
async function downgrade(bootstrap: string, version: number): Promise<void> {
  const tool = "org.apache.kafka.tools.FeatureCommand";
  const feature = ["--feature", `transaction.version=${version}`];
  const result = await javaTool(tool, ["--bootstrap-server", bootstrap, "downgrade", ...feature]);
  assert.equal(result.code, 0, result.stdout + result.stderr);
}
