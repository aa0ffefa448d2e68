/**
 * The two forms in which people give broker configs besides flags: a Java properties file (`server.properties`) and environment
 * variables (`KAFKA_LOG_RETENTION_MS`), as the official container images read them.
 */

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

/** Environment variables with the prefix that are settings of start scripts, not of the broker. */
const NOT_CONFIGS =
  /^KAFKA_(VERSION|HEAP_OPTS|LOG4J|GC_LOG_OPTS|JMX|JVM_PERFORMANCE_OPTS|OPTS|HOME|DEBUG|MODE|CLUSTER_ID$)/;

/**
 * The pairs of a properties file; of a repeated key the last one. Format: `key=value`, `key: value` or `key value`; comments start with `#` or
 * `!`; a backslash at the end of a line continues it; `\t`, `\n`, `\uXXXX` and a backslash before any other character are escapes.
 */
export function parseBrokerProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const line of logicalLines(text)) {
    const end = keyEnd(line);
    let start = skipBlanks(line, end);
    if (line[start] === "=" || line[start] === ":") {
      start = skipBlanks(line, start + 1);
    }
    properties.set(unescapeText(line.slice(0, end)), unescapeText(line.slice(start)));
  }
  return properties;
}

/** The configs among environment variables: `KAFKA_` and the key in capitals, with `_` for a dot, `__` for an underscore, `___` for a dash. */
export function environmentProperties(
  environment: Readonly<Record<string, string | undefined>>,
): Map<string, string> {
  const properties = new Map<string, string>();
  for (const [name, value] of Object.entries(environment)) {
    if (name.startsWith("KAFKA_") && value !== undefined && !NOT_CONFIGS.test(name)) {
      properties.set(environmentKey(name), value);
    }
  }
  return properties;
}

/** The config key that an environment variable stands for. */
export function environmentKey(name: string): string {
  return name
    .slice("KAFKA_".length)
    .toLowerCase()
    .replace(/_{1,3}/g, (run) => (run.length === 3 ? "-" : run.length === 2 ? "_" : "."));
}

/** Lines without comments and leading blanks, continuations joined. */
function logicalLines(text: string): string[] {
  const lines: string[] = [];
  let open = "";
  let isOpen = false;
  for (const raw of text.split(/\r\n|\r|\n/)) {
    const line = raw.replace(/^[ \t\f]+/, "");
    if (!isOpen && (line === "" || line.startsWith("#") || line.startsWith("!"))) {
      continue;
    }
    const backslashes = /\\*$/.exec(line)![0].length;
    isOpen = backslashes % 2 === 1;
    open += isOpen ? line.slice(0, -1) : line;
    if (!isOpen) {
      lines.push(open);
      open = "";
    }
  }
  if (open !== "") {
    lines.push(open);
  }
  return lines;
}

function keyEnd(line: string): number {
  for (let at = 0; at < line.length; at++) {
    if (line[at] === "\\") {
      at += 1;
    } else if (/[=: \t\f]/.test(line[at]!)) {
      return at;
    }
  }
  return line.length;
}

function skipBlanks(line: string, from: number): number {
  let at = from;
  while (at < line.length && /[ \t\f]/.test(line[at]!)) {
    at += 1;
  }
  return at;
}

function unescapeText(text: string): string {
  return text.replace(/\\(u[0-9a-fA-F]{4}|.?)/gs, (_, code: string) =>
    code.length === 5
      ? String.fromCharCode(Number.parseInt(code.slice(1), 16))
      : (ESCAPES[code] ?? code),
  );
}
