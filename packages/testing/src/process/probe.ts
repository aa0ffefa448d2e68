import { connect } from "node:net";

/**
 * Whether a broker answers ApiVersions on this port: null when it does not yet, so that it can be waited for. Written out byte by
 * byte: it must not depend on the codecs under test.
 */
export async function answersApiVersions(port: number): Promise<true | null> {
  const request = Buffer.from("0000000a00120000000000070000", "hex");
  return await new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(request));
    const chunks: Buffer[] = [];
    socket.on("data", (chunk) => {
      chunks.push(chunk);
      const bytes = Buffer.concat(chunks);
      if (bytes.length < 10) return;
      resolve(bytes.readInt32BE(4) === 7 && bytes.readInt16BE(8) === 0 ? true : null);
      socket.destroy();
    });
    socket.on("error", () => resolve(null));
    socket.on("close", () => resolve(null));
  });
}
