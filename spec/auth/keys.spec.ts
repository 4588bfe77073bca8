import assert from "node:assert/strict";
import { deriveCredentials, deriveKeys, fakeCredentials, verifyPassword } from "../../src/auth/keys.js";
import { PasswordError } from "../../src/auth/password.js";
import { scramHashes } from "../../src/auth/types.js";

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
    const fake = fakeCredentials(SECRET, "nobody", 4096);

    it("are the same each time, and differ by name, secret and hash", () => {
      assert.deepEqual(fakeCredentials(SECRET, "nobody", 4096), fake);
      assert.notDeepEqual(fakeCredentials(SECRET, "somebody", 4096), fake);
      assert.notDeepEqual(fakeCredentials(Buffer.from("other"), "nobody", 4096), fake);
      assert.notDeepEqual(fake["sha-1"].salt, fake["sha-256"].salt);
    });

    it("are as long as real ones", async () => {
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
