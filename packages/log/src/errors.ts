/** Bytes on disk that cannot be what was written there. */
export class CorruptLog extends Error {
  override readonly name = "CorruptLog";
  readonly path: string;
  readonly position: number;

  constructor(path: string, position: number, detail: string) {
    super(`${path} at ${position}: ${detail}`);
    this.path = path;
    this.position = position;
  }
}

/** The cleaner has put another segment in the place of the one that was being read: look again. Never leaves the package. */
export class SegmentReplaced extends Error {
  override readonly name = "SegmentReplaced";

  constructor() {
    super("the segment was replaced by a cleaned one");
  }
}

/** The journal cannot take writes just now; appends are answered `storage`. */
export class JournalFailed extends Error {
  override readonly name = "JournalFailed";

  constructor(cause: unknown) {
    super("the commit journal cannot be written", { cause });
  }
}

/** The engine is closing or closed. */
export class EngineClosed extends Error {
  override readonly name = "EngineClosed";

  constructor() {
    super("the log engine is closed");
  }
}
