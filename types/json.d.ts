/** JSON.parse source text access: part of the language, but not of its types yet. */
interface JSON {
  /** What `stringify` writes as this text, which is one JSON number, string, boolean or null. */
  rawJSON(text: string): object;
  isRawJSON(value: unknown): boolean;
}
