import assert from "node:assert/strict";
import { Recent } from "../../src/cluster/recent.js";

describe("What came of late", () => {
  it("counts once, however often it comes", () => {
    const recent = new Recent(100);
    recent.add(1);
    for (let time = 0; time < 250; time++) recent.add(2);
    assert.deepEqual([recent.has(1), recent.has(2), recent.has(3)], [true, true, false]);
  });

  it("is remembered, the last of it at least, and no more than twice as many", () => {
    const recent = new Recent(100);
    for (let number = 1; number <= 1000; number++) {
      recent.add(number);
      const known = Array.from({ length: number }, (_, i) => i + 1).filter((one) => recent.has(one));
      assert.ok(known.length >= Math.min(number, 100) && known.length <= 200, `${known.length}`);
      assert.equal(known.at(-1), number);
      assert.equal((known.at(-1) ?? 0) - known[0], known.length - 1);
    }
  });
});
