import assert from "node:assert/strict";
import { deriveCredentials, verifyPassword } from "../../src/auth/keys.js";
import { Plain } from "../../src/auth/plain.js";
import { type Credentials, scramHashes } from "../../src/auth/types.js";
import { contextOf, contextWith, fails, ITERATIONS, step, success } from "./support.js";

describe("PLAIN", () => {
  it("lets in a user with the right password", async () => {
    const { username, authzid, data } = await success(new Plain(await contextWith()), "\0user\0pencil");
    assert.deepEqual([username, authzid, data], ["user", undefined, undefined]);
  });

  it("prepares name and password (RFC 8265)", async () => {
    const context = contextOf({ "us\u00E9r": await deriveCredentials("p\u00E9n cil", ITERATIONS) });
    assert.equal(
      (await success(new Plain(context), "\0Use\u0301R\0pe\u0301n\u3000cil")).username,
      "us\u00E9r",
    );
  });

  it("takes the user's own bare JID as authzid", async () => {
    const { authzid } = await success(new Plain(await contextWith()), "user@Example.com\0user\0pencil");
    assert.equal(authzid, "user@example.com");
  });

  const refused: [why: string, message: string | Buffer, condition: Parameters<typeof fails>[1]][] = [
    ["a wrong password", "\0user\0pen", "not-authorized"],
    ["an unknown user", "\0nobody\0pencil", "not-authorized"],
    ["a password that cannot be one", "\0user\0pen\tcil", "not-authorized"],
    ["somebody else's authzid", "other@example.com\0user\0pencil", "invalid-authzid"],
    ["a full JID as authzid", "user@example.com/x\0user\0pencil", "invalid-authzid"],
    ["an authzid without domain", "user\0user\0pencil", "invalid-authzid"],
    ["nothing", "", "malformed-request"],
    ["no password", "\0user", "malformed-request"],
    ["an empty password", "\0user\0", "malformed-request"],
    ["an empty name", "\0\0pencil", "malformed-request"],
    ["a third NUL", "\0user\0pencil\0", "malformed-request"],
    ["a name that no account can have", "\0us er\0pencil", "malformed-request"],
    ["a JID for a name", "\0user@example.com\0pencil", "malformed-request"],
    ["bytes that are no UTF-8", Buffer.from("\0user\0\u00E9", "latin1"), "malformed-request"],
    ["more bytes than any message needs", `\0user\0${"x".repeat(20_000)}`, "malformed-request"],
  ];
  for (const [why, message, condition] of refused)
    it(`refuses ${why}: ${condition}`, async () =>
      fails(step(new Plain(await contextWith()), message), condition));

  it("has keys made anew from the right password when they have other iterations than new ones", async () => {
    const keys = await deriveCredentials("pencil", ITERATIONS);
    const renewed: [string, Credentials, Credentials][] = [];
    const context = (iterations: number) =>
      contextOf({ user: keys }, { iterations, renew: async (...what) => void renewed.push(what) });
    await success(new Plain(context(ITERATIONS)), "\0user\0pencil");
    await fails(step(new Plain(context(100)), "\0user\0wrong"), "not-authorized");
    assert.equal(renewed.length, 0);
    await success(new Plain(context(100)), "\0user\0pencil");
    const [[name, before, after]] = renewed;
    assert.deepEqual([name, before], ["user", keys]);
    assert.deepEqual(
      scramHashes.map((hash) => after[hash]?.iterations),
      [100, 100, 100],
    );
    assert.ok(await verifyPassword("pencil", after));
  });

  it("does not let anybody in whose account has no keys", async () => {
    await fails(step(new Plain(contextOf({ user: {} })), "\0user\0pencil"), "not-authorized");
  });

  it("spends a derivation on unknown users and on accounts without keys, too", async () => {
    const costly = { iterations: 40_000 };
    const real = contextOf({ user: await deriveCredentials("pencil", 40_000), empty: {} }, costly);
    const cost = async (name: string) => {
      const before = process.cpuUsage();
      await fails(step(new Plain(real), `\0${name}\0wrong`), "not-authorized");
      return process.cpuUsage(before).user;
    };
    const known = Math.min(await cost("user"), await cost("user"));
    for (const name of ["nobody", "empty"])
      assert.ok((await cost(name)) > known / 3, `${name} costs much less than a known user`);
  });
});
