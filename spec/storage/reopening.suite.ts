import assert from "node:assert/strict";
import { Jid } from "../../src/xmpp/jid.js";
import { contactEntry, credentialsOf, freshAccount, freshLocal } from "./people.js";
import type { OpenStorage } from "./storage.suite.js";

export function reopeningSuite(open: OpenStorage): void {
  it("has kept everything", async () => {
    const contact = Jid.parse("romeo@montague.example");
    const first = await open();
    const account = await freshAccount(first);
    await first.accounts.setCredentials(account.jid, credentialsOf("kept"));
    const { version } = await first.rosters.update(account, contact, () => contactEntry(contact));
    const message = {
      id: 2 ** 52 + account.id,
      account,
      stanza: "<message/>",
      receivedAt: 7,
      holder: "node-1",
    };
    await first.messages.append([message]);
    await first.keyValues.set(account, "private", "key", "value");
    await first.keyValues.set(undefined, "reopened", "key", "value");
    await first.close();

    const second = await open();
    assert.equal((await second.accounts.find(account.jid))?.id, account.id);
    assert.deepEqual(await second.accounts.credentials(account.jid), credentialsOf("kept"));
    assert.deepEqual(await second.rosters.list(account), { version, entries: [contactEntry(contact)] });
    assert.deepEqual(await second.messages.pending(account, 0, 10, []), [message]);
    assert.equal(await second.keyValues.get(account, "private", "key"), "value");
    assert.equal(await second.keyValues.get(undefined, "reopened", "key"), "value");
    await second.close();
  });

  it("gives no id a second time", async () => {
    const first = await open();
    const removed = await freshAccount(first, Jid.of(freshLocal(), "capulet.example"));
    await first.accounts.remove(removed.jid);
    await first.close();
    const second = await open();
    const created = await freshAccount(second);
    assert.ok(created.id > removed.id);
    await second.close();
  });
}
