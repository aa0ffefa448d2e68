/** Copies within or between byte arrays as decompressors need it: short runs in a loop, long ones natively. */

const NATIVE_FROM = 48;

/** Copies `length` bytes of `input` at `from` to `output` at `to`. The caller has checked the bounds. */
export function copyLiteral(
  input: Uint8Array,
  from: number,
  output: Uint8Array,
  to: number,
  length: number,
): void {
  if (length >= NATIVE_FROM) {
    output.set(input.subarray(from, from + length), to);
    return;
  }
  for (let i = 0; i < length; i++) {
    output[to + i] = input[from + i]!;
  }
}

/** Repeats what lies `distance` bytes back, byte by byte where source and target overlap. The caller has checked the bounds. */
export function copyMatch(output: Uint8Array, to: number, distance: number, length: number): void {
  const from = to - distance;
  if (length >= NATIVE_FROM && distance >= length) {
    output.copyWithin(to, from, from + length);
    return;
  }
  for (let i = 0; i < length; i++) {
    output[to + i] = output[from + i]!;
  }
}
