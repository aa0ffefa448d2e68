/** Commands and the tree they hang in. A command's file is imported when the command runs or its help is asked for. */
import type { Context } from "../context.ts";
import type { ExitCode } from "../exit-codes.ts";
import type { Arguments, ArgumentValuesOf, Options, ValuesOf } from "./option.ts";

export interface Example {
  readonly about: string;
  /** The command line after the program's name. */
  readonly line: string;
}

export interface CommandDefinition<A extends Arguments, O extends Options> {
  /** More than the one line in the tree, for the help. */
  readonly description?: string;
  readonly arguments: A;
  readonly options: O;
  readonly examples: readonly Example[];
  /** @returns what the process ends with; 0 when nothing is returned */
  run(
    input: { readonly arguments: ArgumentValuesOf<A>; readonly options: ValuesOf<O> },
    context: Context,
  ): Promise<ExitCode | undefined>;
}

/** A command whose own types are closed over. */
export interface Command {
  readonly description: string | null;
  readonly arguments: Arguments;
  readonly options: Options;
  readonly examples: readonly Example[];
  run(
    input: {
      readonly arguments: readonly unknown[];
      readonly options: Readonly<Record<string, unknown>>;
    },
    context: Context,
  ): Promise<ExitCode | undefined>;
}

export function defineCommand<const A extends Arguments, const O extends Options>(
  definition: CommandDefinition<A, O>,
): Command {
  return {
    description: definition.description ?? null,
    arguments: definition.arguments,
    options: definition.options,
    examples: definition.examples,
    run: (input, context) =>
      definition.run(
        {
          arguments: input.arguments as ArgumentValuesOf<A>,
          options: input.options as ValuesOf<O>,
        },
        context,
      ),
  };
}

export interface CommandLeaf {
  readonly about: string;
  load(): Promise<Command>;
}

export interface CommandGroup {
  readonly about: string;
  readonly children: Readonly<Record<string, CommandNode>>;
}

export type CommandNode = CommandLeaf | CommandGroup;

export function isGroup(node: CommandNode): node is CommandGroup {
  return "children" in node;
}
