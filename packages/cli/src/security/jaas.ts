/** The login entry of `sasl.jaas.config`: `org.apache…PlainLoginModule required username="…" password="…";`. */
import { CommandFailure } from "../errors.ts";

export interface JaasEntry {
  /** The class's name without its package. */
  readonly module: string;
  readonly options: ReadonlyMap<string, string>;
}

const WORD = /\s*(?:"((?:\\.|[^"\\])*)"|([^\s=";]+))/y;
const CONTROL_FLAGS = ["required", "requisite", "sufficient", "optional"];

/** @throws {CommandFailure} for text of another form; the text, which has passwords in it, is not repeated */
export function parseJaas(text: string): JaasEntry {
  let at = 0;
  const word = (): string | null => {
    WORD.lastIndex = at;
    const found = WORD.exec(text);
    if (found === null) return null;
    at = WORD.lastIndex;
    return found[1]?.replace(/\\(.)/g, "$1") ?? found[2]!;
  };
  const sign = (wanted: string): boolean => {
    const rest = text.slice(at).trimStart();
    if (!rest.startsWith(wanted)) return false;
    at = text.length - rest.length + wanted.length;
    return true;
  };
  const loginModule = word();
  const flag = word();
  if (loginModule === null || flag === null || !CONTROL_FLAGS.includes(flag.toLowerCase())) {
    throw malformed("a login module and its control flag");
  }
  const options = new Map<string, string>();
  while (!sign(";")) {
    const key = word();
    const value = key !== null && sign("=") ? word() : null;
    if (key === null || value === null) throw malformed("key=value pairs and a semicolon");
    options.set(key, value);
  }
  return { module: loginModule.split(".").at(-1)!, options };
}

function malformed(expected: string): CommandFailure {
  return new CommandFailure(`sasl.jaas.config: ${expected} expected`, {
    hints: [
      'Such as: org.apache.kafka.common.security.plain.PlainLoginModule required username="…" password="…";',
    ],
  });
}
