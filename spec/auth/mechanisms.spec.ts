import assert from "node:assert/strict";
import { mechanisms } from "../../src/auth/mechanisms.js";
import type { AuthContext } from "../../src/auth/types.js";
import { answer, challenge, contextOf, contextWith, fails, step, success } from "./support.js";

function create(name: string, context: AuthContext) {
  const type = mechanisms.find((mechanism) => mechanism.name === name);
  assert.ok(type, name);
  return type.create(context);
}

describe("SASL mechanisms", () => {
  it("are listed strongest first", () => {
    assert.deepEqual(
      mechanisms.map(({ name }) => name),
      [
        "SCRAM-SHA-512-PLUS",
        "SCRAM-SHA-512",
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-1",
        "EXTERNAL",
        "PLAIN",
        "ANONYMOUS",
      ],
    );
  });

  it("say which of them need TLS and which need channel binding", () => {
    const names = (key: "needsTls" | "plus") => mechanisms.filter((m) => m[key]).map((m) => m.name);
    assert.deepEqual(names("plus"), ["SCRAM-SHA-512-PLUS", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS"]);
    assert.deepEqual(names("needsTls"), [...names("plus"), "EXTERNAL", "PLAIN"]);
  });

  for (const hash of ["1", "256", "512"])
    for (const plus of [false, true])
      it(`make a SCRAM-SHA-${hash}${plus ? "-PLUS" : ""} of that hash and binding`, async () => {
        const binding = Buffer.from("exported");
        const context = await contextWith({
          bindings: new Map([["tls-exporter", binding]]),
          offeredPlus: true,
        });
        const scram = create(`SCRAM-SHA-${hash}${plus ? "-PLUS" : ""}`, context);
        const gs2 = plus ? "p=tls-exporter,," : "n,,";
        const bare = "n=user,r=abc";
        const login = { password: "pencil", digest: `sha${hash}`, bare, gs2, ...(plus ? { binding } : {}) };
        const { message, expected } = answer(await challenge(scram, gs2 + bare), login);
        assert.equal(String((await success(scram, message)).data), expected);
      });
});

describe("EXTERNAL", () => {
  const external = (identities: string[], accounts = ["user", "other"]) =>
    create(
      "EXTERNAL",
      contextOf(Object.fromEntries(accounts.map((name) => [name, {}])), { externalIdentities: identities }),
    );

  it("lets in the one account that the certificate names, asked for or not", async () => {
    const { username, authzid } = await success(external(["User@example.com"]), "");
    assert.deepEqual([username, authzid], ["user", undefined]);
    assert.equal(
      (await success(external(["user@example.com"]), "user@example.com")).authzid,
      "user@example.com",
    );
  });

  it("lets the client choose among several", async () => {
    const outcome = await success(external(["user@example.com", "other@example.com"]), "other@example.com");
    assert.deepEqual([outcome.username, outcome.authzid], ["other", "other@example.com"]);
  });

  it("wants the choice to be made (XEP-0178 §2)", async () => {
    await fails(step(external(["user@example.com", "other@example.com"]), ""), "invalid-authzid");
  });

  it("refuses a choice that the certificate does not prove", async () => {
    for (const authzid of ["other@example.com", "user@example.com/x", "user", "\u265A"])
      await fails(step(external(["user@example.com"]), authzid), "invalid-authzid");
  });

  it("refuses certificates that name no account of this domain", async () => {
    for (const identities of [[], ["user@example.net"], ["example.com"], ["user@example.com/x"], ["@"]])
      await fails(step(external(identities), ""), "not-authorized");
    await fails(step(external(["gone@example.com"]), ""), "not-authorized");
  });

  it("refuses an identity that is no UTF-8", async () => {
    await fails(step(external(["user@example.com"]), Buffer.from([0xc3])), "malformed-request");
  });
});

describe("ANONYMOUS", () => {
  it("lets everybody in, each under a name of their own", async () => {
    const context = contextOf({});
    const names = new Set<string>();
    for (const trace of ["", "sirhc", "\u00E9@example.com", "x"]) {
      const { username, anonymous, authzid } = await success(create("ANONYMOUS", context), trace);
      assert.deepEqual([anonymous, authzid], [true, undefined]);
      names.add(username);
    }
    assert.equal(names.size, 4);
  });

  it("refuses a trace that is too long or no UTF-8 (RFC 4505 §2)", async () => {
    const context = contextOf({});
    await success(create("ANONYMOUS", context), "\u{1F600}".repeat(255));
    await fails(step(create("ANONYMOUS", context), "x".repeat(256)), "malformed-request");
    await fails(step(create("ANONYMOUS", context), Buffer.from([0xff])), "malformed-request");
  });
});
