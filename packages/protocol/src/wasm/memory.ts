/**
 * A `WebAssembly.Memory`. Not by that name, which Node's own types lack: declarations with it would ask users for those of browsers.
 */
export interface WasmMemory {
  readonly buffer: ArrayBuffer;
  grow(pages: number): number;
}
