/**
 * A request may name a million things. Handlers that go through them one by one let everybody else have a turn of the event loop now and then:
 *
 *     if (isTurnOver(results.length)) await nextTurn();
 */

const ENTRIES_PER_TURN = 1_000;

/** Whether, with this many entries done, others should have a turn. */
export function isTurnOver(entries: number): boolean {
  return entries > 0 && entries % ENTRIES_PER_TURN === 0;
}

/** Resolves when everybody else had a turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
