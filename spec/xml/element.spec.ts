import assert from "node:assert/strict";
import { detached } from "../../src/xml/detached.js";
import {
  Element,
  escapeAttribute,
  escapeText,
  firstChild,
  isElement,
  openingTag,
  serialize,
  serializeChildren,
  xml,
} from "../../src/xml/element.js";
import { parseElement } from "../../src/xml/parse.js";
import { treeOf } from "./reading.js";

const TEXTS = [
  "",
  " ",
  "a",
  "<>&\"'",
  "]]>",
  "&amp;",
  "a\r\nb\rc\n",
  "\t\ttabs\t",
  "\r",
  "\n",
  " \t\n\r ",
  "é€🎭\u{10FFFF}",
  "\u00a0\u0085\u2028\ufeff",
  "<!-- --><![CDATA[]]><?pi?>",
  "__proto__",
];

describe("An element as text", () => {
  it("comes back as it was, whatever the text", () => {
    for (const text of TEXTS) {
      const element = xml("a", { xmlns: "urn:a" }, text, xml("b"), text);
      const again = parseElement(serialize(element));
      assert.deepEqual(
        again.children
          .filter((child) => child !== "")
          .map((child) => (isElement(child) ? child.name : child)),
        [text, "b", text].filter((child) => child !== ""),
        JSON.stringify(text),
      );
    }
  });

  it("comes back as it was, whatever the attributes, with their tabs and line ends", () => {
    for (const text of TEXTS) {
      const again = parseElement(serialize(xml("a", { b: text, "xml:lang": "en", c: 1, d: true })));
      assert.deepEqual({ ...again.attrs }, { b: text, "xml:lang": "en", c: "1", d: "true" });
    }
  });

  it("keeps namespaces and prefixes", () => {
    const element = xml(
      "a",
      { xmlns: "urn:a", "xmlns:p": "urn:p" },
      xml("b", { xmlns: "urn:b" }, xml("c", { xmlns: "urn:a" })),
      xml("p:d", { "p:e": "f" }),
      xml("g"),
    );
    assert.deepEqual(treeOf(parseElement(serialize(element))), treeOf(element));
  });

  it("leaves out a namespace that stands around it already, and only that", () => {
    const element = xml("a", { xmlns: "urn:a" }, xml("b", { xmlns: "urn:a" }), xml("c", { xmlns: "urn:c" }));
    assert.equal(serialize(element), '<a xmlns="urn:a"><b/><c xmlns="urn:c"/></a>');
    assert.equal(serialize(element, "urn:a"), '<a><b/><c xmlns="urn:c"/></a>');
    assert.equal(serialize(element, "urn:c"), '<a xmlns="urn:a"><b/><c xmlns="urn:c"/></a>');
    const back = xml("c", { xmlns: "urn:c" }, xml("a", { xmlns: "urn:a" }));
    assert.equal(serialize(back, "urn:a"), '<c xmlns="urn:c"><a xmlns="urn:a"/></c>');
    assert.equal(serialize(xml("a", { xmlns: "" })), '<a xmlns=""/>');
  });

  it("is in pieces what it is as a whole", () => {
    const element = xml("a", { xmlns: "urn:a", b: "'" }, "1 < 2", xml("c"));
    const head = openingTag(element.name, element.attrs, "urn:a");
    assert.equal(`${head}>${serializeChildren(element, "urn:a")}</a>`, serialize(element, "urn:a"));
  });

  it("can be as deep as a parser lets it be", () => {
    let element = xml("a");
    for (let level = 0; level < 1000; level++) element = xml("a", null, element);
    assert.deepEqual(serialize(parseElement(serialize(element))), serialize(element));
  });
});

describe("escapeText and escapeAttribute", () => {
  it("leave harmless text as it is", () => {
    assert.equal(escapeText('it\'s "so"\t\n'), 'it\'s "so"\t\n');
    assert.equal(escapeAttribute("so é🎭"), "so é🎭");
  });

  it("escape what would be read as something else", () => {
    assert.equal(escapeText("<a>&\r]]>"), "&lt;a&gt;&amp;&#xD;]]&gt;");
    assert.equal(escapeAttribute("<\"'>&\t\n\r"), "&lt;&quot;&apos;&gt;&amp;&#x9;&#xA;&#xD;");
  });
});

describe("xml()", () => {
  it("leaves out attributes and children that are not there", () => {
    const element = xml("a", { b: undefined, c: null, d: "" }, undefined, null, "e");
    assert.deepEqual({ ...element.attrs }, { d: "" });
    assert.deepEqual(element.children, ["e"]);
    assert.deepEqual({ ...xml("a", null).attrs }, {});
  });

  it("makes the class that finds its children by name and namespace", () => {
    const element = xml("a", { xmlns: "urn:a" }, xml("b", null, "1"), "text", xml("b", { xmlns: "urn:b" }));
    assert.ok(element instanceof Element);
    assert.equal(element.getChildElements().length, 2);
    assert.equal(element.getChild("b", "urn:a")?.getText(), "1");
    assert.equal(element.getChild("b", "urn:b")?.getNS(), "urn:b");
    assert.equal(firstChild(element)?.getText(), "1");
    assert.equal(firstChild(xml("a", null, "text")), undefined);
  });
});

describe("A detached element", () => {
  it("declares what was declared around it, the nearest first, and no more", () => {
    const inner = parseElement(
      "<a xmlns='urn:a' xmlns:p='urn:far' xmlns:q='urn:q'><b xmlns:p='urn:p' x='y'><p:c q:d='e' xmlns:q='urn:own'>f</p:c></b></a>",
    )
      .getChild("b")
      ?.getChild("c") as Element;
    const alone = parseElement(serialize(detached(inner)));
    assert.deepEqual(treeOf(alone), treeOf(inner));
    assert.deepEqual(
      { ...alone.attrs },
      { xmlns: "urn:a", "xmlns:p": "urn:p", "xmlns:q": "urn:own", "q:d": "e" },
    );
  });
});
