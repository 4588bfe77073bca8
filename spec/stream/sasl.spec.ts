import assert from "node:assert/strict";
import { createHook } from "node:async_hooks";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { serverEndPoint } from "../../src/transport/certificate-hash.js";
import { Jid } from "../../src/xmpp/jid.js";
import { auth, conditionOf, mechanismsOf, NS_SASL, RawClient } from "../support/raw-client.js";
import { startTestServer, type TestServer } from "../support/server.js";

const PASSWORD = "secret";
const HASHES = ["SCRAM-SHA-512", "SCRAM-SHA-256", "SCRAM-SHA-1"];
const GUESS = auth("PLAIN", Buffer.from("\0romeo\0wrong"));

describe("SASL on the wire", () => {
  let test: TestServer;
  let direct: number;
  const login = { name: "romeo", password: PASSWORD };

  async function start(overrides = {}): Promise<void> {
    test = await startTestServer({
      listen: [
        { type: "c2s", port: 0 },
        { type: "c2s-tls", port: 0 },
      ],
      ...overrides,
    });
    direct = test.server.listening[1].port;
    await test.createAccount(Jid.parse(`romeo@${test.domain}`), PASSWORD);
  }

  async function begun(): Promise<{ client: RawClient; features: Element }> {
    const client = await RawClient.open(test.port);
    return { client, features: await client.header(test.domain) };
  }
  type Element = Awaited<ReturnType<RawClient["header"]>>;

  async function encrypted(version: "TLSv1.2" | "TLSv1.3") {
    const client = await RawClient.openTls(direct, { minVersion: version, maxVersion: version });
    const features = await client.header(test.domain);
    const binding: Record<string, Buffer> = {
      "tls-server-end-point": serverEndPoint(client.tls.getPeerCertificate().raw) as Buffer,
    };
    if (version === "TLSv1.3")
      binding["tls-exporter"] = client.tls.exportKeyingMaterial(
        32,
        "EXPORTER-Channel-Binding",
        Buffer.alloc(0),
      );
    return { client, features, binding };
  }

  function bindingTypes(features: Element): string[] {
    const list = features.getChild("sasl-channel-binding", "urn:xmpp:sasl-cb:0");
    return (list?.getChildren("channel-binding") ?? []).map((element) => element.attrs.type);
  }

  describe("with TLS at the client's choice", () => {
    before(() => start({ auth: { plainWithoutTls: false, iterations: 4096 } }));
    after(() => test.stop());

    it("offers SCRAM without TLS, but neither PLAIN nor channel binding, and takes neither", async () => {
      const { client, features } = await begun();
      assert.deepEqual(mechanismsOf(features), HASHES);
      assert.deepEqual(bindingTypes(features), []);
      client.write(auth("PLAIN", Buffer.from(`\0romeo\0${PASSWORD}`)));
      assert.equal(conditionOf(await client.named("failure")), "invalid-mechanism");
      client.write(auth("SCRAM-SHA-1-PLUS", Buffer.from("p=tls-exporter,,n=romeo,r=abc")));
      assert.equal(conditionOf(await client.named("failure")), "invalid-mechanism");
      await client.drop();
    });

    for (const mechanism of HASHES) {
      it(`${mechanism} logs in without TLS, and the server proves that it knows the password`, async () => {
        const { client } = await begun();
        assert.equal((await client.scram(mechanism, login)).getName(), "success");
        await client.header(test.domain);
        assert.match(await client.bind(), /^romeo@localhost\//);
        await client.drop();
      });
    }

    for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
      it(`announces over ${version} the channel bindings that it accepts, and no other`, async () => {
        const { client, features, binding } = await encrypted(version);
        assert.deepEqual(bindingTypes(features).sort(), Object.keys(binding).sort());
        for (const type of ["tls-exporter", "tls-server-end-point", "tls-unique"]) {
          const { client, binding } = await encrypted(version);
          const outcome = await client.scram("SCRAM-SHA-256-PLUS", {
            ...login,
            gs2: `p=${type},,`,
            binding: binding[type],
          });
          assert.equal(outcome.getName(), binding[type] ? "success" : "failure", type);
          await client.drop();
        }
        await client.drop();
      });

      for (const mechanism of HASHES) {
        it(`${mechanism}-PLUS binds the channel over ${version}, and refuses wrong binding data`, async () => {
          const { client, features, binding } = await encrypted(version);
          assert.ok(mechanismsOf(features).includes(`${mechanism}-PLUS`));
          for (const [type, data] of Object.entries(binding)) {
            const wrong = Buffer.from(data);
            wrong[0] ^= 1;
            const bent = { ...login, gs2: `p=${type},,`, binding: wrong };
            const refused = await client.scram(`${mechanism}-PLUS`, bent);
            assert.equal(conditionOf(refused), "not-authorized");
          }
          const type = Object.keys(binding).at(-1) as string;
          const right = { ...login, gs2: `p=${type},,`, binding: binding[type] };
          assert.equal((await client.scram(`${mechanism}-PLUS`, right)).getName(), "success");
          await client.header(test.domain);
          await client.bind();
          await client.drop();
        });
      }
    }

    it("refuses a client that believes the server cannot bind, where it can", async () => {
      const { client } = await encrypted("TLSv1.3");
      assert.equal(
        conditionOf(await client.scram("SCRAM-SHA-256", { ...login, gs2: "y,," })),
        "not-authorized",
      );
      // Without TLS nothing was taken out of the list.
      const { client: plain } = await begun();
      assert.equal((await plain.scram("SCRAM-SHA-256", { ...login, gs2: "y,," })).getName(), "success");
      await Promise.all([client.drop(), plain.drop()]);
    });

    it("takes no binding data of one connection on another", async () => {
      const { binding } = await encrypted("TLSv1.3");
      const { client } = await encrypted("TLSv1.3");
      const stolen = { ...login, gs2: "p=tls-exporter,,", binding: binding["tls-exporter"] };
      assert.equal(conditionOf(await client.scram("SCRAM-SHA-256-PLUS", stolen)), "not-authorized");
      await client.drop();
    });

    it("offers EXTERNAL to nobody who shows no certificate", async () => {
      const { client, features } = await encrypted("TLSv1.3");
      assert.ok(!mechanismsOf(features).includes("EXTERNAL"));
      client.write(auth("EXTERNAL", "="));
      assert.equal(conditionOf(await client.named("failure")), "invalid-mechanism");
      await client.drop();
    });

    it("offers ANONYMOUS only where that is switched on", async () => {
      const { client } = await begun();
      client.write(auth("ANONYMOUS", ""));
      assert.equal(conditionOf(await client.named("failure")), "invalid-mechanism");
      await client.drop();
    });
  });

  describe("for nobody in particular", () => {
    before(() => start({ auth: { anonymous: true } }));
    after(() => test.stop());

    it("lets everybody in under a name of their own, with and without a word", async () => {
      const names = new Set<string>();
      for (const trace of ["", "=", Buffer.from("trace").toString("base64")]) {
        const { client } = await begun();
        client.write(auth("ANONYMOUS", trace));
        if (trace === "") {
          assert.equal((await client.named("challenge")).getText(), "");
          client.write(`<response xmlns='${NS_SASL}'/>`);
        }
        await client.named("success");
        await client.header(test.domain);
        names.add(await client.bind());
        await client.drop();
      }
      assert.equal(names.size, 3);
    });
  });

  describe("for those who guess", () => {
    beforeEach(() =>
      start({
        auth: { plainWithoutTls: true, iterations: 4096, attemptsPerAddress: { count: 7, window: "1h" } },
      }),
    );
    afterEach(() => test.stop());

    it("ends after some attempts on one connection", async () => {
      const { client } = await begun();
      for (let i = 0; i < 4; i++) {
        client.write(GUESS);
        assert.equal(conditionOf(await client.named("failure")), "not-authorized");
      }
      client.write(GUESS);
      assert.equal(await client.streamError(), "policy-violation");
      await client.closed;
    });

    it("refuses even the right password for a while after too many from one address", async () => {
      for (let i = 0; i < 7; i++) {
        const { client } = await begun();
        client.write(GUESS);
        assert.equal(conditionOf(await client.named("failure")), "not-authorized");
        await client.drop();
      }
      const { client } = await begun();
      client.write(auth("PLAIN", Buffer.from(`\0romeo\0${PASSWORD}`)));
      assert.equal(conditionOf(await client.named("failure")), "temporary-auth-failure");
      await client.drop();
    });

    it("tells no more of guesses made at once than of guesses made one by one", async () => {
      const all = await Promise.all(Array.from({ length: 40 }, begun));
      const told: string[] = [];
      await Promise.all(
        all.map(async ({ client }, i) => {
          client.write(i === 39 ? auth("PLAIN", Buffer.from(`\0romeo\0${PASSWORD}`)) : GUESS);
          const outcome = await client.next((element) => element.getNS() === NS_SASL);
          told.push(outcome.is("success") ? "success" : conditionOf(outcome));
        }),
      );
      assert.ok(told.filter((one) => one !== "temporary-auth-failure").length <= 7, told.join(" "));
      await Promise.all(all.map(({ client }) => client.drop()));
    });

    it("says and does the same for a user that does not exist", async () => {
      const derived: string[] = [];
      for (const name of ["romeo", "nobody"]) {
        const { client } = await begun();
        client.write(auth("PLAIN", Buffer.from(`\0${name}\0wrong`)));
        derived.push((await client.named("failure")).toString());
        const outcomes = [];
        for (const mechanism of HASHES) {
          client.write(auth(mechanism, Buffer.from(`n,,n=${name},r=abc`)));
          const first = Buffer.from((await client.named("challenge")).getText(), "base64").toString();
          outcomes.push(first.replace(/r=[^,]+|s=[^,]+/g, (part) => `${part[0]}${part.length}`));
          client.write(`<abort xmlns='${NS_SASL}'/>`);
          outcomes.push((await client.named("failure")).toString());
        }
        outcomes.push((await client.scram("SCRAM-SHA-1", { name, password: "wrong" })).toString());
        derived.push(outcomes.join("\n"));
        await client.drop();
      }
      assert.equal(derived[0], derived[2]);
      assert.equal(derived[1], derived[3]);
    });

    it("works as hard for a user that does not exist as for a wrong password", async () => {
      const derivations: number[] = [];
      for (const name of ["romeo", "nobody"]) {
        let count = 0;
        // Work in the thread pool; the client's own is not done there.
        const hook = createHook({
          init: (_id, type) => {
            if (type === "PBKDF2REQUEST") count += 1;
          },
        });
        const { client } = await begun();
        hook.enable();
        client.write(auth("PLAIN", Buffer.from(`\0${name}\0wrong`)));
        await client.named("failure");
        hook.disable();
        derivations.push(count);
        await client.drop();
      }
      assert.deepEqual(derivations, [1, 1]);
    });

    it("keeps the made-up salt of a user that does not exist", async () => {
      const salts = new Set<string>();
      for (let i = 0; i < 2; i++) {
        const { client } = await begun();
        client.write(auth("SCRAM-SHA-256", Buffer.from("n,,n=nobody,r=abc")));
        const first = Buffer.from((await client.named("challenge")).getText(), "base64").toString();
        salts.add(first.split(",")[1]);
        await client.drop();
      }
      assert.equal(salts.size, 1);
    });
  });

  describe("when auth.iterations has changed", () => {
    const storage = { sqlite: { file: "iterations.sqlite" } };
    let data: string;
    const startWith = (iterations: number) =>
      start({ data, storage, auth: { plainWithoutTls: true, iterations } });

    beforeEach(async () => {
      data = await mkdtemp(join(tmpdir(), "sluice-iterations-"));
      await startWith(4096);
      await test.stop();
      test = await startTestServer({ data, storage, auth: { plainWithoutTls: true, iterations: 6000 } });
    });
    afterEach(async () => {
      await test.stop();
      await rm(data, { recursive: true, force: true });
    });

    async function iterationsOf(name: string): Promise<string> {
      const { client } = await begun();
      client.write(auth("SCRAM-SHA-256", Buffer.from(`n,,n=${name},r=abc`)));
      const first = Buffer.from((await client.named("challenge")).getText(), "base64").toString();
      await client.drop();
      return first.split(",")[2];
    }

    it("says the same for a user that does not exist as for one with an old password", async () => {
      assert.equal(await iterationsOf("romeo"), "i=4096");
      assert.equal(await iterationsOf("nobody"), "i=4096");
    });

    it("has new keys for who logs in with PLAIN, and lets him in with SCRAM afterwards", async () => {
      const { client } = await begun();
      await client.plain("romeo", test.domain, PASSWORD);
      await client.drop();
      assert.equal(await iterationsOf("romeo"), "i=6000");
      const { client: again } = await begun();
      assert.ok((await again.scram("SCRAM-SHA-512", login)).is("success"));
      await again.drop();
    });
  });
});
