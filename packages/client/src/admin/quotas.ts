/** Quotas of users, client ids and addresses (KIP-546, KIP-612). */
import {
  alterClientQuotas as alterClientQuotasApi,
  describeClientQuotas as describeClientQuotasApi,
} from "@ottla/protocol";
import { throwIfError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import type { ItemResult } from "./results.ts";
import { type ChangeOptions, errorOf, throwIfNotController } from "./topics.ts";

/** Whom a quota is for. Null stands for the default of all that have none of their own. */
export interface QuotaEntity {
  readonly user?: string | null;
  readonly clientId?: string | null;
  readonly ip?: string | null;
}

/** By Kafka's keys. */
export interface QuotaValues {
  readonly producer_byte_rate?: number;
  readonly consumer_byte_rate?: number;
  readonly request_percentage?: number;
  readonly controller_mutation_rate?: number;
  readonly connection_creation_rate?: number;
}

export interface ClientQuota {
  readonly entity: QuotaEntity;
  readonly values: QuotaValues;
}

/** Null removes a quota. */
export interface QuotaChange {
  readonly entity: QuotaEntity;
  readonly changes: { readonly [K in keyof QuotaValues]?: number | null };
}

export interface AlteredQuota extends ItemResult {
  readonly entity: QuotaEntity;
}

export interface DescribeQuotasOptions extends CallOptions {
  /** Only entities of exactly the kinds that are named. Default: false. */
  readonly strict?: boolean;
}

const ENTITY_TYPES = { user: "user", clientId: "client-id", ip: "ip" } as const;
const MATCH_EXACT = 0;
const MATCH_DEFAULT = 1;
const MATCH_ANY = 2;

type EntityKey = keyof typeof ENTITY_TYPES;

/** A name to look for, null for the default, or `any` for all that have one. */
export type QuotaFilter = { readonly [K in EntityKey]?: string | null | { readonly any: true } };

export async function describeClientQuotas(
  cluster: Cluster,
  filter: QuotaFilter,
  options: DescribeQuotasOptions,
): Promise<readonly ClientQuota[]> {
  const keys = (Object.keys(ENTITY_TYPES) as EntityKey[]).filter(
    (key) => filter[key] !== undefined,
  );
  const components = keys.map((key) => {
    const match = filter[key];
    const isName = typeof match === "string";
    return {
      entityType: ENTITY_TYPES[key],
      matchType: isName ? MATCH_EXACT : match === null ? MATCH_DEFAULT : MATCH_ANY,
      match: isName ? match : null,
    };
  });
  const { entries } = await cluster.callAny(
    describeClientQuotasApi,
    { components, strict: options.strict ?? false },
    ({ errorCode, errorMessage }) => throwIfError(errorCode, "DescribeClientQuotas", errorMessage),
    options,
  );
  return (entries ?? []).map(({ entity, values }) => ({
    entity: toEntity(entity),
    values: Object.fromEntries(values.map(({ key, value }) => [key, value])) as QuotaValues,
  }));
}

export async function alterClientQuotas(
  cluster: Cluster,
  changes: readonly QuotaChange[],
  options: ChangeOptions,
): Promise<readonly AlteredQuota[]> {
  const { entries } = await cluster.callController(
    alterClientQuotasApi,
    {
      entries: changes.map(({ entity, changes: values }) => ({
        entity: fromEntity(entity),
        ops: Object.entries(values).map(([key, value]) => ({
          key,
          value: value ?? 0,
          remove: value === null,
        })),
      })),
      validateOnly: options.validateOnly ?? false,
    },
    (answer) => throwIfNotController(answer.entries, "AlterClientQuotas"),
    options,
  );
  return entries.map(({ entity, errorCode, errorMessage }) => ({
    entity: toEntity(entity),
    error: errorOf(errorCode, `quotas of ${JSON.stringify(toEntity(entity))}`, errorMessage),
  }));
}

function fromEntity(entity: QuotaEntity) {
  return (Object.keys(ENTITY_TYPES) as EntityKey[])
    .filter((key) => entity[key] !== undefined)
    .map((key) => ({ entityType: ENTITY_TYPES[key], entityName: entity[key] ?? null }));
}

function toEntity(
  parts: readonly { readonly entityType: string; readonly entityName: string | null }[],
): QuotaEntity {
  const keyOf = (type: string) =>
    (Object.keys(ENTITY_TYPES) as EntityKey[]).find((key) => ENTITY_TYPES[key] === type) ?? type;
  return Object.fromEntries(
    parts.map(({ entityType, entityName }) => [keyOf(entityType), entityName]),
  );
}
