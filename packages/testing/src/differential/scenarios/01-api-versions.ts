import { apiVersions, decodeResponse } from "@ottla/protocol";
import type { Scenario } from "../session.ts";

/** Only what is meant for clients and is in our plan for this version range is compared; the rest is a row of its own. */
export const versions: Scenario = {
  name: "api-versions",
  async run(session) {
    await session.every("ranges and features", apiVersions, (version) =>
      version >= 3 ? { clientSoftwareName: "ottla-test", clientSoftwareVersion: "1.0.0" } : {},
    );
    const names = ["", "-dash", "dash-", "sp ace", "ok.name-1", "ümlaut", "a".repeat(300)];
    for (const name of names) {
      const shown = name.length > 20 ? "300 letters" : name;
      await session.send(
        `software name "${shown}"`,
        apiVersions,
        3,
        { clientSoftwareName: name, clientSoftwareVersion: "1.0" },
        { pick: ({ errorCode, apiKeys }) => ({ errorCode, keys: apiKeys.length > 1 }) },
      );
      await session.send(
        `software version "${shown}"`,
        apiVersions,
        3,
        { clientSoftwareName: "test", clientSoftwareVersion: name },
        { pick: ({ errorCode, apiKeys }) => ({ errorCode, keys: apiKeys.length > 1 }) },
      );
    }
    // KIP-511: an unknown version is answered in the form of version 0, whatever the body holds.
    const body = (await session.line("fallback").open()).encode(apiVersions, 3, {
      clientSoftwareName: "test",
      clientSoftwareVersion: "1.0",
    });
    for (const version of [-1, 5, 6, 99, 32767]) {
      const frame = Buffer.from(body);
      frame.writeInt16BE(version, 6);
      await session.raw(`version ${version}`, frame, {
        read: (answer) => decodeResponse(apiVersions, 0, answer).body,
      });
    }
    for (const version of [0, 3, 4]) {
      const frame = Buffer.from("0000000a0012000000000001ffff", "hex");
      frame.writeInt16BE(version, 6);
      await session.raw(`version ${version} without a body`, frame, {
        read: (answer) => decodeResponse(apiVersions, Math.min(version, 0), answer).body.errorCode,
      });
    }
  },
};
