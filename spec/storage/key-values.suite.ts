import assert from "node:assert/strict";
import { deploymentSecret } from "../../src/storage/deployment-secret.js";
import type { Account } from "../../src/storage/types.js";
import { freshAccount, freshLocal, HOSTILE_TEXTS } from "./people.js";
import type { Nodes } from "./storage.suite.js";

export function keyValuesSuite(nodes: Nodes): void {
  for (const owner of ["an account", "nobody"]) {
    describe(`of ${owner}`, () => {
      const fresh = async (): Promise<Account | undefined> =>
        owner === "nobody" ? undefined : freshAccount(nodes.storage);

      it("give back what was set, until it is removed", async () => {
        const [account, store] = [await fresh(), freshLocal("store")];
        assert.equal(await nodes.storage.keyValues.get(account, store, "key"), undefined);
        await nodes.storage.keyValues.set(account, store, "key", { a: [1, null, true, "🎭"] });
        assert.deepEqual(await nodes.other.keyValues.get(account, store, "key"), {
          a: [1, null, true, "🎭"],
        });
        await nodes.storage.keyValues.set(account, store, "key", undefined);
        await nodes.storage.keyValues.set(account, store, "key", undefined);
        assert.equal(await nodes.other.keyValues.get(account, store, "key"), undefined);
        assert.deepEqual(await nodes.other.keyValues.keys(account, store, 10), []);
      });

      it("replace what was set before, also with nothing", async () => {
        const [account, store] = [await fresh(), freshLocal("store")];
        for (const value of ["first", 2, null, false, "", []]) {
          await nodes.storage.keyValues.set(account, store, "key", value);
          assert.deepEqual(await nodes.storage.keyValues.get(account, store, "key"), value);
        }
        assert.deepEqual(await nodes.storage.keyValues.keys(account, store, 10), ["key"]);
      });

      it("take several at once, all or none", async () => {
        const [account, store] = [await fresh(), freshLocal("store")];
        const { keyValues } = nodes.storage;
        await keyValues.set(account, store, "gone", 1);
        const several = new Map<string, unknown>([
          ["a", 1],
          ["gone", undefined],
          ["b", { text: "2" }],
        ]);
        await keyValues.setAll(account, store, several);
        assert.deepEqual(await nodes.other.keyValues.keys(account, store, 10), ["a", "b"]);
        const unwritable = { toJSON: () => assert.fail("cannot be written") };
        await assert.rejects(
          keyValues.setAll(
            account,
            store,
            new Map([
              ["a", 2],
              ["c", unwritable],
            ] as [string, unknown][]),
          ),
        );
        assert.deepEqual(await nodes.other.keyValues.keys(account, store, 10), ["a", "b"]);
        assert.equal(await keyValues.get(account, store, "a"), 1);
      });

      it("take the last of two that are set at once", async () => {
        const [account, store] = [await fresh(), freshLocal("store")];
        await Promise.all(
          [1, 2, 3, 4].map((value) =>
            (value % 2 ? nodes.storage : nodes.other).keyValues.set(account, store, "key", value),
          ),
        );
        assert.ok(
          [1, 2, 3, 4].includes((await nodes.storage.keyValues.get(account, store, "key")) as number),
        );
        assert.deepEqual(await nodes.storage.keyValues.keys(account, store, 10), ["key"]);
      });

      it("are replaced where they are what they were taken for", async () => {
        const [account, store] = [await fresh(), freshLocal("store")];
        const replace = (before: unknown, value: unknown) =>
          nodes.other.keyValues.replace(account, store, "key", before, value);
        const value = { b: ['é🎭\0"', 1.5e300, null, false], a: {} };
        assert.equal(await replace(1, value), false);
        assert.equal(await replace(undefined, value), true);
        assert.equal(await replace(undefined, 1), false);
        assert.equal(await replace({ ...value, a: 1 }, 1), false);
        const found = await nodes.storage.keyValues.get(account, store, "key");
        assert.deepEqual(found, value);
        // The same again is a success as well.
        assert.equal(await replace(found, value), true);
        assert.equal(await replace(found, 1), true);
        assert.equal(await nodes.storage.keyValues.get(account, store, "key"), 1);
      });

      it("are replaced by one of two that do so at once", async () => {
        const [account, store] = [await fresh(), freshLocal("store")];
        let before: string | undefined;
        for (const round of ["first", "second"]) {
          const won = await Promise.all(
            [1, 2, 3, 4].map((count) =>
              (count % 2 ? nodes.storage : nodes.other).keyValues.replace(
                account,
                store,
                "key",
                before,
                `${round} ${count}`,
              ),
            ),
          );
          assert.equal(won.filter(Boolean).length, 1);
          before = `${round} ${won.indexOf(true) + 1}`;
          assert.equal(await nodes.storage.keyValues.get(account, store, "key"), before);
        }
      });

      it("tell every key from every other", async () => {
        const [account, store] = [await fresh(), freshLocal("store")];
        for (const text of HOSTILE_TEXTS) await nodes.storage.keyValues.set(account, store, text, { text });
        for (const text of HOSTILE_TEXTS) {
          assert.deepEqual(await nodes.storage.keyValues.get(account, store, text), { text });
        }
        const keys = await nodes.storage.keyValues.keys(account, store, 100);
        assert.deepEqual([...keys].sort(), [...HOSTILE_TEXTS].sort());
      });

      it("list the keys of one store in order, up to a limit", async () => {
        const [account, store] = [await fresh(), freshLocal("store")];
        for (const key of ["b", "B", "a", "é", "_", "\uffee", "🎭", "ab"]) {
          await nodes.storage.keyValues.set(account, store, key, key);
        }
        await nodes.storage.keyValues.set(account, `${store}-2`, "c", 1);
        const ordered = ["B", "_", "a", "ab", "b", "é", "\uffee", "🎭"];
        assert.deepEqual(await nodes.storage.keyValues.keys(account, store, 100), ordered);
        assert.deepEqual(await nodes.storage.keyValues.keys(account, store, 3), ordered.slice(0, 3));
      });

      it("tell every store from every other", async () => {
        const account = await fresh();
        const names = [
          freshLocal("store"),
          "'; drop table key_values; --",
          "resume",
          "résumé",
          "Resume",
          "resume ",
        ];
        for (const name of names) await nodes.storage.keyValues.set(account, name, "key", { name });
        for (const name of names) {
          assert.deepEqual(await nodes.storage.keyValues.get(account, name, "key"), { name });
          assert.deepEqual(await nodes.storage.keyValues.keys(account, name, 10), ["key"]);
          await nodes.storage.keyValues.set(account, name, "key", undefined);
        }
      });

      it("may be large and hold any character that JSON can", async function () {
        this.timeout(10_000);
        const [account, store] = [await fresh(), freshLocal("store")];
        const value = { text: "ö🎭\\'\"\0\u2028".repeat(40_000) };
        const key = "k".repeat(20_000);
        await nodes.storage.keyValues.set(account, store, key, value);
        assert.deepEqual(await nodes.storage.keyValues.get(account, store, key), value);
        assert.deepEqual(await nodes.storage.keyValues.keys(account, store, 1), [key]);
      });
    });
  }

  it("of one account are not those of another, nor nobody's", async () => {
    const [account, neighbour] = [await freshAccount(nodes.storage), await freshAccount(nodes.storage)];
    await nodes.storage.keyValues.set(account, "private", "whose", "mine");
    assert.equal(await nodes.storage.keyValues.get(neighbour, "private", "whose"), undefined);
    assert.equal(await nodes.storage.keyValues.get(undefined, "private", "whose"), undefined);
  });

  it("are not set for an account that was removed", async () => {
    const account = await freshAccount(nodes.storage);
    await nodes.storage.accounts.remove(account.jid);
    await assert.rejects(
      nodes.storage.keyValues.set(account, "private", "key", "a secret"),
      (error: Error) => {
        assert.ok(!error.message.includes("a secret"), "the error tells the value");
        return true;
      },
    );
  });

  it("hold one secret, whichever of two nodes made it", async () => {
    await nodes.storage.keyValues.set(undefined, "server", "secret", undefined);
    const [one, two] = await Promise.all([nodes.storage, nodes.other].map(deploymentSecret));
    assert.equal(one.length, 32);
    assert.deepEqual(one, two);
    assert.deepEqual(await deploymentSecret(nodes.other), one);
  });

  it("need a store whose name is not too long", async () => {
    const store = "é".repeat(128);
    await assert.rejects(nodes.storage.keyValues.set(undefined, store, "key", 1), RangeError);
    await assert.rejects(nodes.storage.keyValues.replace(undefined, store, "key", undefined, 1), RangeError);
  });
}
