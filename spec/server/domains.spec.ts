import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ensureSelfSigned } from "../../src/transport/certificates.js";
import { Place } from "../cli/place.js";
import { type Person, RawClient, shownFingerprint } from "../cli/raw-client.js";
import type { SluiceProcess } from "../cli/sluice-process.js";

const A = "a.example";
const B = "b.example";

describe("A server of two domains", () => {
  let place: Place;
  let server: SluiceProcess;
  let port: number;
  const fingerprints = new Map<string, string>();

  before(async () => {
    place = new Place();
    mkdirSync(join(place.path, "tls"));
    const files = async (domain: string) => {
      const { certPem, keyPem } = await ensureSelfSigned(domain, join(place.path, domain));
      fingerprints.set(domain, new X509Certificate(certPem).fingerprint256);
      const [certificate, key] = [".crt", ".key"].map((end) => join(place.path, "tls", domain + end));
      writeFileSync(certificate, certPem);
      writeFileSync(key, keyPem);
      return { certificate, key };
    };
    await place.configure({
      domains: {
        [A]: { ...(await files(A)), anonymous: true },
        [B]: { ...(await files(B)), plugins: { ping: false } },
      },
      listen: [
        { type: "c2s", port: 0 },
        { type: "c2s-tls", port: 0 },
      ],
    });
    await place.addUser(`romeo@${A}`, "secret");
    await place.addUser(`juliet@${B}`, "another");
    server = await place.start();
    port = await server.port();
  });
  after(() => place.remove());

  const clients: RawClient[] = [];
  afterEach(() => {
    for (const client of clients.splice(0)) client.drop();
  });

  async function online(person: Person): Promise<RawClient> {
    const client = await RawClient.online(port, person);
    clients.push(client);
    return client;
  }

  async function connected(): Promise<RawClient> {
    const client = await RawClient.open(port);
    clients.push(client);
    return client;
  }

  const romeo = { name: "romeo", domain: A };
  const juliet = { name: "juliet", domain: B, password: "another" };

  it("shows the certificate of the domain that the client asks for", async () => {
    const tls = await server.port("c2s-tls");
    assert.equal(await shownFingerprint(tls, A), fingerprints.get(A));
    assert.equal(await shownFingerprint(tls, B), fingerprints.get(B));
    assert.equal(await shownFingerprint(tls, "c.example"), fingerprints.get(A));
  });

  it("takes over a renewed certificate of one domain, and leaves the other alone", async () => {
    const tls = await server.port("c2s-tls");
    const { certPem, keyPem } = await ensureSelfSigned(B, join(place.path, "renewed"));
    writeFileSync(join(place.path, "tls", `${B}.crt`), certPem);
    writeFileSync(join(place.path, "tls", `${B}.key`), keyPem);
    server.signal("SIGHUP");
    await server.says(/configuration read again/);
    assert.equal(await shownFingerprint(tls, A), fingerprints.get(A));
    assert.equal(await shownFingerprint(tls, B), new X509Certificate(certPem).fingerprint256);
  });

  it("keeps the accounts of each domain apart", async () => {
    const client = await connected();
    assert.equal(await client.logIn({ ...romeo, domain: B }), false);
    assert.equal((await place.run(["user", "list", A])).stdout, `romeo@${A}\n`);
    assert.equal((await place.run(["user", "list"])).stdout, `romeo@${A}\njuliet@${B}\n`);
    await place.addUser(`romeo@${B}`, "a third");
    assert.equal(await (await connected()).logIn({ ...romeo, domain: B, password: "a third" }), true);
    assert.equal(await (await connected()).logIn(romeo), true);
    assert.equal((await place.run(["user", "delete", `romeo@${B}`])).code, 0);
    assert.equal(await (await connected()).logIn(romeo), true);
  });

  it("delivers from one domain to the other, at once and later", async () => {
    const from = await online(romeo);
    from.write(`<message to='juliet@${B}' type='chat'><body>while away</body></message>`);
    await from.ping("stored");
    const to = await online(juliet);
    await to.receives(/<message[^>]* from=["']romeo@a\.example\/spec["'][\s\S]*while away/);
    from.write(`<message to='juliet@${B}/spec' type='chat'><body>at once</body></message>`);
    await to.receives(/at once/);
    to.write(`<message to='romeo@${A}' type='chat'><body>and back</body></message>`);
    await from.receives(/<message[^>]* from=["']juliet@b\.example\/spec["'][\s\S]*and back/);
  });

  it("switches a plugin off for one domain alone", async () => {
    const ask = async (person: Person) => {
      const client = await online(person);
      client.write(`<iq type='get' id='p' to='${person.domain}'><ping xmlns='urn:xmpp:ping'/></iq>`);
      return (
        await client.receives(
          /<iq[^>]* type=["'](result|error)["'][^>]* id=["']p["']|<iq[^>]* id=["']p["'][^>]* type=["'](result|error)["']/,
        )
      )
        .slice(1)
        .find((type) => type !== undefined);
    };
    assert.equal(await ask(romeo), "result");
    assert.equal(await ask(juliet), "error");
  });

  it("lets people in without an account on one domain alone", async () => {
    const enter = async (domain: string) => {
      const client = await connected();
      client.write(
        `<?xml version='1.0'?><stream:stream to='${domain}' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>`,
      );
      await client.receives(/<\/stream:features>/);
      const offered = client.text.includes("<mechanism>ANONYMOUS</mechanism>");
      client.write("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='ANONYMOUS'>=</auth>");
      const [outcome] = await client.receives(/<success|<failure/);
      return { offered, let: outcome === "<success" };
    };
    assert.deepEqual(await enter(A), { offered: true, let: true });
    assert.deepEqual(await enter(B), { offered: false, let: false });
  });

  it("does not know a third", async () => {
    const client = await connected();
    client.write(
      "<?xml version='1.0'?><stream:stream to='c.example' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>",
    );
    await client.receives(/<host-unknown/);
    const from = await online(romeo);
    from.write("<message to='juliet@c.example' id='far'><body>far away</body></message>");
    await from.receives(/remote-server-not-found/);
  });
});
