/** The Prometheus text format, version 0.0.4: families of samples, each family's lines together. */
export type Labels = Readonly<Record<string, string | number>>;

export class PrometheusText {
  readonly #families = new Map<string, { readonly type: string; readonly lines: string[] }>();

  counter(name: string, value: number, labels: Labels = {}): void {
    this.#sample(name, "counter", value, labels);
  }

  gauge(name: string, value: number, labels: Labels = {}): void {
    this.#sample(name, "gauge", value, labels);
  }

  toString(): string {
    const lines: string[] = [];
    for (const [name, family] of this.#families) {
      lines.push(`# TYPE ${name} ${family.type}`);
      for (const line of family.lines) lines.push(line);
    }
    lines.push("");
    return lines.join("\n");
  }

  #sample(name: string, type: string, value: number, labels: Labels): void {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { type, lines: [] };
      this.#families.set(name, family);
    }
    const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(String(text))}"`);
    family.lines.push(`${name}${pairs.length === 0 ? "" : `{${pairs.join(",")}}`} ${value}`);
  }
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
