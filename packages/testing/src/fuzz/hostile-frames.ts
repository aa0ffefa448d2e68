/** Bytes that no honest client sends, drawn from a seed. Every kind aims at another part of what reads a request. */
import type { Random } from "@ottla/platform";
import { type Api, apis, encodeRequest, type Schema } from "@ottla/protocol";

export interface HostileFrame {
  readonly kind: string;
  readonly bytes: Buffer;
}

/** The next hostile bytes. */
export function hostileFrame(random: Random): HostileFrame {
  const kinds = Object.entries(KINDS);
  const [kind, make] = kinds[random.integer(kinds.length)]!;
  return { kind, bytes: make(random) };
}

const KINDS: Readonly<Record<string, (random: Random) => Buffer>> = {
  /** No framing at all. */
  noise: (random) => random.bytes(1 + random.integer(4_096)),
  /** A frame with nothing sensible in it. */
  "framed noise": (random) => framed(random.bytes(random.integer(4_096))),
  /** A length that promises more than comes, up to the largest that is allowed, and a little of it. */
  "promised bytes": (random) =>
    Buffer.concat([lengthOf(1 + random.integer(104_857_600)), random.bytes(random.integer(256))]),
  "bad length": (random) =>
    Buffer.concat([
      lengthOf([0, -1, -2147483648, 104857601, 2147483647][random.integer(5)]!),
      random.bytes(16),
    ]),
  /** A right header before noise. */
  "header and noise": (random) => {
    const api = anyApi(random);
    return framed(
      Buffer.concat([header(api, anyVersion(api, random)), random.bytes(random.integer(2_048))]),
    );
  },
  "unknown API or version": (random) => {
    const bytes = Buffer.concat([
      random.bytes(4),
      lengthOf(1),
      Buffer.from([0xff, 0xff, 0, 0, 0, 0]),
    ]);
    return framed(bytes);
  },
  /** Lengths of arrays and strings far beyond what follows, in both encodings. */
  "absurd length": (random) => {
    const api = anyApi(random);
    const version = anyVersion(api, random);
    const body = random.bytes(random.integer(64));
    const length = api.request.isFlexible(version)
      ? Buffer.from(
          [
            [0xff, 0xff, 0xff, 0xff, 0x0f],
            [0xff, 0xff, 0xff, 0x7f],
            [0xff, 0xff, 0xff, 0xff, 0xff],
          ][random.integer(3)]!,
        )
      : lengthOf([0x7fffffff, 0x10000000, 0x00ffffff, -2147483648, -2][random.integer(5)]!);
    return framed(Buffer.concat([header(api, version), body, length, random.bytes(8)]));
  },
  /** A valid request with some of its bytes changed. */
  "changed request": (random) => {
    const bytes = validRequest(random);
    for (let count = 1 + random.integer(4); count > 0; count--) {
      bytes[8 + random.integer(Math.max(1, bytes.length - 8))] = random.integer(256);
    }
    return bytes;
  },
  "truncated request": (random) => {
    const bytes = validRequest(random);
    return framed(bytes.subarray(4, 4 + random.integer(bytes.length - 4)));
  },
  "half a frame": (random) => {
    const bytes = validRequest(random);
    return bytes.subarray(0, 1 + random.integer(bytes.length - 1));
  },
  "request with a tail": (random) =>
    framed(Buffer.concat([validRequest(random).subarray(4), random.bytes(random.integer(64))])),
};

/**
 * APIs whose requests, filled with defaults, change nothing that a healthy client beside would notice: it is no fault of a broker to
 * delete what it is told to.
 */
const HARMLESS = [
  0, 1, 2, 3, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 21, 22, 23, 32, 35, 36, 37, 42, 46, 47,
  60, 75,
];
const TARGETS: readonly Api[] = apis.filter(({ key }) => HARMLESS.includes(key));

function anyApi(random: Random): Api {
  return TARGETS[random.integer(TARGETS.length)]!;
}

function anyVersion(api: Api, random: Random): number {
  return api.versions.min + random.integer(api.versions.max - api.versions.min + 1);
}

/** A request of defaults and of small arrays of defaults, size included. */
function validRequest(random: Random): Buffer {
  const api = anyApi(random);
  const version = anyVersion(api, random);
  const envelope = { correlationId: random.integer(1_000), clientId: "fuzz" };
  return Buffer.concat(
    encodeRequest(api, version, envelope, defaults(api.request, random) as never),
  );
}

function defaults(schema: Schema, random: Random): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(schema.fields)) {
    // Only plain fields that every version has may be set without knowing more.
    const isEverywhere = field.options.versions === undefined && field.options.tag === undefined;
    value[name] = field.defaultValue;
    if (!isEverywhere) continue;
    if (field.kind === "string") value[name] = random.bytes(random.integer(20)).toString("latin1");
    if (field.kind === "int32") value[name] = random.integer(2 ** 32) - 2 ** 31;
    if (field.kind === "int16") value[name] = random.integer(2 ** 16) - 2 ** 15;
  }
  return value;
}

function header(api: Api, version: number): Buffer {
  const bytes = Buffer.alloc(10);
  bytes.writeInt16BE(api.key, 0);
  bytes.writeInt16BE(version, 2);
  bytes.writeInt32BE(1, 4);
  bytes.writeInt16BE(-1, 8);
  return api.request.isFlexible(version) ? Buffer.concat([bytes, Buffer.from([0])]) : bytes;
}

function framed(body: Buffer): Buffer {
  return Buffer.concat([lengthOf(body.length), body]);
}

function lengthOf(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(length | 0);
  return bytes;
}
