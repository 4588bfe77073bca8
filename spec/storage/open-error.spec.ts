import assert from "node:assert/strict";
import { SetupError } from "../../src/config/setup-error.js";
import { explainOpenError } from "../../src/storage/knex/open-error.js";
import { needDriver } from "../../src/storage/knex/shared.js";

const withCode = (code: string) => Object.assign(new Error("from the driver"), { code });

describe("a database that cannot be opened", () => {
  const file = "/var/lib/sluice/sluice.sqlite";
  const url = "postgres://sluice:secret@db.example:5432/sluice";

  for (const code of [
    "EACCES",
    "EROFS",
    "ENOENT",
    "SQLITE_CANTOPEN",
    "SQLITE_READONLY",
    "SQLITE_BUSY",
    "ENOSPC",
  ]) {
    it(`is explained by its file for ${code}`, () => {
      const error = explainOpenError(withCode(code), { file });
      assert.ok(error instanceof SetupError);
      assert.ok(error.message.includes(file));
    });
  }

  for (const code of [
    "ECONNREFUSED",
    "ENOTFOUND",
    "ENOENT",
    "28P01",
    "3D000",
    "ER_ACCESS_DENIED_ERROR",
    "42501",
  ]) {
    it(`is explained by its address, without the password, for ${code}`, () => {
      const error = explainOpenError(withCode(code), { url });
      assert.ok(error instanceof SetupError);
      assert.ok(error.message.includes("db.example:5432/sluice"));
      assert.ok(!error.message.includes("secret"));
    });
  }

  it("is explained when the server does not answer in time", () => {
    assert.ok(explainOpenError(new Error("timeout expired"), { url }) instanceof SetupError);
  });

  it("stays the error it is when the admin can do nothing about it", () => {
    const error = new TypeError("a mistake of ours");
    assert.equal(explainOpenError(error, { file }), error);
  });

  it("says which package to install when its driver is missing", async () => {
    await assert.rejects(needDriver("postgres", "no-such-driver"), (error) => {
      assert.ok(error instanceof SetupError);
      assert.ok(error.message.includes("npm install no-such-driver"));
      return true;
    });
  });
});
