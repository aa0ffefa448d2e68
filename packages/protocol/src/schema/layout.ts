import type { Field, FieldOptions, Shape } from "./fields.ts";
import { includesVersion, parseVersions } from "./versions.ts";

/** Where a field stands in one version: among the plain fields, in the tagged section, or nowhere. */
export type Presence = "plain" | "tagged" | "absent";

export interface Member {
  readonly name: string;
  readonly field: Field;
  readonly presence: Presence;
  /** Whether null is legal in this version. */
  readonly nullable: boolean;
  /** Whether lengths are varints in this version. */
  readonly compact: boolean;
}

/** What one version of a shape looks like; `tagged` holds the tagged members by rising tag. */
export interface Layout {
  readonly members: readonly Member[];
  readonly plain: readonly Member[];
  readonly tagged: readonly Member[];
}

/** Resolves the version ranges of `shape` for one version. */
export function layoutOf(shape: Shape, version: number, flexible: boolean): Layout {
  const members = Object.keys(shape).map((name) => memberOf(name, shape[name]!, version, flexible));
  return {
    members,
    plain: members.filter((member) => member.presence === "plain"),
    tagged: members
      .filter((member) => member.presence === "tagged")
      .sort((a, b) => a.field.options.tag! - b.field.options.tag!),
  };
}

/** A field as a member of its own, for the elements of an array. */
export function memberOf(name: string, field: Field, version: number, flexible: boolean): Member {
  const { options } = field;
  return {
    name,
    field,
    presence: presenceOf(options, version),
    nullable: field.nullable && isIn(options.nullableVersions, version),
    compact: flexible && options.flexible === undefined,
  };
}

function presenceOf(options: FieldOptions, version: number): Presence {
  if (!isIn(options.versions, version)) {
    return "absent";
  }
  return options.tag !== undefined && isIn(options.taggedVersions, version) ? "tagged" : "plain";
}

function isIn(versions: string | undefined, version: number): boolean {
  return versions === undefined || includesVersion(parseVersions(versions), version);
}
