/** From the words of a command line to a command and its values. The splitting is `node:util`'s; what it means is decided here. */
import { parseArgs } from "node:util";
import { UsageFailure } from "../errors.ts";
import { type Command, type CommandGroup, type CommandNode, isGroup } from "./command.ts";
import { type Options, optionName } from "./option.ts";
import { didYouMean } from "./suggest.ts";
import { InvalidValue } from "./value.ts";

/** Where the words lead: a group or a command, or the help of one. */
export interface Route {
  /** The words that led there. */
  readonly path: readonly string[];
  readonly node: CommandNode;
  /** What is left for the command. */
  readonly rest: readonly string[];
  readonly wantsHelp: boolean;
}

/** Follows the words into the tree. @throws {UsageFailure} for a word that names no command */
export function route(root: CommandGroup, words: readonly string[]): Route {
  let wantsHelp = false;
  let rest = words;
  if (rest[0] === "help") {
    wantsHelp = true;
    rest = rest.slice(1);
  }
  const path: string[] = [];
  let node: CommandNode = root;
  while (isGroup(node)) {
    const word = rest[0];
    if (word === undefined) break;
    if (word === "--help" || word === "-h") {
      return { path, node, rest: rest.slice(1), wantsHelp: true };
    }
    const { children }: CommandGroup = node;
    if (!Object.hasOwn(children, word)) throw unknownCommand(path, word, Object.keys(children));
    path.push(word);
    node = children[word]!;
    rest = rest.slice(1);
  }
  return { path, node, rest, wantsHelp };
}

function unknownCommand(path: readonly string[], word: string, names: readonly string[]) {
  const before = path.length === 0 ? "" : `${path.join(" ")} `;
  if (word.startsWith("-")) {
    return new UsageFailure(`"${word}" comes too early: options follow the command`, [
      `Commands: ${names.map((name) => before + name).join(", ")}`,
    ]);
  }
  const hints = didYouMean(word, names, before);
  return new UsageFailure(
    `unknown command "${before}${word}"`,
    hints.length > 0 ? hints : [`Commands: ${names.map((name) => before + name).join(", ")}`],
  );
}

/** What a command line says, before it is made sense of. */
export interface Words {
  readonly wantsHelp: boolean;
  readonly positionals: readonly string[];
  /** By option key. */
  readonly values: ReadonlyMap<string, readonly string[]>;
}

/** Splits the words of a command. @throws {UsageFailure} for options it does not have or that lack their value */
export function splitWords(options: Options, words: readonly string[]): Words {
  const keys = new Map(Object.keys(options).map((key) => [optionName(key), key]));
  const { tokens } = parseArgs({
    args: [...words],
    options: {
      help: { type: "boolean", short: "h" },
      ...Object.fromEntries(
        [...keys].map(([name, key]) => {
          const { placeholder, short } = options[key]!;
          const type = placeholder === null ? ("boolean" as const) : ("string" as const);
          return [name, { type, ...(short === null ? {} : { short }) }];
        }),
      ),
    },
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  let wantsHelp = false;
  const positionals: string[] = [];
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    if (token.name === "help") {
      wantsHelp = true;
      continue;
    }
    const key = keys.get(token.name);
    if (key === undefined) throw unknownOption(token.rawName, [...keys.keys(), "help"]);
    const option = options[key]!;
    const given = values.get(key) ?? [];
    values.set(key, given);
    if (option.placeholder === null) {
      if (token.value !== undefined) throw new UsageFailure(`${token.rawName} takes no value`);
      given.push("");
      continue;
    }
    if (token.value === undefined || (!token.inlineValue && /^-(?!\d)./.test(token.value))) {
      const hints =
        token.value === undefined
          ? []
          : [`If "${token.value}" is the value, write --${token.name}=${token.value}`];
      throw new UsageFailure(`${token.rawName} needs a value: ${option.placeholder}`, hints);
    }
    if (given.length > 0 && !option.isRepeatable) {
      throw new UsageFailure(`${token.rawName} is given twice`);
    }
    given.push(token.value);
  }
  return { wantsHelp, positionals, values };
}

function unknownOption(rawName: string, names: readonly string[]): UsageFailure {
  const hints = rawName.startsWith("--") ? didYouMean(rawName.slice(2), names, "--") : [];
  return new UsageFailure(`unknown option ${rawName}`, hints);
}

/** Makes sense of the words. @throws {UsageFailure} for values that cannot be, and for missing or superfluous arguments */
export function readInput(
  command: Command,
  words: Words,
): {
  readonly arguments: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
} {
  const options: Record<string, unknown> = {};
  for (const [key, option] of Object.entries(command.options)) {
    try {
      options[key] = option.read(words.values.get(key) ?? []);
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error;
      throw new UsageFailure(`--${optionName(key)} ${error.message}`);
    }
  }
  const left = [...words.positionals];
  const args = command.arguments.map((argument) => {
    const taken = left.splice(0, argument.max);
    if (taken.length < argument.min) throw new UsageFailure(`${argument.placeholder} is missing`);
    try {
      return argument.read(taken);
    } catch (error) {
      if (!(error instanceof InvalidValue)) throw error;
      throw new UsageFailure(`${argument.placeholder} ${error.message}`);
    }
  });
  if (left.length > 0) throw new UsageFailure(`unexpected argument "${left[0]}"`);
  return { arguments: args, options };
}
