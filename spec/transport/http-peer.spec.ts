import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";
import { HttpPeers } from "../../src/transport/http-peer.js";

interface Asked {
  from: string;
  to?: string;
  headers?: Record<string, string>;
}

function peerOf(trusted: string[], { from, to = "192.0.2.9", headers = {} }: Asked) {
  const socket = { remoteAddress: from, localAddress: to };
  const { address, secure, proxied } = new HttpPeers(trusted).of({
    socket,
    headers,
  } as unknown as IncomingMessage);
  return { address, secure, proxied };
}

describe("Who speaks HTTP", () => {
  it("is who the connection says", () => {
    assert.deepEqual(peerOf([], { from: "192.0.2.1" }), {
      address: "192.0.2.1",
      secure: false,
      proxied: false,
    });
    assert.equal(peerOf([], { from: "::ffff:192.0.2.1" }).address, "192.0.2.1");
  });

  it("is not whom he claims to forward, unless he is a proxy of ours", () => {
    const headers = { "x-forwarded-for": "203.0.113.5", "x-forwarded-proto": "https" };
    assert.deepEqual(peerOf(["10.0.0.0/8"], { from: "192.0.2.1", headers }), {
      address: "192.0.2.1",
      secure: false,
      proxied: false,
    });
    assert.deepEqual(peerOf(["10.0.0.0/8"], { from: "10.1.2.3", headers }), {
      address: "203.0.113.5",
      secure: true,
      proxied: true,
    });
  });

  it("is the last address that no proxy of ours has", () => {
    const headers = { "x-forwarded-for": "203.0.113.99, 203.0.113.5, 10.0.0.7" };
    assert.equal(peerOf(["10.0.0.0/8"], { from: "10.1.2.3", headers }).address, "203.0.113.5");
  });

  it("is the last that makes sense where the list does not", () => {
    const headers = { "x-forwarded-for": "nonsense, 10.0.0.7" };
    assert.equal(peerOf(["10.0.0.0/8"], { from: "10.1.2.3", headers }).address, "10.0.0.7");
    assert.equal(peerOf(["10.0.0.0/8"], { from: "10.1.2.3", headers: { via: "1.1 a" } }).address, "10.1.2.3");
  });

  it("may have a port, and IPv6 brackets", () => {
    const trusted = ["::1"];
    const address = (list: string) =>
      peerOf(trusted, { from: "::1", headers: { "x-forwarded-for": list } }).address;
    assert.equal(address("203.0.113.5:4711"), "203.0.113.5");
    assert.equal(address("[2001:db8::1]:4711"), "2001:db8::1");
    assert.equal(address("2001:db8::1"), "2001:db8::1");
  });

  it("is secure over TLS all the way, as far as the proxies say", () => {
    const secure = (proto: string) =>
      peerOf(["10.0.0.1"], { from: "10.0.0.1", headers: { "x-forwarded-proto": proto } }).secure;
    assert.equal(secure("https"), true);
    assert.equal(secure("wss"), true);
    assert.equal(secure("http"), false);
    assert.equal(secure("https, http"), false);
    assert.equal(secure(""), false);
  });

  it("is secure on this machine, where nothing was forwarded", () => {
    assert.equal(peerOf([], { from: "127.0.0.1", to: "127.0.0.1" }).secure, true);
    assert.equal(peerOf([], { from: "::1", to: "::1" }).secure, true);
    assert.equal(peerOf([], { from: "127.0.0.1", to: "127.0.0.1", headers: { via: "1.1 a" } }).secure, false);
    assert.equal(
      peerOf([], { from: "127.0.0.1", to: "127.0.0.1", headers: { "x-forwarded-proto": "https" } }).secure,
      false,
    );
    assert.equal(peerOf([], { from: "192.0.2.1", to: "127.0.0.1" }).secure, false);
  });

  it("is plain and local on this machine, without TLS, where nothing was forwarded", () => {
    const here = { value: "127.0.0.1" };
    const plainLocal = (trusted: string[], headers = {}, kind: object = Object.prototype) => {
      const socket = Object.create(kind, { remoteAddress: here, localAddress: here });
      return new HttpPeers(trusted).of({ socket, headers } as unknown as IncomingMessage).plainLocal;
    };
    assert.equal(plainLocal([]), true);
    assert.equal(plainLocal([], {}, TLSSocket.prototype), false);
    for (const trusted of [[], ["127.0.0.1"]])
      assert.equal(plainLocal(trusted, { "x-forwarded-proto": "https" }), false);
  });
});
