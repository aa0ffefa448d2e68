/** Numbers as people read them. */

/** `1234567` is `1,234,567`. */
export function count(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `1 record`, `2 records`. */
export function counted(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? "" : "s"}`;
}

const UNITS = ["B", "kB", "MB", "GB", "TB", "PB"];

/** Decimal units: `1500` is `1.5 kB`. */
export function bytes(value: number): string {
  let amount = value;
  let unit = 0;
  while (amount >= 999.5 && unit < UNITS.length - 1) {
    amount /= 1000;
    unit += 1;
  }
  return `${unit === 0 || amount >= 99.5 ? Math.round(amount) : amount.toFixed(1)} ${UNITS[unit]}`;
}

export function duration(ms: number): string {
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** ISO 8601 in UTC, or a dash for the −1 of a record without a timestamp. */
export function instantText(ms: number): string {
  return ms < 0 ? "-" : new Date(ms).toISOString();
}
