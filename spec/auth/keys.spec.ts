import assert from "node:assert/strict";
import { deriveCredentials, deriveKeys, fakeCredentials, verifyPassword } from "../../src/auth/keys.js";
import { PasswordError } from "../../src/auth/password.js";
import { type IterationCount, scramHashes } from "../../src/auth/types.js";
import { Jid } from "../../src/xmpp/jid.js";

const SECRET = Buffer.from("secret");

describe("credentials", () => {
  it("are made for every hash, each with a salt of its own, and hold no password", async () => {
    const credentials = await deriveCredentials("pencil", 64);
    assert.deepEqual(Object.keys(credentials).sort(), [...scramHashes].sort());
    const salts = new Set(Object.values(credentials).map(({ salt }) => salt.toString("hex")));
    assert.equal(salts.size, 3);
    assert.ok(!JSON.stringify(credentials).includes("pencil"));
  });

  it("are made for the hashes asked for", async () => {
    assert.deepEqual(Object.keys(await deriveCredentials("pencil", 64, ["sha-256"])), ["sha-256"]);
  });

  it("verify the password they were made from and no other", async () => {
    const credentials = await deriveCredentials("pencil", 64);
    assert.equal(await verifyPassword("pencil", credentials), true);
    for (const other of ["Pencil", "pencil ", "", "\u0000", "pencils"])
      assert.equal(await verifyPassword(other, credentials), false, JSON.stringify(other));
  });

  it("verify with whichever hash there is, and nothing where there is none", async () => {
    for (const hash of scramHashes)
      assert.equal(await verifyPassword("pencil", await deriveCredentials("pencil", 64, [hash])), true);
    assert.equal(await verifyPassword("pencil", {}), false);
  });

  it("take another way to write the same password (RFC 4013, RFC 8265 §4.2)", async () => {
    const credentials = await deriveCredentials("p\u00E9 ncil\u2168", 64, ["sha-1"]);
    assert.equal(await verifyPassword("pe\u0301\u00A0ncilIX", credentials), true);
  });

  it("take characters younger than SASLprep", async () => {
    const credentials = await deriveCredentials("\u{1F600}\u{1F9EA}", 64, ["sha-1"]);
    assert.equal(await verifyPassword("\u{1F600}\u{1F9EA}", credentials), true);
  });

  it("cannot be made from what is no password", async () => {
    for (const text of ["", "a\tb", "a\u0000", "\u00AD", "a\uD800"])
      await assert.rejects(deriveCredentials(text, 64), PasswordError, JSON.stringify(text));
  });

  it("do not hold up the event loop while they are made", async () => {
    let turns = 0;
    let running = true;
    const count = () => {
      turns++;
      if (running) setImmediate(count);
    };
    setImmediate(count);
    await deriveCredentials("pencil", 50_000, ["sha-512"]);
    running = false;
    assert.ok(turns > 10, `${turns} turns`);
  });

  describe("of a user who does not exist", () => {
    const fakeOf = (address: string, counts: IterationCount[] = [], secret = SECRET) =>
      fakeCredentials({ secret, iterations: 4096, iterationCounts: async () => counts }, Jid.parse(address));

    it("are the same each time, and differ by name, domain, secret and hash", async () => {
      const fake = await fakeOf("nobody@a.example");
      assert.deepEqual(await fakeOf("nobody@a.example"), fake);
      for (const other of [
        await fakeOf("somebody@a.example"),
        await fakeOf("nobody@b.example"),
        await fakeOf("nobody@a.example", [], Buffer.from("other")),
      ])
        assert.notDeepEqual(other["sha-256"].salt, fake["sha-256"].salt);
      assert.notDeepEqual(fake["sha-1"].salt, fake["sha-256"].salt);
      assert.equal(fake["sha-1"].iterations, 4096);
    });

    it("have the iterations of the accounts there are, as often as those have them, and for each hash the same", async () => {
      const counts = [
        { iterations: 4096, accounts: 30 },
        { iterations: 10_000, accounts: 10 },
      ];
      const found = new Map<number, number>();
      for (let n = 0; n < 1000; n++) {
        const fake = await fakeOf(`nobody-${n}@a.example`, counts);
        const { iterations } = fake["sha-256"];
        assert.ok(scramHashes.every((hash) => fake[hash].iterations === iterations));
        found.set(iterations, (found.get(iterations) ?? 0) + 1);
      }
      assert.deepEqual([...found.keys()].sort(), [10_000, 4096]);
      assert.ok(Math.abs((found.get(4096) as number) - 750) < 60, `${found.get(4096)} of 1000`);
    });

    it("keep their iterations when an account is added", async () => {
      const counts = (accounts: number) => [
        { iterations: 4096, accounts: 500 },
        { iterations: 10_000, accounts },
      ];
      let changed = 0;
      for (let n = 0; n < 300; n++) {
        const [before, after] = [await fakeOf(`u${n}@a`, counts(500)), await fakeOf(`u${n}@a`, counts(501))];
        if (before["sha-1"].iterations !== after["sha-1"].iterations) changed += 1;
      }
      assert.ok(changed < 5, `${changed} of 300`);
    });

    it("are as long as real ones", async () => {
      const fake = await fakeOf("nobody@a.example");
      const real = await deriveCredentials("pencil", 64);
      for (const hash of scramHashes) {
        const { salt, storedKey, serverKey } = fake[hash];
        const lengths = [salt.length, storedKey.length, serverKey.length];
        assert.deepEqual(lengths, [
          real[hash]?.salt.length,
          real[hash]?.storedKey.length,
          real[hash]?.serverKey.length,
        ]);
      }
    });
  });

  it("are those of RFC 5802 for its example", async () => {
    const { serverKey, storedKey } = await deriveKeys(
      "pencil",
      "sha-1",
      Buffer.from("QSXCR+Q6sek8bf92", "base64"),
      4096,
    );
    assert.equal(storedKey.toString("hex"), "e9d94660c39d65c38fbad91c358f14da0eef2bd6");
    assert.equal(serverKey.toString("hex"), "0fe09258b3ac852ba502cc62ba903eaacdbf7d31");
  });
});
