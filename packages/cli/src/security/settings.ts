/** Kafka's client settings by their names, and what is wrong with one in words. */
import { readFile } from "node:fs/promises";
import { CommandFailure } from "../errors.ts";

export class Settings {
  readonly #values: ReadonlyMap<string, string>;

  constructor(values: ReadonlyMap<string, string>) {
    this.#values = values;
  }

  /** Null when it is not set, or set to nothing. */
  text(key: string): string | null {
    const value = this.#values.get(key)?.trim();
    return value === undefined || value === "" ? null : value;
  }

  isSet(key: string): boolean {
    return this.#values.has(key);
  }

  /** A number of milliseconds. @throws {CommandFailure} */
  milliseconds(key: string): number | null {
    const text = this.text(key);
    if (text === null) return null;
    if (!/^\d{1,15}$/.test(text)) throw invalid(key, "takes a number of milliseconds");
    return Number(text);
  }
}

export function invalid(key: string, reason: string, hints: readonly string[] = []) {
  return new CommandFailure(`${key} ${reason}`, { hints });
}

/** @param what the option or setting that names the file */
export async function readSettingFile(what: string, path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    throw new CommandFailure(`${what}: cannot read ${path}: ${(cause as Error).message}`, {
      cause,
    });
  }
}
