/** Options and arguments of a command: what they mean, how they are read, and the type of what comes out. */
import type { Parse } from "./value.ts";

export interface Option<T> {
  readonly about: string;
  /** What stands for the value in the help; null for flags, which have none. */
  readonly placeholder: string | null;
  readonly short: string | null;
  readonly isRepeatable: boolean;
  /** Shown in the help; null when there is nothing to say. */
  readonly defaultText: string | null;
  /** Under which heading the help lists it; null for the command's own. */
  readonly heading: string | null;
  /** From all values given, in order; from an empty list when the option is absent. */
  read(values: readonly string[]): T;
}

export type Options = Readonly<Record<string, Option<unknown>>>;

/** The values of options, by their keys. */
export type ValuesOf<O extends Options> = {
  readonly [K in keyof O]: O[K] extends Option<infer T> ? T : never;
};

interface Wording {
  readonly about: string;
  readonly placeholder: string;
  readonly short?: string;
  /** What happens without the option, for the help. */
  readonly defaultText?: string;
}

export function flag(wording: {
  readonly about: string;
  readonly short?: string;
}): Option<boolean> {
  return {
    about: wording.about,
    placeholder: null,
    short: wording.short ?? null,
    isRepeatable: false,
    defaultText: null,
    heading: null,
    read: (values) => values.length > 0,
  };
}

/** An option that may be absent: null then. */
export function optional<T>(parse: Parse<T>, wording: Wording): Option<T | null> {
  return {
    about: wording.about,
    placeholder: wording.placeholder,
    short: wording.short ?? null,
    isRepeatable: false,
    defaultText: wording.defaultText ?? null,
    heading: null,
    read: ([value]) => (value === undefined ? null : parse(value)),
  };
}

export function withDefault<T>(parse: Parse<T>, fallback: T, wording: Wording): Option<T> {
  return {
    about: wording.about,
    placeholder: wording.placeholder,
    short: wording.short ?? null,
    isRepeatable: false,
    defaultText: wording.defaultText ?? String(fallback),
    heading: null,
    read: ([value]) => (value === undefined ? fallback : parse(value)),
  };
}

export function repeated<T>(parse: Parse<T>, wording: Wording): Option<readonly T[]> {
  return {
    about: wording.about,
    placeholder: wording.placeholder,
    short: wording.short ?? null,
    isRepeatable: true,
    defaultText: wording.defaultText ?? null,
    heading: null,
    read: (values) => values.map(parse),
  };
}

/** The same options, listed under a heading of their own. */
export function under<O extends Options>(heading: string, options: O): O {
  const entries = Object.entries(options).map(([key, option]) => [key, { ...option, heading }]);
  return Object.fromEntries(entries) as O;
}

/** A word without dashes. */
export interface Argument<T> {
  readonly about: string;
  readonly placeholder: string;
  readonly min: 0 | 1;
  readonly max: number;
  read(values: readonly string[]): T;
}

export type Arguments = readonly Argument<unknown>[];

export type ArgumentValuesOf<A extends Arguments> = {
  readonly [K in keyof A]: A[K] extends Argument<infer T> ? T : never;
};

export function argument(placeholder: string, about: string): Argument<string> {
  return { about, placeholder, min: 1, max: 1, read: ([value]) => value! };
}

/** One or more words; the last argument of its command. */
export function someArguments(placeholder: string, about: string): Argument<readonly string[]>;
export function someArguments<T>(
  placeholder: string,
  about: string,
  parse: Parse<T>,
): Argument<readonly T[]>;
export function someArguments(
  placeholder: string,
  about: string,
  parse: Parse<unknown> = (word) => word,
): Argument<readonly unknown[]> {
  const read = (values: readonly string[]) => values.map(parse);
  return { about, placeholder, min: 1, max: Number.POSITIVE_INFINITY, read };
}

/** Any number of words, none included; the last argument of its command. */
export function anyArguments<T>(
  placeholder: string,
  about: string,
  parse: Parse<T>,
): Argument<readonly T[]> {
  return { ...someArguments(placeholder, about, parse), min: 0 };
}

/** The way an option is written: `dataDir` is `--data-dir`. */
export function optionName(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}
