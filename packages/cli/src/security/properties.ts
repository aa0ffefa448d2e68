/** Java's properties format, which Kafka's configuration files are written in. */

/** Later lines win over earlier ones. Comments begin with # or !, a backslash at the end continues a line, \uXXXX is a character. */
export function parseProperties(text: string): Map<string, string> {
  const properties = new Map<string, string>();
  for (const line of logicalLines(text)) {
    const [key, value] = split(line);
    if (key !== "") properties.set(key, value);
  }
  return properties;
}

function* logicalLines(text: string): Generator<string> {
  let open: string | null = null;
  for (const raw of text.split(/\r\n|\r|\n/)) {
    const line = raw.replace(/^[ \t\f]+/, "");
    if (open === null && (line === "" || line.startsWith("#") || line.startsWith("!"))) continue;
    const whole: string = (open ?? "") + line;
    // Only an odd number of backslashes leaves one that escapes the end of the line.
    const isContinued = (/\\*$/.exec(line)?.[0].length ?? 0) % 2 === 1;
    if (isContinued) {
      open = whole.slice(0, -1);
      continue;
    }
    open = null;
    yield whole;
  }
  if (open !== null) yield open;
}

/** The key ends at the first =, : or white space that is not escaped. */
function split(line: string): readonly [string, string] {
  const at = /^(?:\\.|[^\\=: \t\f])*/.exec(line)![0].length;
  const value = line.slice(at).replace(/^[ \t\f]*[=:]?[ \t\f]*/, "");
  return [unescaped(line.slice(0, at)), unescaped(value)];
}

const ESCAPES: Readonly<Record<string, string>> = { t: "\t", n: "\n", r: "\r", f: "\f" };

function unescaped(text: string): string {
  return text.replace(/\\(?:u([0-9a-fA-F]{4})|(.)|$)/g, (_, code?: string, character?: string) => {
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    return character === undefined ? "" : (ESCAPES[character] ?? character);
  });
}
