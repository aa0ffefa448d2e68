/** Tables of plain text: columns as wide as their widest cell, two spaces between them. */

export interface Column<R> {
  readonly title: string;
  readonly align?: "left" | "right";
  cell(row: R): string | number | null;
}

/** Lines with a header; a null cell is a dash. */
export function table<R>(columns: readonly Column<R>[], rows: readonly R[]): string {
  const cells = rows.map((row) =>
    columns.map(({ cell }) => {
      const value = cell(row);
      return value === null ? "-" : String(value);
    }),
  );
  const all = [columns.map(({ title }) => title.toUpperCase()), ...cells];
  const widths = columns.map((_, index) => Math.max(...all.map((line) => line[index]!.length)));
  const lines = all.map((line) =>
    line
      .map((text, index) =>
        columns[index]!.align === "right"
          ? text.padStart(widths[index]!)
          : text.padEnd(widths[index]!),
      )
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

/** `name: value` lines, values below each other. */
export function fields(
  pairs: readonly (readonly [name: string, value: string | number])[],
): string {
  const width = Math.max(...pairs.map(([name]) => name.length));
  return pairs.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${value}\n`).join("");
}
