import { apiByKey, apiVersions, decodeResponse, fetch, metadata, produce } from "@ottla/protocol";
import type { Scenario } from "../session.ts";

/** Frames that are not what they should be. */
export const framing: Scenario = {
  name: "framing",
  async run(session) {
    const line = session.line("frames");
    const connection = await line.open();
    const metadataRequest = connection.encode(metadata, 9, { topics: [] });
    const readMetadata = (frame: Buffer): unknown =>
      Object.keys(decodeResponse(metadata, 9, frame).body).length;

    await session.raw("length 0", sized(0));
    await session.raw("length -1", sized(-1));
    await session.raw("length -2147483648", sized(-2147483648));
    await session.raw("length 2147483647", sized(2147483647));
    await session.raw("length 104857601", sized(104857601));
    await session.raw("length 104857600, then nothing", sized(104857600));
    await session.raw("length only", Buffer.from([0, 0]));
    await session.raw("seven bytes", frameOf("00000000000000"));
    await session.raw("header without client id", frameOf("0003000000000001"));
    await session.raw("an HTTP request", Buffer.from("GET / HTTP/1.1\r\nHost: broker\r\n\r\n"));
    await session.raw("a TLS hello", Buffer.from("16030100c8010000c40303", "hex"));

    for (const key of [4, 5, 6, 7, 52, 53, 56, 58, 62, 63, 70, 83, 95, 999, -1, 32767]) {
      await session.raw(`API ${key}`, frameOf(header(key, 0, 1)));
    }
    for (const [key, version] of [
      [0, 0],
      [0, 2],
      [0, 14],
      [1, 3],
      [1, 19],
      [3, 14],
      [3, -1],
      [11, 10],
      [12, 5],
      [19, 1],
      [22, 7],
      [47, 1],
    ] as const) {
      await session.raw(`${apiByKey(key)?.name} v${version}`, frameOf(header(key, version, 1)));
    }

    await session.raw("client id longer than the frame", frameOf("0003000000000001ffff7fff"));
    await session.raw("client id of length -2", frameOf("0003000100000001fffe00000000"), {
      read: (frame) => frame.readInt32BE(0),
    });
    await session.raw("client id that is not UTF-8", frameOf("00030001000000010002c0ff00000000"), {
      read: (frame) => frame.readInt32BE(0),
    });
    await session.raw("bytes after the body", withTail(metadataRequest, "deadbeef"), {
      read: readMetadata,
    });
    await session.raw("body cut off", cut(metadataRequest, 1));
    const produceRequest = connection.encode(produce, 7, {
      acks: 1,
      timeoutMs: 1000,
      topicData: [{ name: "x", partitionData: [{ index: 0, records: Buffer.alloc(8) }] }],
    });
    await session.raw("Produce cut off in its records", cut(produceRequest, 5));

    // An array of 2^31-1 topics in eleven bytes, in both encodings of lengths.
    await session.raw("absurd array, fixed length", frameOf(`${header(3, 1, 1)}7fffffff`));
    await session.raw("absurd array, varint length", frameOf(`${header(3, 9, 1)}00ffffffff0f`));
    await session.raw("negative array length", frameOf(`${header(3, 0, 1)}fffffffe`));
    await session.raw(
      "null array where none is allowed",
      frameOf(`${header(19, 5, 1)}00000000000000`),
    );
    await session.raw("unknown tags in header and body", taggedMetadata(), { read: readMetadata });

    await session.send(
      "a healthy request on the connection that was there all the time",
      metadata,
      9,
      { topics: [] },
      {
        on: line,
        pick: ({ brokers }) => brokers.length,
      },
    );

    // Three requests in one write come back in order.
    const frames = [1, 2, 3].map(() => connection.encode(apiVersions, 0, {}));
    connection.write(Buffer.concat(frames));
    const order: number[] = [];
    for (let count = 0; count < 3; count++) {
      const outcome = await connection.nextFrame(5_000);
      if (outcome.kind === "answered") order.push(outcome.frame.readInt32BE(0));
    }
    session.note(
      "pipelined requests",
      order.map((id) => id - (order[0] ?? 0)),
    );

    // A frame that arrives byte by byte.
    const slow = await session.line("slow").open();
    for (const byte of metadataRequest) slow.write(Buffer.from([byte]));
    const answer = await slow.nextFrame(5_000);
    session.note("a request byte by byte", answer.kind);

    // What waits on a connection holds up what is behind it.
    const waiting = await session.line("waiting").open();
    waiting.write(waiting.encode(fetch, 11, { maxWaitMs: 300, minBytes: 1, topics: [] }));
    waiting.write(waiting.encode(apiVersions, 0, {}));
    const first = await waiting.nextFrame(5_000);
    const second = await waiting.nextFrame(5_000);
    session.note(
      "a fetch and a request behind it",
      [first, second].map((each) =>
        each.kind === "answered" ? each.frame.readInt32BE(0) : each.kind,
      ),
    );
  },
};

function sized(length: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(length);
  return bytes;
}

function frameOf(hex: string): Buffer {
  const body = Buffer.from(hex, "hex");
  return Buffer.concat([sized(body.length), body]);
}

/** A request header with a null client id, and an empty tagged section where the version has one. */
function header(key: number, version: number, correlationId: number): string {
  const bytes = Buffer.alloc(10);
  bytes.writeInt16BE(key, 0);
  bytes.writeInt16BE(version, 2);
  bytes.writeInt32BE(correlationId, 4);
  bytes.writeInt16BE(-1, 8);
  const flexible = apiByKey(key)?.request.isFlexible(version) ?? false;
  return bytes.toString("hex") + (flexible ? "00" : "");
}

function withTail(frame: Buffer, hex: string): Buffer {
  return frameOf(frame.subarray(4).toString("hex") + hex);
}

/** The frame without its last bytes, its size set to what is left. */
function cut(frame: Buffer, count: number): Buffer {
  return frameOf(frame.subarray(4, frame.length - count).toString("hex"));
}

function taggedMetadata(): Buffer {
  const fixed = header(3, 9, 1).slice(0, -2);
  return frameOf(`${fixed}01630261620101000000016401ff`);
}
