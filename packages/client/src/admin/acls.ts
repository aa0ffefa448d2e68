/** Who may do what: access control lists (KIP-11, KIP-290). */
import {
  createAcls as createAclsApi,
  deleteAcls as deleteAclsApi,
  describeAcls as describeAclsApi,
} from "@ottla/protocol";
import { throwIfError } from "../broker-error.ts";
import type { CallOptions, Cluster } from "../cluster.ts";
import type { ItemResult } from "./results.ts";
import { errorOf, throwIfNotController } from "./topics.ts";

const RESOURCE_TYPES = {
  topic: 2,
  group: 3,
  cluster: 4,
  "transactional-id": 5,
  "delegation-token": 6,
  user: 7,
} as const;

const PATTERN_TYPES = { literal: 3, prefixed: 4 } as const;

const OPERATIONS = {
  all: 2,
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  "cluster-action": 9,
  "describe-configs": 10,
  "alter-configs": 11,
  "idempotent-write": 12,
  "create-tokens": 13,
  "describe-tokens": 14,
  "two-phase-commit": 15,
} as const;

const PERMISSIONS = { deny: 2, allow: 3 } as const;

const ANY = 1;
const MATCH = 2;

export type AclResourceType = keyof typeof RESOURCE_TYPES;
export type AclPatternType = keyof typeof PATTERN_TYPES;
export type AclOperation = keyof typeof OPERATIONS;
export type AclPermission = keyof typeof PERMISSIONS;

export interface Acl {
  readonly resourceType: AclResourceType;
  /** A name, a prefix of names, or `*`; `kafka-cluster` for the cluster. */
  readonly resourceName: string;
  readonly patternType: AclPatternType;
  /** Such as `User:alice` or `User:*`. */
  readonly principal: string;
  /** An address, or `*`. */
  readonly host: string;
  readonly operation: AclOperation;
  readonly permission: AclPermission;
}

/** What is left out matches everything. */
export interface AclFilter extends Partial<Omit<Acl, "patternType">> {
  /** `match`: every entry that applies to a resource of the name, whatever its pattern. Default: any. */
  readonly patternType?: AclPatternType | "match" | "any";
}

export interface CreatedAcl extends ItemResult {
  readonly acl: Acl;
}

export interface DeletedAcls extends ItemResult {
  readonly filter: AclFilter;
  /** What matched; each may have failed alone. */
  readonly matched: readonly CreatedAcl[];
}

export async function describeAcls(
  cluster: Cluster,
  filter: AclFilter,
  options: CallOptions,
): Promise<readonly Acl[]> {
  const fields = filterFields(filter);
  const { resources } = await cluster.callAny(
    describeAclsApi,
    fields,
    ({ errorCode, errorMessage }) => throwIfError(errorCode, "DescribeAcls", errorMessage),
    options,
  );
  return resources.flatMap(({ acls, ...resource }) => acls.map((acl) => toAcl(resource, acl)));
}

export async function createAcls(
  cluster: Cluster,
  acls: readonly Acl[],
  options: CallOptions,
): Promise<readonly CreatedAcl[]> {
  const { results } = await cluster.callController(
    createAclsApi,
    {
      creations: acls.map((acl) => ({
        resourceType: RESOURCE_TYPES[acl.resourceType],
        resourceName: acl.resourceName,
        resourcePatternType: PATTERN_TYPES[acl.patternType],
        principal: acl.principal,
        host: acl.host,
        operation: OPERATIONS[acl.operation],
        permissionType: PERMISSIONS[acl.permission],
      })),
    },
    (answer) => throwIfNotController(answer.results, "CreateAcls"),
    options,
  );
  return acls.map((acl, index) => {
    const { errorCode = -1, errorMessage = null } = results[index] ?? {};
    return { acl, error: errorOf(errorCode, `ACL of ${acl.principal}`, errorMessage) };
  });
}

export async function deleteAcls(
  cluster: Cluster,
  filters: readonly AclFilter[],
  options: CallOptions,
): Promise<readonly DeletedAcls[]> {
  const { filterResults } = await cluster.callController(
    deleteAclsApi,
    { filters: filters.map(filterFields) },
    (answer) => throwIfNotController(answer.filterResults, "DeleteAcls"),
    options,
  );
  return filters.map((filter, index) => {
    const { errorCode = -1, errorMessage = null, matchingAcls = [] } = filterResults[index] ?? {};
    const matched = matchingAcls.map((match) => ({
      acl: toAcl(match, match),
      error: errorOf(match.errorCode, `ACL of ${match.principal}`, match.errorMessage),
    }));
    return { filter, matched, error: errorOf(errorCode, "ACL filter", errorMessage) };
  });
}

function filterFields(filter: AclFilter) {
  const { resourceType, patternType, operation, permission } = filter;
  return {
    resourceTypeFilter: resourceType === undefined ? ANY : RESOURCE_TYPES[resourceType],
    resourceNameFilter: filter.resourceName ?? null,
    patternTypeFilter:
      patternType === undefined || patternType === "any"
        ? ANY
        : patternType === "match"
          ? MATCH
          : PATTERN_TYPES[patternType],
    principalFilter: filter.principal ?? null,
    hostFilter: filter.host ?? null,
    operation: operation === undefined ? ANY : OPERATIONS[operation],
    permissionType: permission === undefined ? ANY : PERMISSIONS[permission],
  };
}

function toAcl(
  resource: {
    readonly resourceType: number;
    readonly resourceName: string;
    readonly patternType: number;
  },
  acl: {
    readonly principal: string;
    readonly host: string;
    readonly operation: number;
    readonly permissionType: number;
  },
): Acl {
  return {
    resourceType: nameOf(RESOURCE_TYPES, resource.resourceType),
    resourceName: resource.resourceName,
    patternType: nameOf(PATTERN_TYPES, resource.patternType),
    principal: acl.principal,
    host: acl.host,
    operation: nameOf(OPERATIONS, acl.operation),
    permission: nameOf(PERMISSIONS, acl.permissionType),
  };
}

/** The name of a code; codes of later versions are shown as they are. */
function nameOf<N extends string>(names: Readonly<Record<N, number>>, code: number): N {
  const entry = Object.entries(names).find(([, value]) => value === code);
  return (entry?.[0] ?? `unknown-${code}`) as N;
}
