import assert from "node:assert/strict";
import { Nonzas } from "../../src/router/nonzas.js";
import { xml } from "../../src/xml/element.js";

const kind = { ns: "urn:example:nonza", name: "wave" };
const wave = xml("wave", { xmlns: "urn:example:nonza" });
const nothing = () => undefined;

describe("First-level elements that plugins take", () => {
  it("are told apart by namespace and name", () => {
    const nonzas = new Nonzas();
    nonzas.add(kind, nothing);
    assert.equal(nonzas.find(wave), nothing);
    assert.equal(nonzas.find(xml("wave", { xmlns: "urn:example:other" })), undefined);
    assert.equal(nonzas.find(xml("nod", { xmlns: "urn:example:nonza" })), undefined);
  });

  it("have one plugin each", () => {
    const nonzas = new Nonzas();
    nonzas.add(kind, nothing);
    assert.throws(() => nonzas.add(kind, nothing), /two plugins/);
  });

  it("are nobody's once the plugin has stopped", () => {
    const nonzas = new Nonzas();
    const takeAway = nonzas.add(kind, nothing);
    takeAway();
    assert.equal(nonzas.find(wave), undefined);
    nonzas.add(kind, nothing);
  });
});
