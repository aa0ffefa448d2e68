/**
 * A request may name a million things. Handlers that go through them let everybody else have a turn of the event loop now and then:
 *
 *     if (isTurnOver(results.length)) await nextTurn();
 */

/** How many entries are gone through before others have a turn. */
export const ENTRIES_PER_TURN = 1_000;

/** Whether, with this many entries done, others should have a turn. */
export function isTurnOver(entries: number): boolean {
  return entries > 0 && entries % ENTRIES_PER_TURN === 0;
}

/** Resolves when everybody else had a turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What becomes of each entry, one after the other. */
export async function mapInTurns<T, R>(
  entries: Iterable<T>,
  map: (entry: T) => R,
): Promise<Awaited<R>[]> {
  const mapped: Awaited<R>[] = [];
  for (const entry of entries) {
    if (isTurnOver(mapped.length)) await nextTurn();
    const result = map(entry);
    mapped.push((result instanceof Promise ? await result : result) as Awaited<R>);
  }
  return mapped;
}

/** The same for entries that are served together, as many as a turn has room for. */
export async function mapSlices<T, R>(
  entries: readonly T[],
  map: (entries: readonly T[]) => Promise<readonly R[]>,
): Promise<R[]> {
  const mapped: R[] = [];
  for (let start = 0; start < entries.length; start += ENTRIES_PER_TURN) {
    if (start > 0) await nextTurn();
    for (const result of await map(entries.slice(start, start + ENTRIES_PER_TURN)))
      mapped.push(result);
  }
  return mapped;
}
