import assert from "node:assert/strict";
import { formatDuration, formatSize, parseDuration, parseSize } from "../../src/config/units.js";

describe("durations", () => {
  for (const [written, milliseconds] of [
    [0, 0],
    [10, 10_000],
    [1.5, 1500],
    ["10", 10_000],
    ["250ms", 250],
    ["10s", 10_000],
    ["10 s", 10_000],
    ["5m", 300_000],
    ["1h", 3_600_000],
    ["30d", 2_592_000_000],
  ] as const) {
    it(`reads ${JSON.stringify(written)} as ${milliseconds} ms`, () => {
      assert.equal(parseDuration(written), milliseconds);
    });
  }

  for (const wrong of [
    -1,
    Number.NaN,
    "",
    "s",
    "10w",
    "10 s s",
    "1e3",
    "toString",
    "1constructor",
    null,
    true,
    [10],
  ]) {
    it(`does not read ${typeof wrong} ${String(wrong)}`, () => assert.equal(parseDuration(wrong), undefined));
  }

  it("are shown in the largest unit that fits", () => {
    assert.deepEqual([0, 250, 90_000, 3_600_000].map(formatDuration), ["0ms", "250ms", "90s", "1h"]);
  });
});

describe("sizes", () => {
  it("are bytes, or have a unit of 1024s", () => {
    assert.deepEqual(
      [4096, "4096", "100 B", "64 KiB", "1MiB", "2 GiB"].map(parseSize),
      [4096, 4096, 100, 65_536, 1_048_576, 2_147_483_648],
    );
  });

  it("do not know other units", () => {
    assert.deepEqual(["64 kB", "64 kib", "-1", "1.5.2", {}].map(parseSize), Array(5).fill(undefined));
  });

  it("are shown in the largest unit that fits", () => {
    assert.deepEqual([10_000, 10_240, 1_048_576].map(formatSize), ["10000 bytes", "10 KiB", "1 MiB"]);
  });
});
