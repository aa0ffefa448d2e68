/**
 * kafka-python's own integration tests, from its source distribution. That lacks two files its fixtures import; `SERVICE` and an empty
 * `__init__` stand in for them, and only for a broker that is started by us.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { cachedDirectory } from "../cache.ts";
import { startBroker } from "../clients/harness.ts";
import { installPython, KAFKA_PYTHON_VERSION } from "../install/python.ts";
import { run, runOrThrow } from "../process/child.ts";
import { junitResult } from "./junit.ts";
import type { Suite, SuiteResult } from "./suite.ts";

const SUITES = ["admin", "consumer", "producer"];

const PROPERTIES: Readonly<Record<string, string>> = {
  "node.id": "0",
  "num.partitions": "4",
  "group.min.session.timeout.ms": "1000",
  "group.initial.rebalance.delay.ms": "100",
};

/** Apache Kafka needs an authorizer for the tests of access rules. */
const KAFKA_PROPERTIES: Readonly<Record<string, string>> = {
  "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
  "allow.everyone.if.no.acl.found": "true",
  "super.users": "User:ANONYMOUS",
};

/** A case wants to see this key as given at start, as the reference's own properties file gives it; 0 stands for the port that is bound. */
const OTTLA_PROPERTIES: Readonly<Record<string, string>> = {
  "advertised.listeners": "PLAINTEXT://127.0.0.1:0",
};

const SERVICE = `"""Stands in for the module of that name: the broker is started by somebody else."""


class ExternalService:
    def __init__(self, host, port):
        self.host = host
        self.port = port

    def open(self):
        pass

    def start(self):
        pass

    def stop(self):
        pass

    def join(self):
        pass


class SpawnedService(ExternalService):
    def __init__(self, *args, **kwargs):
        raise NotImplementedError("brokers are started from outside")
`;

export const kafkaPython: Suite = {
  name: "kafka-python",
  title: `kafka-python ${KAFKA_PYTHON_VERSION}, test/integration (${SUITES.join(", ")})`,
  async run(kind): Promise<SuiteResult> {
    const python = await installPython();
    const source = await fetchSource(python);
    const own = kind === "ottla" ? OTTLA_PROPERTIES : KAFKA_PROPERTIES;
    const properties = { ...PROPERTIES, ...own };
    await using broker = await startBroker[kind]({ properties });
    const report = join(broker.dataDirectory, "kafka-python.xml");
    const tests = SUITES.map((each) => `test/integration/test_${each}_integration.py`);
    const options = ["-q", "-p", "no:cacheprovider", "--timeout", "120", `--junitxml=${report}`];
    const { stdout, stderr } = await run(python, ["-m", "pytest", ...options, ...tests], {
      cwd: source,
      env: {
        KAFKA_VERSION: "4.3.0",
        KAFKA_ROOT: source, // Any folder: nothing in it is run.
        KAFKA_URI: `kafka://127.0.0.1:${broker.port}`,
        PYTHONDONTWRITEBYTECODE: "1",
      },
      timeoutMs: 1_200_000,
    });
    const xml = await readFile(report, "utf8").catch(() => null);
    if (xml === null) throw new Error(`pytest wrote no report:\n${stdout}${stderr}`);
    return junitResult(xml);
  },
};

/** The unpacked source distribution with its stand-ins, in the cache. */
async function fetchSource(python: string): Promise<string> {
  const directory = await cachedDirectory(
    "kafka-python-source",
    `${KAFKA_PYTHON_VERSION}${SERVICE}`,
    async (draft) => {
      const what = `kafka-python==${KAFKA_PYTHON_VERSION}`;
      const options = ["--quiet", "--no-deps", "--no-binary", ":all:", "--dest", draft];
      await runOrThrow(python, ["-m", "pip", "download", ...options, what]);
      const archive = (await readdir(draft)).find((name) => name.endsWith(".tar.gz"));
      if (archive === undefined) throw new Error(`no source distribution of ${what}`);
      await runOrThrow("tar", ["-xzf", join(draft, archive), "-C", draft, "--strip-components=1"]);
      await writeFile(join(draft, "test/__init__.py"), "");
      await writeFile(join(draft, "test/service.py"), SERVICE);
    },
  );
  return directory;
}
