import assert from "node:assert/strict";
import { LoginLimiter } from "../../src/stream/login-limiter.js";

describe("The limit of failed logins from one address", () => {
  const clock = { time: 1_000_000, now: () => clock.time };
  let limiter: LoginLimiter;

  beforeEach(() => {
    limiter = new LoginLimiter(3, 60_000, clock);
  });

  function fail(address: string, times: number): void {
    for (let i = 0; i < times; i++) limiter.failed(address);
  }

  it("is reached after so many, for that address alone", () => {
    fail("192.0.2.1", 2);
    assert.ok(limiter.allows("192.0.2.1"));
    fail("192.0.2.1", 1);
    assert.ok(!limiter.allows("192.0.2.1"));
    assert.ok(limiter.allows("192.0.2.2"));
  });

  it("is over when the window is, counted from the first failure", () => {
    fail("192.0.2.1", 1);
    clock.time += 40_000;
    fail("192.0.2.1", 2);
    assert.ok(!limiter.allows("192.0.2.1"));
    clock.time += 19_999;
    assert.ok(!limiter.allows("192.0.2.1"));
    clock.time += 2;
    assert.ok(limiter.allows("192.0.2.1"));
    fail("192.0.2.1", 2);
    assert.ok(limiter.allows("192.0.2.1"), "what was before does not count any more");
  });

  it("is not moved by attempts that are refused", () => {
    fail("192.0.2.1", 3);
    clock.time += 59_999;
    fail("192.0.2.1", 5);
    clock.time += 2;
    assert.ok(limiter.allows("192.0.2.1"));
  });

  it("is one for all addresses of an IPv6 host, and for an IPv4 address in IPv6 clothes", () => {
    for (const address of ["2001:db8:1:2::1", "2001:db8:1:2::2", "2001:db8:1:2:a:b:c:d"]) fail(address, 1);
    assert.ok(!limiter.allows("2001:db8:1:2::ffff"));
    assert.ok(limiter.allows("2001:db8:1:3::ffff"));
    fail("::ffff:192.0.2.1", 3);
    assert.ok(!limiter.allows("192.0.2.1"));
  });
});
