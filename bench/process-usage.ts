/** CPU time and memory of a process, all its threads together, from /proc. */
import { readFileSync, writeFileSync } from "node:fs";

/** Linux reports CPU time in hundredths of a second on every architecture Node runs on. */
const ticksPerSecond = 100;

/** User plus system time of all threads, exited ones included. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
  // The command name, field 2, may hold spaces; fields 14 and 15 are counted from behind its closing parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

export interface Memory {
  readonly residentBytes: number;
  readonly peakBytes: number;
}

export function memory(pid: number): Memory {
  const status = readFileSync(`/proc/${pid}/status`, "latin1");
  return { residentBytes: kilobytes(status, "VmRSS"), peakBytes: kilobytes(status, "VmHWM") };
}

/** Lets the peak begin anew at what is resident now. */
export function resetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, "5");
}

function kilobytes(status: string, field: string): number {
  const value = new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1];
  if (value === undefined) throw new Error(`no ${field} in /proc status`);
  return Number(value) * 1024;
}
