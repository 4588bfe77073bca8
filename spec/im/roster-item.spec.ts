import assert from "node:assert/strict";
import { itemElement, newEntry, removedElement } from "../../src/im/roster-entry.js";
import { parseRosterSet } from "../../src/im/roster-item.js";
import { requireRoom, rosterOptions } from "../../src/im/roster-options.js";
import { Jid, parseElement, serialize } from "../../src/plugin/api.js";

const options = { maxContacts: 3, maxGroups: 2, maxNameLength: 10 };
const nurse = Jid.parse("nurse@example.com");

const parse = (items: string) =>
  parseRosterSet(parseElement(`<query xmlns="jabber:iq:roster">${items}</query>`), options);

function refuses(condition: string, items: string) {
  assert.throws(() => parse(items), { name: "StanzaError", condition });
}

describe("a roster set", () => {
  it("names a contact, its handle and its groups", () => {
    const { jid, ...rest } = parse(
      "<item jid='nurse@example.com' name='Nurse'><group>Servants</group><group>Old</group></item>",
    );
    assert.equal(jid.text, "nurse@example.com");
    assert.deepEqual(rest, { remove: false, name: "Nurse", groups: ["Servants", "Old"] });
  });

  it("has an empty handle where it gives none", () => {
    assert.equal(parse("<item jid='nurse@example.com'/>").name, "");
    assert.equal(parse("<item jid='nurse@example.com' name=''/>").name, "");
  });

  it("prepares the contact's address", () => {
    assert.equal(parse("<item jid='NURSE@Example.com'/>").jid.text, "nurse@example.com");
  });

  it("removes only where subscription is remove, and ignores what else a client says of subscriptions", () => {
    assert.equal(parse("<item jid='nurse@example.com' subscription='remove'/>").remove, true);
    for (const subscription of ["both", "to", "none", "REMOVE", ""]) {
      const item = parse(`<item jid='nurse@example.com' subscription='${subscription}' ask='subscribe'/>`);
      assert.deepEqual(
        { ...item, jid: item.jid.text },
        {
          jid: "nurse@example.com",
          remove: false,
          name: "",
          groups: [],
        },
      );
    }
  });

  it("has exactly one item", () => {
    refuses("bad-request", "");
    refuses("bad-request", "<item jid='a@example.com'/><item jid='b@example.com'/>");
    refuses("bad-request", "<item xmlns='urn:example:other' jid='a@example.com'/>");
  });

  it("says of whom it speaks", () => {
    refuses("bad-request", "<item name='Nurse'/>");
    refuses("jid-malformed", "<item jid='@example.com'/>");
    refuses("jid-malformed", "<item jid=''/>");
  });

  it("names no group twice", () => {
    refuses("bad-request", "<item jid='a@example.com'><group>A</group><group>A</group></item>");
    refuses("bad-request", "<item jid='a@example.com'><group>\u00C5</group><group>A\u030A</group></item>");
    assert.deepEqual(parse("<item jid='a@example.com'><group>A</group><group>a</group></item>").groups, [
      "A",
      "a",
    ]);
  });

  it("has a name for every group", () => {
    refuses("not-acceptable", "<item jid='a@example.com'><group/></item>");
    refuses("not-acceptable", "<item jid='a@example.com'><group>A</group><group></group></item>");
  });

  it("keeps to the limits of names and groups", () => {
    assert.equal(parse("<item jid='a@example.com' name='0123456789'/>").name, "0123456789");
    refuses("not-acceptable", "<item jid='a@example.com' name='0123456789x'/>");
    refuses("not-acceptable", "<item jid='a@example.com'><group>0123456789x</group></item>");
    refuses(
      "not-acceptable",
      "<item jid='a@example.com'><group>1</group><group>2</group><group>3</group></item>",
    );
  });
});

describe("a roster item", () => {
  it("shows what is set and leaves out the rest", () => {
    const plain = newEntry(nurse);
    assert.equal(serialize(itemElement(plain)), '<item jid="nurse@example.com" subscription="none"/>');
    const full = {
      ...plain,
      name: "Nurse & <Co>",
      groups: ["Servants", "Old"],
      subscription: "from" as const,
      ask: true,
      approved: true,
      request: "<presence/>",
    };
    assert.equal(
      serialize(itemElement(full)),
      '<item jid="nurse@example.com" name="Nurse &amp; &lt;Co&gt;" subscription="from" ask="subscribe" approved="true">' +
        "<group>Servants</group><group>Old</group></item>",
    );
  });

  it("is shown as removed without what it was", () => {
    assert.equal(serialize(removedElement(nurse)), '<item jid="nurse@example.com" subscription="remove"/>');
  });
});

describe("the limit of contacts", () => {
  const listed = { ...newEntry(nurse), listed: true };
  const refused = { name: "StanzaError", condition: "policy-violation" };

  it("stops the contact that is one too many", () => {
    requireRoom(undefined, listed, 2, options);
    assert.throws(() => requireRoom(undefined, listed, 3, options), refused);
    assert.throws(() => requireRoom({ ...listed, listed: false }, listed, 3, options), refused);
  });

  it("does not stop changes of contacts, or requests of strangers", () => {
    requireRoom(listed, { ...listed, name: "Nurse" }, 3, options);
    requireRoom(listed, undefined, 3, options);
    requireRoom(undefined, { ...listed, listed: false, request: "<presence/>" }, 3, options);
  });

  it("has a default, as all limits have", () => {
    assert.deepEqual(rosterOptions.parse({}), {
      maxContacts: 1000,
      maxGroups: 32,
      maxNameLength: 255,
      maxRequests: 250,
      maxRequestSize: 16_384,
    });
    assert.equal(rosterOptions.safeParse({ maxContacts: 0 }).success, false);
    assert.equal(rosterOptions.safeParse({ contacts: 5 }).success, false);
  });
});
