/** Runs one command line, from words to exit code. */
import type { CommandGroup } from "./command-line/command.ts";
import { isGroup } from "./command-line/command.ts";
import { readInput, route, splitWords } from "./command-line/parse.ts";
import type { Context } from "./context.ts";
import { UsageFailure } from "./errors.ts";
import { EXIT, type ExitCode } from "./exit-codes.ts";
import { tree } from "./tree.ts";

/** Never rejects: whatever goes wrong is told on `context.stderr`. */
export async function runCommandLine(
  words: readonly string[],
  context: Context,
  root: CommandGroup = tree,
): Promise<ExitCode> {
  let path: readonly string[] = [];
  let isJson = false;
  try {
    if (words[0] === "--version" || words[0] === "-V") {
      const { version } = await import("./version.ts");
      await context.stdout.write(`${version()}\n`);
      return EXIT.ok;
    }
    const found = route(root, words);
    path = found.path;
    const { node } = found;
    const { program, stdout, stderr } = context;
    if (isGroup(node)) {
      const { groupHelp } = await import("./command-line/help.ts");
      // A group alone does nothing, so a script that stops there has a mistake; the bare program name is a question.
      const isQuestion = found.wantsHelp || path.length === 0;
      const output = isQuestion ? stdout : stderr;
      await output.write(groupHelp(node, { program, path, columns: output.columns }));
      return isQuestion ? EXIT.ok : EXIT.usage;
    }
    const command = await node.load();
    const split = found.wantsHelp ? null : splitWords(command.options, found.rest);
    if (split === null || split.wantsHelp) {
      const { commandHelp } = await import("./command-line/help.ts");
      await stdout.write(commandHelp(node, command, { program, path, columns: stdout.columns }));
      return EXIT.ok;
    }
    isJson = split.values.get("output")?.[0] === "json";
    return (await command.run(readInput(command, split), context)) ?? EXIT.ok;
  } catch (error) {
    const { explain, explanationText } = await import("./explain.ts");
    const explanation = explain(error, context);
    const { stderr } = context;
    if (isJson && !(error instanceof UsageFailure)) {
      await stderr.write(`${JSON.stringify({ error: explanation })}\n`);
    } else {
      await stderr.write(explanationText(explanation, [context.program, ...path].join(" ")));
    }
    return error instanceof UsageFailure ? EXIT.usage : EXIT.failure;
  }
}
