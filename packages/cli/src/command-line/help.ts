/** The help of every level of the command tree, made from the definitions. */
import type { Command, CommandGroup, CommandNode } from "./command.ts";
import { isGroup } from "./command.ts";
import { type Argument, type Option, optionName } from "./option.ts";

export interface HelpOptions {
  readonly program: string;
  readonly path: readonly string[];
  readonly columns: number;
}

export function groupHelp(group: CommandGroup, { program, path, columns }: HelpOptions): string {
  const name = [program, ...path].join(" ");
  const isRoot = path.length === 0;
  return joined([
    group.about,
    `Usage: ${name} COMMAND [ARGUMENTS] [OPTIONS]`,
    section("Commands", commandRows(group), columns),
    isRoot
      ? section(
          "Options",
          [
            ["-h, --help", "Help, on every level"],
            ["-V, --version", "The version"],
          ],
          columns,
        )
      : null,
    `"${name} COMMAND --help" says more about a command.`,
  ]);
}

/** The root shows the commands below its groups too, so that one look is enough. */
function commandRows(group: CommandGroup, before = ""): (readonly [string, string])[] {
  return Object.entries(group.children).flatMap(([name, node]) =>
    isGroup(node)
      ? commandRows(node, `${before}${name} `)
      : [[`${before}${name}`, node.about] as const],
  );
}

export function commandHelp(
  node: CommandNode,
  command: Command,
  { program, path, columns }: HelpOptions,
): string {
  const name = [program, ...path].join(" ");
  const usage = [name, ...command.arguments.map(argumentUsage), "[OPTIONS]"].join(" ");
  return joined([
    node.about,
    command.description === null ? null : wrap(command.description, columns, 0),
    `Usage: ${usage}`,
    section(
      "Arguments",
      command.arguments.map((argument) => [argumentUsage(argument), argument.about] as const),
      columns,
    ),
    ...optionSections(command, columns),
    command.examples.length === 0
      ? null
      : `Examples:\n${command.examples
          .map(({ about, line }) => `  # ${about}\n  ${program} ${line}`)
          .join("\n")}`,
  ]);
}

/** The command's own options first, then a section for each heading. */
function optionSections(command: Command, columns: number): (string | null)[] {
  const rows = new Map<string, (readonly [string, string])[]>([["Options", []]]);
  for (const [key, option] of Object.entries(command.options)) {
    const heading = option.heading ?? "Options";
    const own = rows.get(heading) ?? [];
    rows.set(heading, own);
    own.push(optionRow(key, option));
  }
  rows.get("Options")!.push(["-h, --help", "This help"]);
  return [...rows].map(([heading, own]) => section(heading, own, columns));
}

function argumentUsage({ placeholder, min, max }: Argument<unknown>): string {
  const usage = max > 1 ? `${placeholder}...` : placeholder;
  return min === 0 ? `[${usage}]` : usage;
}

function optionRow(key: string, option: Option<unknown>): readonly [string, string] {
  const short = option.short === null ? "    " : `-${option.short}, `;
  const value = option.placeholder === null ? "" : ` ${option.placeholder}`;
  const notes = [
    ...(option.isRepeatable ? ["may be given several times"] : []),
    ...(option.defaultText === null ? [] : [`default: ${option.defaultText}`]),
  ];
  const about = notes.length === 0 ? option.about : `${option.about} (${notes.join("; ")})`;
  return [`${short}--${optionName(key)}${value}`, about];
}

const MAX_LEFT = 34;

function section(
  title: string,
  rows: readonly (readonly [string, string])[],
  columns: number,
): string | null {
  if (rows.length === 0) return null;
  const left = Math.min(MAX_LEFT, Math.max(...rows.map(([name]) => name.length)));
  const lines = rows.map(([name, about]) => {
    const indent = left + 4;
    const right = wrap(about, columns, indent);
    return name.length > left
      ? `  ${name}\n${" ".repeat(indent)}${right}`
      : `  ${name.padEnd(left)}  ${right}`;
  });
  return `${title}:\n${lines.join("\n")}`;
}

/** Breaks text between words; lines after the first are indented. */
export function wrap(text: string, columns: number, indent: number): string {
  const width = Math.max(30, Math.min(columns, 100) - indent);
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`);
}

function joined(parts: readonly (string | null)[]): string {
  return `${parts.filter((part) => part !== null && part !== "").join("\n\n")}\n`;
}
