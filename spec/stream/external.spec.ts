import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addressesOf } from "../../src/stream/external.js";
import { encode, oid, TAG } from "../../src/transport/der.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Authority, type Identity } from "../support/authority.js";
import { auth, conditionOf, mechanismsOf, RawClient } from "../support/raw-client.js";
import { startTestServer, type TestServer } from "../support/server.js";

/** RFC 6120 §13.7.1.4 */
function xmppAddress(jid: string, type = "1.3.6.1.5.5.7.8.5", tag: number = TAG.utf8String): Buffer {
  return encode(0xa0, oid(type), encode(0xa0, encode(tag, Buffer.from(jid))));
}

const email = (address: string) => encode(0x81, Buffer.from(address, "latin1"));
const dnsName = (name: string) => encode(0x82, Buffer.from(name));

describe("EXTERNAL, with a client certificate", () => {
  const authority = new Authority("The authority");
  let test: TestServer;
  let folder: string;
  let direct: number;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "sluice-external-"));
    await writeFile(join(folder, "ca.pem"), authority.certificate);
    test = await startTestServer({
      listen: [
        { type: "c2s", port: 0 },
        { type: "c2s-tls", port: 0 },
      ],
      tls: { clientCertificates: "request", clientCa: join(folder, "ca.pem") },
    });
    direct = test.server.listening[1].port;
    for (const name of ["romeo", "juliet"])
      await test.createAccount(Jid.parse(`${name}@${test.domain}`), "secret");
  });
  after(async () => {
    await test.stop();
    await rm(folder, { recursive: true });
  });

  /** @returns what became of it: "not offered", the condition of a failure, or the bare JID that was bound. */
  async function outcome(identity: Identity | undefined, authzid = "", options = {}): Promise<string> {
    const client = await RawClient.openTls(direct, { ...identity, ...options });
    const features = await client.header(test.domain);
    const offered = mechanismsOf(features).includes("EXTERNAL");
    client.write(auth("EXTERNAL", authzid === "" ? "=" : Buffer.from(authzid)));
    const answer = await client.next((element) => element.is("success") || element.is("failure"));
    let result = offered ? conditionOf(answer) : "not offered";
    if (answer.is("success")) {
      assert.ok(offered);
      await client.header(test.domain);
      result = Jid.parse(await client.bind()).bareText;
    }
    await client.drop();
    return result;
  }

  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    it(`lets the owner of an XMPP address in over ${version}, with and without saying so`, async () => {
      const identity = authority.issue([xmppAddress("romeo@localhost")]);
      const options = { minVersion: version, maxVersion: version };
      assert.equal(await outcome(identity, "", options), "romeo@localhost");
      assert.equal(await outcome(identity, "romeo@localhost", options), "romeo@localhost");
    });
  }

  it("works after STARTTLS, too", async () => {
    const client = await RawClient.open(test.port);
    await client.header(test.domain);
    const features = await client.startTls(test.domain, authority.issue([xmppAddress("romeo@localhost")]));
    assert.ok(mechanismsOf(features).includes("EXTERNAL"));
    client.write(auth("EXTERNAL", "="));
    await client.named("success");
    await client.drop();
  });

  it("takes an e-mail address of the domain for an address", async () => {
    assert.equal(await outcome(authority.issue([email("romeo@localhost")])), "romeo@localhost");
  });

  it("takes an address that is written differently, and the same one twice, for one", async () => {
    const names = [xmppAddress("Romeo@LOCALHOST"), email("romeo@localhost")];
    assert.equal(await outcome(authority.issue(names)), "romeo@localhost");
  });

  it("wants to be told which of several addresses", async () => {
    const identity = authority.issue([xmppAddress("romeo@localhost"), xmppAddress("juliet@localhost")]);
    assert.equal(await outcome(identity), "invalid-authzid");
    assert.equal(await outcome(identity, "juliet@localhost"), "juliet@localhost");
    assert.equal(await outcome(identity, "romeo@localhost"), "romeo@localhost");
  });

  it("lets nobody act for somebody else", async () => {
    const identity = authority.issue([xmppAddress("romeo@localhost")]);
    assert.equal(await outcome(identity, "juliet@localhost"), "invalid-authzid");
    assert.equal(await outcome(identity, "romeo@other.example"), "invalid-authzid");
    assert.equal(await outcome(identity, "no jid @"), "invalid-authzid");
  });

  it("does not know an account that does not exist", async () => {
    assert.equal(await outcome(authority.issue([xmppAddress("nobody@localhost")])), "not-authorized");
  });

  for (const [title, names] of Object.entries({
    "no name at all": [],
    "a host's name": [dnsName("localhost"), dnsName("romeo@localhost")],
    "an address of another domain": [xmppAddress("romeo@other.example"), email("romeo@localhost.example")],
    "an address with a resource": [xmppAddress("romeo@localhost/orchard")],
    "a domain alone": [xmppAddress("localhost")],
    "an address of another kind": [xmppAddress("romeo@localhost", "1.3.6.1.5.5.7.8.7")],
    "an address that is no UTF-8 string": [xmppAddress("romeo@localhost", undefined, 0x16)],
    "an e-mail address that looks like more": [email("x, othername:XmppAddr:romeo@localhost")],
    "a host's name that looks like an address": [dnsName("x, email:romeo@localhost")],
    "what is no address": [xmppAddress("@@"), email("")],
  })) {
    it(`is not offered to those whose certificate has ${title}`, async () => {
      assert.equal(await outcome(authority.issue(names)), "not offered");
    });
  }

  it("is not offered to a certificate of an authority that is not trusted", async () => {
    const stranger = new Authority("Another authority");
    assert.equal(await outcome(stranger.issue([xmppAddress("romeo@localhost")])), "not offered");
  });

  for (const [title, identity] of Object.entries({
    "is forged": new Authority("The authority").issue([xmppAddress("romeo@localhost")]),
    "is in bad shape": authority.issue([encode(0xa0), encode(0x81)]),
  })) {
    it(`ends the connection of those whose certificate ${title}, and of nobody else`, async () => {
      const other = await RawClient.open(test.port);
      await assert.rejects(outcome(identity));
      await other.header(test.domain);
      await other.drop();
      assert.equal(
        await outcome(authority.issue([xmppAddress("romeo@localhost")]), "romeo@localhost"),
        "romeo@localhost",
      );
    });
  }

  it("proves nothing by a certificate that cannot be read", () => {
    const { raw } = new X509Certificate(authority.issue([xmppAddress("romeo@localhost")]).cert);
    for (let length = 0; length < raw.length; length++)
      assert.deepEqual(addressesOf({ raw: raw.subarray(0, length) } as X509Certificate), []);
    assert.deepEqual(addressesOf({ raw } as X509Certificate), ["romeo@localhost"]);
  });

  it("is not offered to a certificate that has expired", async () => {
    const identity = authority.issue([xmppAddress("romeo@localhost")], Date.now() - 60_000);
    assert.equal(await outcome(identity), "not offered");
  });

  it("is not offered to those without a certificate", async () => {
    assert.equal(await outcome(undefined), "not offered");
  });
});
