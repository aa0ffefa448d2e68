/** What the records of the client cells hold: lines of words, so that compression has something to do, the same for every client. */
import { open } from "node:fs/promises";

/** Far more than any compression window, so that no batch is made of repetitions. */
const poolBytes = 4_000_000;
const vocabularyWords = 512;

/** Different values of exactly `valueBytes` bytes without line breaks; the same at every call. */
export function valuePool(valueBytes: number): Buffer[] {
  const random = mulberry32(valueBytes);
  const words = Array.from({ length: vocabularyWords }, () => {
    const letters = 3 + Math.floor(random() * 8);
    return Array.from({ length: letters }, () =>
      String.fromCharCode(97 + Math.floor(random() * 26)),
    ).join("");
  });
  const count = Math.ceil(poolBytes / valueBytes);
  return Array.from({ length: count }, () => {
    let text = "";
    // Half words, half numbers that do not repeat, which is about what an event in JSON is.
    while (text.length < valueBytes) {
      text += `${words[Math.floor(random() * vocabularyWords)]}:${Math.floor(random() * 1e9)},`;
    }
    return Buffer.from(text.slice(0, valueBytes), "latin1");
  });
}

/** A file of so many records, one a line. */
export async function writeValuesFile(
  file: string,
  options: { readonly records: number; readonly valueBytes: number },
): Promise<void> {
  const { records, valueBytes } = options;
  const pool = valuePool(valueBytes);
  const block = Buffer.concat(pool.flatMap((value) => [value, Buffer.from("\n")]));
  await using handle = await open(file, "w");
  for (let written = 0; written < records; written += pool.length) await handle.write(block);
  await handle.truncate(records * (valueBytes + 1));
}

function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
