/** Those that are there more than once: what a request may name only once. */
export function repeated<T>(items: Iterable<T>): ReadonlySet<T> {
  const seen = new Set<T>();
  const again = new Set<T>();
  for (const item of items) {
    if (seen.has(item)) again.add(item);
    seen.add(item);
  }
  return again;
}
