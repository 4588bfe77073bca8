import assert from "node:assert/strict";
import { formatOffset } from "../../plugins/time.js";

describe("The time zone offset of XEP-0202", () => {
  const offsets: [minutes: number, text: string][] = [
    [0, "Z"],
    [60, "+01:00"],
    [-360, "-06:00"],
    [345, "+05:45"],
    [-210, "-03:30"],
    [840, "+14:00"],
  ];
  for (const [minutes, text] of offsets) {
    it(`writes ${minutes} minutes east of UTC as ${text}`, () => {
      assert.equal(formatOffset(minutes), text);
    });
  }
});
