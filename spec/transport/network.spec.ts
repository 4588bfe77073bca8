import assert from "node:assert/strict";
import { networkOf } from "../../src/transport/network.js";
import { PerAddress } from "../../src/transport/per-address.js";

describe("What is counted by address", () => {
  it("takes an IPv6 host with all addresses of its /64 for one", () => {
    assert.equal(networkOf("2001:db8:1:2::5"), networkOf("2001:DB8:1:2:aaaa:bbbb:cccc:dddd"));
    assert.equal(networkOf("2001:db8::1"), networkOf("2001:0db8:0:0:1::"));
    assert.notEqual(networkOf("2001:db8:1:2::5"), networkOf("2001:db8:1:3::5"));
    assert.equal(networkOf("fe80::1%eth0"), networkOf("fe80::2"));
  });

  it("takes an IPv4 address in IPv6 clothes for what it is", () => {
    assert.equal(networkOf("::ffff:192.0.2.1"), "192.0.2.1");
    assert.equal(networkOf("192.0.2.1"), "192.0.2.1");
  });

  it("is bounded for all connections of an IPv6 host together", () => {
    const connections = new PerAddress(2);
    assert.ok(connections.enter("2001:db8:1:2::5"));
    assert.ok(connections.enter("2001:db8:1:2::6"));
    assert.ok(!connections.enter("2001:db8:1:2::7"));
    assert.ok(connections.enter("2001:db8:1:3::7"));
    connections.leave("2001:db8:1:2::5");
    assert.ok(connections.enter("2001:db8:1:2::7"));
  });
});
