import assert from "node:assert/strict";
import { secondsSince } from "../../plugins/last.js";

describe("The last activity of XEP-0012", () => {
  it("is told in whole seconds that have passed", () => {
    assert.equal(secondsSince(1_000_000, 1_903_999), 903);
    assert.equal(secondsSince(1_000_000, 1_000_999), 0);
  });

  it("is never in the future, not even when the clock was set back", () => {
    assert.equal(secondsSince(2_000_000, 1_000_000), 0);
  });
});
