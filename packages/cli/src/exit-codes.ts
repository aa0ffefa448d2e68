/** What the process ends with. */
export const EXIT = {
  ok: 0,
  /** The command was understood and failed, in whole or in part. */
  failure: 1,
  /** The command line makes no sense; nothing was done. */
  usage: 2,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];
