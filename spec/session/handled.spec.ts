import assert from "node:assert/strict";
import { Handled } from "../../src/session/handled.js";

describe("What a client sent and the server has handled (XEP-0198 §4)", () => {
  it("is counted when its last hold is released", () => {
    const handled = new Handled();
    const ticket = handled.begin();
    ticket.hold();
    ticket.release();
    assert.equal(handled.h, 0);
    ticket.release();
    assert.equal(handled.h, 1);
  });

  it("is counted in the order received: what is ready early waits for what came before", () => {
    const handled = new Handled();
    const [a, b, c] = [handled.begin(), handled.begin(), handled.begin()];
    c.release();
    b.release();
    assert.equal(handled.h, 0);
    a.release();
    assert.equal(handled.h, 3);
  });

  it("tells when all received so far is handled, whatever comes later", async () => {
    const handled = new Handled();
    assert.equal(handled.caughtUp(), undefined);
    const [a, b] = [handled.begin(), handled.begin()];
    const caughtUp = handled.caughtUp();
    assert.ok(caughtUp instanceof Promise);
    handled.begin();
    b.release();
    a.release();
    await caughtUp;
    assert.equal(handled.h, 2);
    assert.ok(handled.caughtUp() instanceof Promise);
  });

  it("wraps at 2^32", () => {
    const handled = new Handled();
    handled.h = 2 ** 32 - 1;
    handled.begin().release();
    assert.equal(handled.h, 0);
  });
});
