import assert from "node:assert/strict";
import { serialize, xml } from "../../src/xml/element.js";
import {
  NS_STANZAS,
  NS_STREAMS,
  StanzaError,
  StreamError,
  stanzaConditions,
  streamConditions,
} from "../../src/xmpp/errors.js";

describe("A stanza error", () => {
  it("is written with its condition and the type that RFC 6120 §8.3.3 associates with it", () => {
    assert.equal(
      serialize(new StanzaError("item-not-found").toElement()),
      `<error type="cancel"><item-not-found xmlns="${NS_STANZAS}"/></error>`,
    );
  });

  it("has a type for each condition", () => {
    for (const [condition, type] of Object.entries(stanzaConditions)) {
      const error = new StanzaError(condition as keyof typeof stanzaConditions);
      assert.equal(error.type, type);
      const element = error.toElement();
      assert.equal(element.attrs.type, type);
      assert.ok(element.getChild(condition, NS_STANZAS), condition);
    }
    assert.equal(Object.keys(stanzaConditions).length, 22);
  });

  it("has the parts in the order of RFC 6120 §8.3.2: condition, text, application condition", () => {
    const application = xml("too-many", { xmlns: "urn:example" });
    const error = new StanzaError("policy-violation", { type: "wait", text: "1 < 2", application });
    const element = error.toElement();
    assert.deepEqual(
      element.getChildElements().map((child) => [child.name, child.getNS()]),
      [
        ["policy-violation", NS_STANZAS],
        ["text", NS_STANZAS],
        ["too-many", "urn:example"],
      ],
    );
    assert.equal(element.attrs.type, "wait");
    assert.equal(element.getChildText("text", NS_STANZAS), "1 < 2");
    assert.equal(element.getChild("text", NS_STANZAS)?.attrs["xml:lang"], "en");
  });

  it("says where somebody went", () => {
    const element = new StanzaError("gone", { address: "xmpp:new@example.org" }).toElement();
    assert.equal(element.getChildText("gone", NS_STANZAS), "xmpp:new@example.org");
  });

  it("is an Error that says what it is", () => {
    const error = new StanzaError("forbidden", { text: "not you" });
    assert.ok(error instanceof Error);
    assert.deepEqual([error.name, error.message], ["StanzaError", "not you"]);
    assert.equal(new StanzaError("forbidden").message, "forbidden");
  });
});

describe("A stream error", () => {
  it("is written with the prefix of the stream and its condition", () => {
    for (const condition of streamConditions) {
      const element = new StreamError(condition).toElement();
      assert.equal(serialize(element), `<stream:error><${condition} xmlns="${NS_STREAMS}"/></stream:error>`);
    }
    assert.equal(streamConditions.length, 25);
  });

  it("has its text and the application's condition behind", () => {
    const error = new StreamError("policy-violation", "too large", xml("x", { xmlns: "urn:x" }));
    assert.deepEqual(
      error
        .toElement()
        .getChildElements()
        .map(({ name }) => name),
      ["policy-violation", "text", "x"],
    );
    assert.deepEqual([error.name, error.message], ["StreamError", "too large"]);
  });
});
