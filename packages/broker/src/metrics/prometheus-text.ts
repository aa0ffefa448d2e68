/**
 * The Prometheus text format, version 0.0.4: families of samples, each family's lines together. With ten thousand partitions there are some hundred
 * thousand of them, so whoever adds as many asks now and then whether others should have a turn of the event loop.
 */
export type Labels = Readonly<Record<string, string | number>>;

const SAMPLES_PER_TURN = 4_000;

export class PrometheusText {
  readonly #families = new Map<string, { readonly type: string; readonly lines: string[] }>();
  #samples = 0;
  /** Those of the last sample, and how they read: a partition has a dozen with the same. */
  #labels: Labels = {};
  #labelText = "";

  /** Whether others should have a turn before more samples come. Asking takes note that they have it. */
  isTurnOver(): boolean {
    const isOver = this.#samples >= SAMPLES_PER_TURN;
    if (isOver) this.#samples = 0;
    return isOver;
  }

  counter(name: string, value: number, labels: Labels = {}): void {
    this.#sample(name, "counter", value, labels);
  }

  gauge(name: string, value: number, labels: Labels = {}): void {
    this.#sample(name, "gauge", value, labels);
  }

  toString(): string {
    let text = "";
    for (const [name, { type, lines }] of this.#families) {
      text += `# TYPE ${name} ${type}\n${lines.join("\n")}\n`;
    }
    return text;
  }

  #sample(name: string, type: string, value: number, labels: Labels): void {
    let family = this.#families.get(name);
    if (family === undefined) {
      family = { type, lines: [] };
      this.#families.set(name, family);
    }
    if (labels !== this.#labels) {
      this.#labels = labels;
      this.#labelText = textOf(labels);
    }
    family.lines.push(`${name}${this.#labelText} ${value}`);
    this.#samples++;
  }
}

function textOf(labels: Labels): string {
  const pairs = Object.entries(labels).map(([key, text]) => `${key}="${escaped(String(text))}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escaped(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll('"', '\\"');
}
