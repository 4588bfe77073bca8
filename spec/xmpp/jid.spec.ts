import assert from "node:assert/strict";
import { Jid, JidError } from "../../src/xmpp/jid.js";

const malformed = (text: string) =>
  assert.throws(
    () => Jid.parse(text),
    { name: "JidError", condition: "jid-malformed" },
    JSON.stringify(text),
  );

describe("Jid", () => {
  describe("accepts the examples of RFC 7622 §3.5", () => {
    const examples: [text: string, local: string, domain: string, resource: string][] = [
      ["juliet@example.com", "juliet", "example.com", ""],
      ["juliet@example.com/foo", "juliet", "example.com", "foo"],
      ["juliet@example.com/foo bar", "juliet", "example.com", "foo bar"],
      ["juliet@example.com/foo@bar", "juliet", "example.com", "foo@bar"],
      ["foo\\20bar@example.com", "foo\\20bar", "example.com", ""],
      ["fussball@example.com", "fussball", "example.com", ""],
      ["fu\u00DFball@example.com", "fu\u00DFball", "example.com", ""],
      ["\u03C0@example.com", "\u03C0", "example.com", ""],
      ["\u03A3@example.com/foo", "\u03C3", "example.com", "foo"],
      ["\u03C3@example.com/foo", "\u03C3", "example.com", "foo"],
      ["\u03C2@example.com/foo", "\u03C2", "example.com", "foo"],
      ["king@example.com/\u265A", "king", "example.com", "\u265A"],
      ["example.com", "", "example.com", ""],
      ["example.com/foobar", "", "example.com", "foobar"],
      ["a.example.com/b@example.net", "", "a.example.com", "b@example.net"],
      // Erratum 4560 takes this one off the list of those that are no JIDs: OpaqueString allows the space.
      ["juliet@example.com/ foo", "juliet", "example.com", " foo"],
    ];
    for (const [text, local, domain, resource] of examples)
      it(text, () => {
        const jid = Jid.parse(text);
        assert.deepEqual([jid.local, jid.domain, jid.resource], [local, domain, resource]);
      });
  });

  describe("refuses the examples of RFC 7622 §3.5 that are no JIDs", () => {
    for (const text of [
      '"juliet"@example.com',
      "foo bar@example.com",
      "@example.com/",
      "henry\u2163@example.com",
      "\u265A@example.com",
      "juliet@",
      "/foobar",
    ])
      it(text, () => malformed(text));
  });

  it("ends the bare JID at the first slash and the localpart at the first @ before it", () => {
    assert.equal(Jid.parse("a@b/c/d@e/").resource, "c/d@e/");
    assert.equal(Jid.parse("b//").resource, "/");
    malformed("a@b@c");
    malformed("a@b/");
    malformed("@b");
    malformed("");
  });

  it("refuses every character that RFC 7622 §3.3.1 excludes from the localpart, also in its fullwidth form", () => {
    for (const char of `"&':<>`) malformed(`a${char}b@example.com`);
    for (const char of ["\uFF20", "\uFF0F", "\uFF1A"]) malformed(`a${char}b@example.com`);
    assert.throws(() => Jid.of("a@b", "example.com"), JidError);
    assert.throws(() => Jid.of("a/b", "example.com"), JidError);
  });

  it("takes 1023 bytes in a part and refuses 1024", () => {
    const half = "\u00E9".repeat(511);
    assert.equal(Jid.of(`${half}a`, "example.com").local.length, 512);
    assert.throws(() => Jid.of(`${half}aa`, "example.com"), JidError);
    assert.equal(Jid.of("a", "example.com", "x".repeat(1023)).resource.length, 1023);
    assert.throws(() => Jid.of("a", "example.com", "x".repeat(1024)), JidError);
    const domain = `${`${"x".repeat(62)}.`.repeat(16)}${"x".repeat(15)}`;
    assert.equal(Jid.parse(domain).domain.length, 1023);
    malformed(`${domain}x`);
    malformed(`a@${"example.".repeat(100_000)}`);
  });

  it("measures a part after its profile was applied", () => {
    assert.equal(Jid.of("e\u0301".repeat(511), "example.com").local, "\u00E9".repeat(511));
  });

  describe("brings the domain into one form", () => {
    const forms: [from: string, to: string][] = [
      ["EXAMPLE.com", "example.com"],
      ["example.com.", "example.com"],
      ["B\u00DCCHER.example", "b\u00FCcher.example"],
      ["bu\u0308cher.example", "b\u00FCcher.example"],
      ["xn--bcher-kva.example", "b\u00FCcher.example"],
      ["XN--BCHER-KVA.example", "b\u00FCcher.example"],
      ["stra\u00DFe.example", "stra\u00DFe.example"],
      ["\uFF41\uFF42.example", "ab.example"],
      ["b\u00FCcher\u3002example\u3002", "b\u00FCcher.example"],
      ["localhost", "localhost"],
      ["192.0.2.1", "192.0.2.1"],
      ["[2001:DB8:0:0:0:0:0:1]", "[2001:db8::1]"],
    ];
    for (const [from, to] of forms) it(`${from} is ${to}`, () => assert.equal(Jid.parse(from).text, to));
  });

  describe("refuses what is no domain", () => {
    for (const text of [
      ".",
      "a..b",
      ".example",
      "example..",
      "-a.example",
      "a-.example",
      "ab--c.example",
      "foo_bar.example",
      "a b.example",
      `${"x".repeat(64)}.example`,
      "xn--a.example",
      "xn--\u00FC.example",
      "\u2615.example",
      "\u2163.example",
      "a\u00ADb.example",
      "a\u05D0.example",
      "9a.\u05D0\u05D1",
      "\u0301a.example",
      "a\u200Db.example",
      "l\u00B7a.example",
      "[::1",
      "[::1]x",
      "[fe80::1%eth0]",
      "[192.0.2.1]",
      "[]",
    ])
      it(JSON.stringify(text), () => malformed(text));
  });

  it("keeps case and symbols in the resource, makes other spaces plain ones, and composes", () => {
    assert.equal(Jid.parse("a@b/R\u00A0e\u0301s").resource, "R \u00E9s");
    malformed("a@b/x\u0007");
    malformed("a@b/\uD800");
  });

  it("gives the same object for the same text, and for two spellings of one address", () => {
    assert.equal(Jid.parse("Romeo@Example.net/x"), Jid.parse("Romeo@Example.net/x"));
    assert.equal(Jid.parse("Romeo@Example.net/x"), Jid.parse("romeo@example.net/x"));
    assert.equal(Jid.parse("romeo@example.net/x").bare, Jid.parse("romeo@example.net"));
  });

  it("forgets addresses rather than grow without bound", () => {
    const first = Jid.parse("first@example.org");
    for (let i = 0; i < 20_000; i++) Jid.parse(`u${i}@example.org`);
    assert.notEqual(Jid.parse("first@example.org"), first);
    assert.ok(Jid.parse("first@example.org").equals(first));
  });

  it("knows its bare form and whether it is one", () => {
    const full = Jid.parse("a@b/c");
    assert.deepEqual(
      [full.isBare, full.bare.isBare, full.bare.text, full.bareText],
      [false, true, "a@b", "a@b"],
    );
    assert.equal(full.bare, full.bare);
    assert.equal(full.bare.bare, full.bare);
    assert.equal(`${full}`, "a@b/c");
  });

  it("takes a resource, prepared, and refuses an empty or forbidden one", () => {
    const bare = Jid.parse("a@b");
    assert.equal(bare.withResource("x\u00A0y").text, "a@b/x y");
    assert.equal(bare.withResource("x").withResource("z").text, "a@b/z");
    for (const resource of ["", "\u0000", "x".repeat(1024)])
      assert.throws(() => bare.withResource(resource), JidError);
  });

  it("compares by text, whichever way it was made", () => {
    const jid = Jid.of("A", "B.", "c");
    assert.ok(jid.equals(Jid.parse("a@b").withResource("c")));
    assert.ok(!jid.equals(jid.bare));
    assert.ok(!jid.equals(undefined));
    assert.ok(!jid.equals(null));
    assert.ok(jid.sameBare(Jid.parse("a@b/other")));
    assert.ok(!jid.sameBare(Jid.parse("b/c")));
  });

  it("answers undefined from tryParse where parse would throw", () => {
    assert.equal(Jid.tryParse("a@"), undefined);
    assert.equal(Jid.tryParse(undefined), undefined);
    assert.equal(Jid.tryParse("a@b")?.text, "a@b");
  });

  it("reads its own text as the same address", () => {
    for (const text of ["A@\u00DC.example/x", "\u03A3\u03A3@xn--bcher-kva./ ", "[::0:1]/[", "\uFF21@b/@"]) {
      const jid = Jid.parse(text);
      assert.equal(Jid.parse(jid.text).text, jid.text);
    }
  });
});
