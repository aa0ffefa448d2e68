/** The calls of a simulated disk that are to fail. */
import type { Cancel } from "./clock.ts";
import type { FileSystemErrorCode } from "./file-system.ts";

/** Calls that change the disk; they are counted, and a crash may be set to any of them. */
export type ChangingOperation =
  | "create"
  | "write"
  | "sync"
  | "truncate"
  | "allocate"
  | "rename"
  | "remove"
  | "makeDirectory"
  | "syncDirectory";

export interface Fault {
  readonly operation: ChangingOperation | "open" | "read" | "list";
  readonly code: FileSystemErrorCode;
  /** Which matching call fails first, from 1, the next one. */
  readonly nth?: number;
  /** How many calls fail from there on; 1 unless told, Infinity until cancelled. */
  readonly count?: number;
  /** Limits the fault to some paths. */
  readonly path?: (path: string) => boolean;
}

interface ArmedFault extends Fault {
  matchesLeft: number;
  failuresLeft: number;
}

export class Faults {
  #armed: ArmedFault[] = [];

  /** Makes calls fail; returns how to take the fault back. */
  inject(fault: Fault): Cancel {
    const armed = { ...fault, matchesLeft: fault.nth ?? 1, failuresLeft: fault.count ?? 1 };
    this.#armed.push(armed);
    return () => {
      this.#armed = this.#armed.filter((other) => other !== armed);
    };
  }

  /** What a call fails with, null if it does not; counts the call. */
  next(operation: Fault["operation"], path: string): FileSystemErrorCode | null {
    for (const fault of this.#armed) {
      if (fault.operation === operation && (fault.path?.(path) ?? true)) {
        if (fault.matchesLeft > 1) {
          fault.matchesLeft -= 1;
        } else if (fault.failuresLeft > 0) {
          fault.failuresLeft -= 1;
          return fault.code;
        }
      }
    }
    return null;
  }
}
