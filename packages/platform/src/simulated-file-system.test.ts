import assert from "node:assert/strict";
import { describe, it } from "node:test";
import fc from "fast-check";
import { type FileHandle, FileSystemError, type OpenOptions } from "./file-system.ts";
import { fileSystemContract } from "./file-system-contract.test.ts";
import { SeededRandom } from "./seeded-random.ts";
import { SimulatedFileSystem } from "./simulated-file-system.ts";

const SECTOR = 512;
const WRITE: OpenOptions = { access: "write", create: true };

fileSystemContract("SimulatedFileSystem", async () => {
  const fileSystem = new SimulatedFileSystem({
    random: new SeededRandom(1),
    capacityBytes: 2 ** 30,
  });
  await fileSystem.makeDirectory("/data");
  return { fileSystem, root: "/data", close: async () => {} };
});

describe("SimulatedFileSystem", () => {
  function newDisk(seed = 1, capacityBytes = Number.POSITIVE_INFINITY): SimulatedFileSystem {
    return new SimulatedFileSystem({ random: new SeededRandom(seed), capacityBytes });
  }

  /** A file whose name and first content are certain to survive. */
  async function durableFile(
    disk: SimulatedFileSystem,
    bytes: Uint8Array,
    options: OpenOptions = WRITE,
  ): Promise<FileHandle> {
    const handle = await disk.open("/f", options);
    await handle.write([bytes], 0);
    await handle.sync();
    await disk.syncDirectory("/");
    return handle;
  }

  /** The distinct contents of `/f` over many crashes of one disk. */
  async function outcomes(disk: SimulatedFileSystem, count = 200): Promise<Map<string, Buffer>> {
    const found = new Map<string, Buffer>();
    for (let i = 0; i < count; i++) {
      const bytes = await disk.crash().readFile("/f");
      found.set(bytes === null ? "missing" : bytes.toString("latin1"), bytes ?? Buffer.alloc(0));
    }
    return found;
  }

  it("keeps what was written synchronously or flushed, whatever happens around it", async () => {
    const step = fc.record({
      kind: fc.constantFrom("write", "synchronous", "sync"),
      sector: fc.nat(7),
      sectors: fc.integer({ min: 1, max: 4 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 15 }), fc.nat(), async (steps, diskSeed) => {
        const disk = newDisk(diskSeed);
        const plain = await durableFile(disk, Buffer.alloc(12 * SECTOR));
        const synchronous = await disk.open("/f", { access: "write", synchronous: true });
        // Per sector: versions that may survive. A certain write leaves one, any other adds one.
        let possible = Array.from({ length: 12 }, () => [0]);
        let current = new Array<number>(12).fill(0);
        let version = 0;
        for (const one of steps) {
          if (one.kind === "sync") {
            await plain.sync();
            possible = current.map((value) => [value]);
            continue;
          }
          version += 1;
          const handle = one.kind === "write" ? plain : synchronous;
          await handle.write([Buffer.alloc(one.sectors * SECTOR, version)], one.sector * SECTOR);
          current = current.slice();
          for (let at = one.sector; at < one.sector + one.sectors; at++) {
            current[at] = version;
            possible[at] = one.kind === "write" ? [...possible[at]!, version] : [version];
          }
        }
        for (let i = 0; i < 5; i++) {
          const bytes = (await disk.crash().readFile("/f"))!;
          assert.equal(bytes.length, 12 * SECTOR);
          for (let at = 0; at < 12; at++) {
            const sector = bytes.subarray(at * SECTOR, (at + 1) * SECTOR);
            assert.ok(possible[at]!.includes(sector[0]!), `sector ${at} holds ${sector[0]}`);
            assert.ok(
              sector.every((byte) => byte === sector[0]),
              `sector ${at} is torn within`,
            );
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it("keeps, loses or tears what was not flushed, sector by sector", async () => {
    const disk = newDisk();
    const handle = await durableFile(disk, Buffer.alloc(3 * SECTOR, "-"));
    await handle.write([Buffer.alloc(3 * SECTOR, "x")], 0);
    const found = await outcomes(disk);
    assert.equal(found.size, 8);
    for (const bytes of found.values()) {
      assert.match(bytes.toString("latin1"), /^((-{512})|(x{512})){3}$/);
    }
  });

  it("may lose an unflushed extension or cut", async () => {
    const extended = newDisk();
    await (await durableFile(extended, Buffer.alloc(600, "-"))).write([Buffer.from("x")], 600);
    assert.deepEqual(sizes(await outcomes(extended)), [600, 601]);
    const cut = newDisk();
    await (await durableFile(cut, Buffer.alloc(600, "-"))).truncate(10);
    assert.deepEqual(sizes(await outcomes(cut)), [10, 600]);
  });

  it("has an unflushed name there or not, and a flushed one always", async () => {
    const disk = newDisk();
    const handle = await disk.open("/f", WRITE);
    await handle.write([Buffer.from("x")], 0);
    await handle.sync();
    assert.deepEqual([...(await outcomes(disk)).keys()].sort(), ["missing", "x"]);
    const flushed = newDisk();
    await durableFile(flushed, Buffer.from("x"));
    assert.deepEqual([...(await outcomes(flushed)).keys()], ["x"]);
  });

  it("replaces a file atomically: the old bytes or the new, at every crash point", async () => {
    const seen = new Set<string>();
    for (let at = 1; ; at++) {
      for (let seed = 1; seed <= 20; seed++) {
        const disk = newDisk(seed);
        await durableFile(disk, Buffer.alloc(2000, "o"));
        disk.crashAt(at);
        const written = disk.writeFileAtomic("/f", Buffer.alloc(3000, "n"));
        const isDone = await written.then(
          () => true,
          () => false,
        );
        const text = String(await disk.crash().readFile("/f"));
        assert.match(
          text,
          isDone ? /^n{3000}$/ : /^(o{2000}|n{3000})$/,
          `crash ${at} seed ${seed}`,
        );
        seen.add(text[0]!);
        if (isDone) {
          assert.deepEqual(seen, new Set(["o", "n"]));
          assert.ok(at > 5);
          return;
        }
      }
    }
  });

  it("never does half a rename", async () => {
    const disk = newDisk();
    await durableFile(disk, Buffer.from("x"));
    await disk.rename("/f", "/g");
    for (let i = 0; i < 50; i++) {
      const names = (await disk.crash().list("/")).map((entry) => entry.name);
      assert.equal(names.length, 1, names.join());
    }
  });

  it("stops in the middle of the chosen operation and answers nothing after", async () => {
    const disk = newDisk();
    const handle = await durableFile(disk, Buffer.alloc(2 * SECTOR, "-"), {
      ...WRITE,
      synchronous: true,
    });
    let told = 0;
    disk.crashAt(2, () => {
      told += 1;
    });
    await handle.write([Buffer.alloc(SECTOR, "a")], 0);
    await assert.rejects(handle.write([Buffer.alloc(SECTOR, "b")], SECTOR), FileSystemError);
    await assert.rejects(handle.write([Buffer.alloc(SECTOR, "c")], 0), FileSystemError);
    await assert.rejects(disk.readFile("/f"), FileSystemError);
    assert.equal(told, 1);
    assert.ok(disk.isCrashed);
    const [a, b, old] = ["a", "b", "-"].map((byte) => byte.repeat(SECTOR));
    assert.deepEqual([...(await outcomes(disk)).keys()].sort(), [`${a}${old}`, `${a}${b}`]);
  });

  it("a synchronous write under way at the crash may be lost", async () => {
    const disk = newDisk();
    const handle = await durableFile(disk, Buffer.from("-"), { ...WRITE, synchronous: true });
    const writing = handle.write([Buffer.from("x")], 0);
    assert.deepEqual([...(await outcomes(disk)).keys()].sort(), ["-", "x"]);
    await assert.rejects(writing, FileSystemError);
  });

  it("fails the calls it was told to fail, and no other", async () => {
    const disk = newDisk();
    const handle = await durableFile(disk, Buffer.from("-"));
    disk.inject({
      operation: "write",
      code: "io",
      nth: 2,
      count: 2,
      path: (path) => path === "/f",
    });
    const results: string[] = [];
    for (let i = 0; i < 5; i++) {
      const write = handle.write([Buffer.from("x")], 0);
      results.push(
        await write.then(
          () => "ok",
          (error: FileSystemError) => error.code,
        ),
      );
    }
    assert.deepEqual(results, ["ok", "io", "io", "ok", "ok"]);
    disk.inject({ operation: "rename", code: "no-space" });
    await assert.rejects(
      disk.rename("/f", "/g"),
      (error: FileSystemError) => error.code === "no-space",
    );
    await disk.rename("/f", "/g");
    const cancel = disk.inject({ operation: "read", code: "io", count: Number.POSITIVE_INFINITY });
    await assert.rejects(disk.readFile("/g"), FileSystemError);
    cancel();
    await disk.readFile("/g");
  });

  it("does not make good a failed flush with a later one", async () => {
    const lost: number[] = [];
    for (let seed = 1; seed <= 30; seed++) {
      const one = newDisk(seed);
      const handle = await durableFile(one, Buffer.from("-"));
      await handle.write([Buffer.from("x")], 0);
      one.inject({ operation: "sync", code: "io" });
      await assert.rejects(handle.sync(), FileSystemError);
      await handle.sync();
      assert.equal(String(await one.readFile("/f")), "x", "readers see the cache");
      if ((await outcomes(one, 5)).has("-")) {
        lost.push(seed);
      }
    }
    assert.ok(lost.length > 0 && lost.length < 30, `${lost.length} of 30`);
  });

  it("is full at its capacity until given more", async () => {
    const disk = newDisk(1, 1000);
    const handle = await disk.open("/f", WRITE);
    await handle.write([Buffer.alloc(900)], 0);
    const full = (error: FileSystemError) => error.code === "no-space";
    await assert.rejects(handle.write([Buffer.alloc(200)], 900), full);
    assert.deepEqual(await disk.capacity(), { totalBytes: 1000, usableBytes: 0 });
    await handle.write([Buffer.alloc(1000)], 0);
    await assert.rejects(handle.allocate(1001), full);
    disk.capacityBytes = 2000;
    await handle.write([Buffer.alloc(200)], 900);
    await disk.remove("/f");
    assert.equal(disk.usedBytes, 0);
    assert.equal(disk.crash().capacityBytes, 2000);
  });

  it("gives the lock of a crashed machine's folder to the next", async () => {
    const disk = newDisk();
    await disk.makeDirectory("/data");
    await disk.syncDirectory("/");
    await disk.lockDirectory("/data");
    await (await disk.crash().lockDirectory("/data")).release();
  });

  it("replays from its seed", async () => {
    const run = async () => {
      const disk = newDisk(99);
      const handle = await durableFile(disk, Buffer.alloc(40 * SECTOR));
      await handle.write([Buffer.alloc(40 * SECTOR, 1)], 0);
      return (await disk.crash().readFile("/f"))!;
    };
    assert.ok((await run()).equals(await run()));
  });
});

function sizes(found: Map<string, Buffer>): number[] {
  return [...new Set([...found.values()].map((bytes) => bytes.length))].sort((a, b) => a - b);
}
