import assert from "node:assert/strict";
import { Quota } from "../../plugins/register/quota.js";

describe("The quota of registrations", () => {
  it("allows so many attempts from one address, and others their own", () => {
    const quota = new Quota(2, 1000, () => 0);
    assert.deepEqual(
      [1, 2, 3].map(() => quota.take("192.0.2.1")),
      [true, true, false],
    );
    assert.equal(quota.take("192.0.2.2"), true);
  });

  it("begins anew when the window that began with the first attempt is over", () => {
    let now = 0;
    const quota = new Quota(1, 1000, () => now);
    assert.equal(quota.take("192.0.2.1"), true);
    now = 999;
    assert.equal(quota.take("192.0.2.1"), false);
    now = 1000;
    assert.equal(quota.take("192.0.2.1"), true);
  });

  it("remembers ten thousand networks and forgets the one whose window began first", () => {
    const quota = new Quota(1, 1000, () => 0);
    const address = (n: number) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;
    for (let n = 0; n < 10_000; n++) quota.take(address(n));
    assert.equal(quota.take(address(0)), false);
    quota.take("192.0.2.1");
    assert.equal(quota.take(address(1)), false);
    assert.equal(quota.take(address(0)), true);
  });

  it("takes an IPv6 host with all addresses of its /64 for one", () => {
    const quota = new Quota(1, 1000, () => 0);
    assert.equal(quota.take("2001:db8:1:2::5"), true);
    assert.equal(quota.take("2001:db8:1:2::6"), false);
  });
});
