/** Users who authenticate by SCRAM (KIP-554). Passwords do not leave this side: brokers get what is derived from them. */
import {
  alterUserScramCredentials as alterApi,
  describeUserScramCredentials as describeApi,
} from "@ottla/protocol";
import { type ScramHash, saltedPassword } from "@ottla/security";
import { throwIfError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import type { ItemResult } from "./results.ts";
import { errorOf, throwIfNotController } from "./topics.ts";

const MECHANISMS = { "SCRAM-SHA-256": 1, "SCRAM-SHA-512": 2 } as const;
const HASHES: Readonly<Record<ScramMechanism, ScramHash>> = {
  "SCRAM-SHA-256": "SHA-256",
  "SCRAM-SHA-512": "SHA-512",
};
const DEFAULT_ITERATIONS = 8192;
const SALT_BYTES = 24;

export type ScramMechanism = keyof typeof MECHANISMS;

export interface ScramUser extends ItemResult {
  readonly user: string;
  readonly credentials: readonly {
    readonly mechanism: ScramMechanism;
    readonly iterations: number;
  }[];
}

/** Sets a password, or removes it when it is null. */
export interface ScramChange {
  readonly user: string;
  readonly mechanism: ScramMechanism;
  readonly password: string | null;
  /** How slow guessing is made; 4,096 at least. Default: 8,192. */
  readonly iterations?: number;
}

export interface AlteredScramUser extends ItemResult {
  readonly user: string;
}

/** Of `users`, or of all. A user without credentials has the error RESOURCE_NOT_FOUND. */
export async function describeScramUsers(
  cluster: Cluster,
  users: readonly string[] | null,
  options: CallOptions,
): Promise<readonly ScramUser[]> {
  const { results } = await cluster.callAny(
    describeApi,
    { users: users === null ? null : users.map((name) => ({ name })) },
    ({ errorCode, errorMessage }) =>
      throwIfError(errorCode, "DescribeUserScramCredentials", errorMessage),
    options,
  );
  return results.map(({ user, errorCode, errorMessage, credentialInfos }) => ({
    user,
    credentials: credentialInfos.map(({ mechanism, iterations }) => ({
      mechanism: mechanism === MECHANISMS["SCRAM-SHA-512"] ? "SCRAM-SHA-512" : "SCRAM-SHA-256",
      iterations,
    })),
    error: errorOf(errorCode, `user ${user}`, errorMessage),
  }));
}

export async function alterScramUsers(
  cluster: Cluster,
  changes: readonly ScramChange[],
  options: CallOptions,
): Promise<readonly AlteredScramUser[]> {
  const deletions = changes
    .filter(({ password }) => password === null)
    .map(({ user, mechanism }) => ({ name: user, mechanism: MECHANISMS[mechanism] }));
  const upsertions = await Promise.all(
    changes.flatMap((change) => (change.password === null ? [] : [upsertion(cluster, change)])),
  );
  const { results } = await cluster.callController(
    alterApi,
    { deletions, upsertions },
    (answer) => throwIfNotController(answer.results, "AlterUserScramCredentials"),
    options,
  );
  return results.map(({ user, errorCode, errorMessage }) => ({
    user,
    error: errorOf(errorCode, `user ${user}`, errorMessage),
  }));
}

async function upsertion(cluster: Cluster, change: ScramChange) {
  const { user, mechanism, password, iterations = DEFAULT_ITERATIONS } = change;
  const salt = cluster.options.random.bytes(SALT_BYTES);
  const salted = await saltedPassword(HASHES[mechanism], password ?? "", salt, iterations);
  const code = MECHANISMS[mechanism];
  return { name: user, mechanism: code, iterations, salt, saltedPassword: salted };
}
