import assert from "node:assert/strict";
import { type Element, serializeChildren } from "../../src/xml/element.js";
import { parseElement } from "../../src/xml/parse.js";
import { childrenOf, HEADER, LIMITS, outcome, read, readAfterHeader, singly, treeOf } from "./reading.js";

/** How the stream ends when this follows the header, in one chunk and byte by byte. */
function conditionAfterHeader(text: string | Buffer): string | undefined {
  const bytes = Buffer.concat([Buffer.from(HEADER), Buffer.from(text)]);
  const { condition } = read([bytes]);
  assert.equal(read(singly(bytes)).condition, condition, "in single bytes");
  return condition;
}

function theOne(text: string): Element {
  const { elements, condition } = readAfterHeader(text);
  assert.equal(condition, undefined);
  assert.equal(elements.length, 1);
  return elements[0];
}

const bodyOf = (text: string) => theOne(`<message><body>${text}</body></message>`).getChildText("body");
const attributeOf = (text: string) => theOne(`<message a=${text}/>`).attrs.a;

describe("The parser refuses as restricted XML (RFC 6120 §11.1)", () => {
  const inside = (text: string) => `<message>${text}</message>`;
  const cases: Record<string, string[]> = {
    "a comment": ["<!-- hi -->", inside("<!-- hi -->"), inside("<body>a<!---->b</body>")],
    "a processing instruction": ["<?xml-stylesheet href='x'?>", inside("<?php echo ?>")],
    "a reference to an entity that is not predefined": [
      inside("&nbsp;"),
      inside("<a b='&bogus;'/>"),
      "&bogus;",
      inside("&Amp;"),
      ...["constructor", "toString", "__proto__", "hasOwnProperty"].map((name) => inside(`&${name};`)),
    ],
  };
  for (const [what, texts] of Object.entries(cases)) {
    it(what, () => {
      for (const text of texts) assert.equal(conditionAfterHeader(text), "restricted-xml", text);
    });
  }

  it("a comment, processing instruction or DTD before the header", () => {
    for (const text of [
      "<!-- hi -->",
      "<?pi?>",
      "<!DOCTYPE x>",
      "<!DOCTYPE x [<!ENTITY a 'aaaa'><!ENTITY b '&a;&a;'>]>",
      "<!DOCTYPE x SYSTEM 'file:///etc/passwd'>",
      "<?xml version='1.0'?><!DOCTYPE x>",
    ]) {
      const { header, condition } = read([`${text}${HEADER}`]);
      assert.deepEqual({ header, condition }, { header: undefined, condition: "restricted-xml" }, text);
    }
  });
});

describe("The parser refuses as not well-formed", () => {
  const cases: Record<string, string[]> = {
    "a prefix that is not declared": ["<x:message/>", "<message><x:y/></message>", "<message x:y=''/>"],
    "a prefix that was declared elsewhere": ["<message><a xmlns:x='urn:x'/><x:b/></message>"],
    "a prefix bound to nothing": ["<message xmlns:x=''/>"],
    "another meaning of xml and xmlns": [
      "<message xmlns:xml='urn:x'/>",
      "<message xmlns:xmlns='urn:x'/>",
      "<message xmlns:x='http://www.w3.org/XML/1998/namespace'/>",
      "<message xmlns='http://www.w3.org/2000/xmlns/'/>",
      "<xmlns:message/>",
    ],
    "an attribute twice": [
      "<message a='1' a='1'/>",
      "<message xmlns:p='urn:x' xmlns:q='urn:x' p:a='' q:a=''/>",
      "<message xmlns='jabber:client' xmlns='jabber:client'/>",
    ],
    "a name of two colons": ["<h:message:x/>", "<message h:a:b=''/>"],
    "a name that is none": [
      "<1/>",
      "<-message/>",
      "< message/>",
      "<message 1=''/>",
      "<h:/>",
      "<:message/>",
      "<h:1/>",
      "<message h:-a=''/>",
      "<message xmlns:1='urn:x'/>",
    ],
    "characters that XML does not have": [
      "<message>\0</message>",
      "<message>\x01</message>",
      "<message>\uffff</message>",
      "<message a='\x1f'/>",
      "<message>&#0;</message>",
      "<message>&#x1F;</message>",
      "<message>&#xD800;</message>",
      "<message>&#xFFFE;</message>",
      "<message>&#x110000;</message>",
    ],
    "references that are none": [
      "<message>&</message>",
      "<message>&;</message>",
      "<message>a & b</message>",
      "<message>&#;</message>",
      "<message>&#x;</message>",
      "<message>&#xZ;</message>",
      "<message>&amp</message>",
      "<message a='Tom & Jerry'/>",
      "<message>&#12a",
    ],
    "attributes without value, quotes or space": [
      "<message a/>",
      "<message a=1/>",
      "<message a='1'b='2'/>",
      "<message a='<'/>",
      "<message a='&'/>",
    ],
    "the end of a CDATA section in text": ["<message>]]></message>", "<message>a]]]]>b</message>"],
    "tags in the wrong order": [
      "<message></iq>",
      "<message><body></message></body>",
      "<message></Message>",
      "</message>",
      "<message></stream:stream>",
      "<message></h:message>",
    ],
    "tags that are not whole": ["<>", "</>", "<message/ >", "<message></message <"],
    "an XML declaration anywhere but at the start": [
      "<?xml version='1.0'?>",
      "<message><?xml version='1.0'?></message>",
    ],
  };
  for (const [what, texts] of Object.entries(cases)) {
    it(what, () => {
      for (const text of texts) assert.equal(conditionAfterHeader(text), "not-well-formed", text);
    });
  }

  it("never hands over a stanza whose closing tag is another's", () => {
    for (const text of [
      "<message></iq>",
      "<message><body/></messag>",
      "<a><b></a></b>",
      "<message></stream:stream>",
    ]) {
      const bytes = Buffer.from(HEADER + text);
      for (let cut = 0; cut <= bytes.length; cut++) {
        const { elements, closed } = read([bytes.subarray(0, cut), bytes.subarray(cut)]);
        assert.deepEqual({ elements, closed }, { elements: [], closed: false }, `${text} cut at ${cut}`);
      }
    }
  });

  it("hands over what came before the mistake", () => {
    for (const mistake of ["<a></b>", "<a>\x01</a>", "<!-- -->", "text", "<a>&x;</a>", "\xff   "]) {
      const bytes = Buffer.concat([
        Buffer.from(`${HEADER}<message/><iq></iq>`),
        Buffer.from(mistake, "latin1"),
      ]);
      for (const chunks of [[bytes], singly(bytes)]) {
        const { elements, condition } = read(chunks);
        assert.deepEqual(
          elements.map(({ name }) => name),
          ["message", "iq"],
          mistake,
        );
        assert.notEqual(condition, undefined);
      }
    }
  });

  it("anything after the end of the stream, other than white space", () => {
    assert.equal(conditionAfterHeader("</stream:stream> \r\n\t"), undefined);
    for (const text of ["<message/>", "text", "</stream:stream>", HEADER]) {
      assert.equal(conditionAfterHeader(`</stream:stream>${text}`), "not-well-formed", text);
    }
  });
});

describe("Between stanzas", () => {
  it("text is refused as bad format (RFC 6120 §4.9.3.1), as soon as it is seen", () => {
    for (const text of [
      "a",
      " a",
      "\r\nyou there?",
      "<message/>a",
      "<message/> ]]",
      "\u00a0",
      "&amp; ",
      "&#32;<message/>",
      "x&bogus;",
      "x\x01",
      "x<!-- -->",
      "<![CDATA[ a]]><message/>",
    ]) {
      assert.equal(conditionAfterHeader(text), "bad-format", text);
    }
  });

  it("white space is a keep-alive that costs no memory", () => {
    const space = Buffer.from(" \n\t\r".repeat(LIMITS.maxBytes));
    const chunks = [HEADER, space, "<message/>", space, ...Array.from({ length: 100 }, () => "\n"), "<iq>"];
    // What it costs counts against the cap: all of it but 10 bytes is still there for the iq.
    const filler = "x".repeat(LIMITS.maxBytes - "<iq></iq>".length);
    const { elements, condition } = read([...chunks, `${filler}</iq>`]);
    assert.equal(condition, undefined);
    assert.equal(elements.length, 2);
  });
});

describe("The encoding", () => {
  const invalid: Record<string, number[]> = {
    "a byte that begins nothing": [0x80],
    "a byte that is never used": [0xff, 0x20, 0x20, 0x20],
    "an overlong slash": [0xc0, 0xaf],
    "an overlong slash of three bytes": [0xe0, 0x80, 0xaf],
    "an overlong slash of four bytes": [0xf0, 0x80, 0x80, 0xaf],
    "a surrogate": [0xed, 0xa0, 0x80],
    "a pair of surrogates": [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
    "a character above U+10FFFF": [0xf4, 0x90, 0x80, 0x80],
    "a character of five bytes": [0xf8, 0x88, 0x80, 0x80, 0x80],
    "a character that is cut short": [0xe2, 0x82, 0x3c],
    "a character that is cut short by another": [0xf0, 0x9f, 0xc3, 0xa9],
    "Latin-1": [...Buffer.from("caf\xe9 au lait", "latin1")],
  };
  for (const [what, bytes] of Object.entries(invalid)) {
    // RFC 6120 §4.9.3.22: violating the rules of UTF-8
    it(`is refused as unsupported where there is ${what}, and what came before is handed over`, () => {
      const start = Buffer.from(`${HEADER}<message>€\ufffd\uffee</message><iq>€`);
      const all = Buffer.concat([start, Buffer.from(bytes), Buffer.from("</iq>")]);
      for (let cut = start.length - 4; cut <= all.length; cut++) {
        const { elements, condition } = read([all.subarray(0, cut), all.subarray(cut)]);
        assert.equal(condition, "unsupported-encoding", `cut at ${cut}`);
        assert.equal(elements.length, 1);
        assert.equal(elements[0].getText(), "€\ufffd\uffee");
      }
      assert.equal(read(singly(all)).condition, "unsupported-encoding");
    });
  }

  it("is refused as unsupported where the XML declaration names another than UTF-8 (RFC 6120 §11.6)", () => {
    for (const name of ["UTF-16", "ISO-8859-1", "US-ASCII", "utf8"]) {
      const { condition, header } = read([`<?xml version='1.0' encoding='${name}'?>${HEADER}`]);
      assert.deepEqual({ condition, header }, { condition: "unsupported-encoding", header: undefined }, name);
    }
  });

  it("is refused where it is UTF-16 or UTF-32", () => {
    for (const bytes of [
      Buffer.from(`\ufeff${HEADER}`, "utf16le"),
      Buffer.from(HEADER, "utf16le"),
      Buffer.from(`\ufeff${HEADER}`, "utf16le").swap16(),
      Buffer.from("\0\0\0<\0\0\0a", "latin1"),
    ]) {
      const { header, condition } = read([bytes]);
      assert.equal(header, undefined);
      assert.match(condition ?? "", /^(unsupported-encoding|not-well-formed)$/);
    }
  });

  it("has no byte order mark (RFC 6120 §11.6)", () => {
    const bytes = Buffer.from(`\ufeff${HEADER}`);
    assert.equal(read([bytes]).condition, "not-well-formed");
    assert.equal(read(singly(bytes)).condition, "not-well-formed");
    assert.equal(conditionAfterHeader("\ufeff<message/>"), "bad-format");
    assert.equal(bodyOf("\ufeff"), "\ufeff");
  });
});

describe("The XML declaration", () => {
  it("may stand at the start, with or without encoding", () => {
    for (const declaration of [
      "<?xml version='1.0'?>",
      '<?xml version="1.0" encoding="UTF-8"?>',
      "<?xml version='1.0' encoding='utf-8' standalone='yes' ?>\r\n",
    ]) {
      const { header, condition } = read(singly(Buffer.from(declaration + HEADER)));
      assert.equal(condition, undefined, declaration);
      assert.equal(header?.name, "stream:stream");
    }
  });

  it("is refused where it is not that of XML 1.0 or not in order", () => {
    for (const declaration of [
      "<?xml version='1.1'?>",
      "<?xml version='2.0'?>",
      "<?xml?>",
      "<?xml encoding='UTF-8'?>",
      "<?xml encoding='UTF-8' version='1.0'?>",
      "<?xml version='1.0' version='1.0'?>",
      "<?xml version='1.0' standalone='maybe'?>",
      "<?xml version='1.0' color='red'?>",
      "<?XML version='1.0'?>",
      " <?xml version='1.0'?>",
      "<?xml version='1.0'?><?xml version='1.0'?>",
    ]) {
      const { header, condition } = read([declaration + HEADER]);
      assert.equal(header, undefined, declaration);
      assert.match(condition ?? "none", /^(not-well-formed|restricted-xml)$/, declaration);
    }
  });
});

describe("The caps", () => {
  const limits = { maxBytes: 1000, maxDepth: 5, maxAttributes: 4 };
  /** A stanza of so many bytes, with characters of one to four bytes. */
  function stanzaOf(bytes: number): Buffer {
    const frame = "<message><body></body></message>".length;
    const fill = "é€🎭".repeat(20);
    const rest = bytes - frame - Buffer.byteLength(fill);
    return Buffer.from(`<message><body>${fill}${"x".repeat(rest)}</body></message>`);
  }
  const cuts = (bytes: Buffer, size: number) =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );

  it("let a stanza of exactly as many bytes pass and not one of a byte more, in whatever chunks", () => {
    for (const size of [1, 2, 3, 7, 100, 999, 1000, 1001, 5000]) {
      for (const space of ["", "  \r\n "]) {
        const fits = Buffer.concat([stanzaOf(1000), Buffer.from(space), stanzaOf(1000)]);
        const passed = read([HEADER, ...cuts(fits, size)], limits);
        assert.deepEqual([passed.elements.length, passed.condition], [2, undefined], `chunks of ${size}`);
        const large = Buffer.concat([stanzaOf(1000), Buffer.from(space), stanzaOf(1001)]);
        const stopped = read([HEADER, ...cuts(large, size)], limits);
        assert.deepEqual(
          [stopped.elements.length, stopped.condition],
          [1, "policy-violation"],
          `chunks of ${size}`,
        );
      }
    }
  });

  it("do not wait for the end of a stanza that is too large", () => {
    for (const start of ["<message>", "<message a='", "<message><body>&#", "<", "<!--", "<![CDATA["]) {
      const { elements, condition } = readAfterHeader(start + "0".repeat(1000), limits);
      assert.equal(elements.length, 0);
      assert.match(condition ?? "none", /^(policy-violation|not-well-formed)$/, start);
    }
    assert.equal(readAfterHeader(`<message><body>${"x".repeat(1e6)}`, limits).condition, "policy-violation");
  });

  it("hold for the header too", () => {
    const long = HEADER.replace("version", `x='${"y".repeat(1000)}' version`);
    assert.equal(read([long], limits).condition, "policy-violation");
    assert.equal(read([" ".repeat(1001)], limits).condition, "policy-violation");
  });

  it("let as many levels pass and not one more", () => {
    const nested = (levels: number) => "<a>".repeat(levels) + "</a>".repeat(levels);
    assert.equal(readAfterHeader(nested(5), limits).condition, undefined);
    const { condition, elements } = readAfterHeader(nested(6), limits);
    assert.deepEqual([condition, elements.length], ["policy-violation", 0]);
    assert.equal(readAfterHeader("<a>".repeat(6), limits).condition, "policy-violation");
  });

  it("let as many attributes of one element pass and not one more, declarations counted", () => {
    assert.equal(
      readAfterHeader("<a b='' c='' d='' xmlns='e'><a b='' c='' d='' e=''/></a>", limits).condition,
      undefined,
    );
    assert.equal(readAfterHeader("<a b='' c='' d='' xmlns='e' f=''/>", limits).condition, "policy-violation");
    assert.equal(
      readAfterHeader("<a><b c='' d='' xmlns:e='e' f='' g=''/></a>", limits).condition,
      "policy-violation",
    );
  });
});

describe("The result", () => {
  const SAMPLE = Buffer.from(
    "<?xml version='1.0'?>\r\n" +
      HEADER +
      "\r\n<message to='jül€et@capulet.example' a='1\r\n2\t3\r4&#13;&#10;&#9;'>\r\n<body>é€🎭\r\n\r\r\n&lt;&#x1F3AD;&amp;&#38;\r</body></message>\r\n \r" +
      "<iq><h:q h:a='ü'><![CDATA[<raw>&amp;\r\n]]]]><![CDATA[>]]></h:q></iq><presence/>\n" +
      "<message\r\nto = 'x'\t>\r\n</message\r\n>\r</stream:stream\t>\r\n",
  );

  it("is the same wherever the bytes are cut in two", () => {
    const whole = outcome(read([SAMPLE]));
    assert.equal(read([SAMPLE]).elements.length, 4);
    for (let cut = 1; cut < SAMPLE.length; cut++) {
      assert.deepEqual(
        outcome(read([SAMPLE.subarray(0, cut), SAMPLE.subarray(cut)])),
        whole,
        `cut at ${cut}`,
      );
    }
    assert.deepEqual(outcome(read(singly(SAMPLE))), whole);
  });

  it("is the same wherever the bytes are cut in three", () => {
    const start = SAMPLE.indexOf("<message");
    const part = SAMPLE.subarray(0, SAMPLE.indexOf("<iq>"));
    const whole = outcome(read([part]));
    for (let first = start; first < part.length; first++) {
      for (let second = first + 1; second < Math.min(first + 8, part.length); second++) {
        const chunks = [part.subarray(0, first), part.subarray(first, second), part.subarray(second)];
        assert.deepEqual(outcome(read(chunks)), whole, `cut at ${first} and ${second}`);
      }
    }
  });

  it("has each character whole and in one text", () => {
    assert.deepEqual(theOne("<message>é€🎭&amp;<![CDATA[&]]>&#x1F3AD;</message>").children, ["é€🎭&&🎭"]);
  });

  it("has line ends as line feeds (XML 1.0 §2.11), unless written as references", () => {
    assert.equal(bodyOf("a\r\nb\rc\n\r\nd&#13;&#10;"), "a\nb\nc\n\nd\r\n");
  });

  it("has white space in attributes as spaces (XML 1.0 §3.3.3), unless written as references", () => {
    assert.equal(attributeOf("'a\tb\nc\r\nd\re  f&#9;&#10;&#13;'"), "a b c d e  f\t\n\r");
  });

  it("has references and CDATA sections as what they stand for", () => {
    assert.equal(bodyOf("&lt;&gt;&amp;&apos;&quot;&#65;&#x42;&#x1F3AD;&#xA0;"), "<>&'\"AB🎭\u00a0");
    assert.equal(bodyOf("<![CDATA[<a>&amp;]]]]><![CDATA[>]]>"), "<a>&amp;]]>");
    assert.equal(bodyOf("<![CDATA[]]>"), "");
    assert.equal(attributeOf('"&lt;&gt;&amp;&apos;&quot;\'"'), "<>&'\"'");
  });

  it("has names that mean something to JavaScript as names like others", () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "parent"]) {
      const element = theOne(`<message ${name}='1' b='2'><${name} ${name}='3'/></message>`);
      assert.deepEqual(Object.entries(element.attrs), [
        [name, "1"],
        ["b", "2"],
      ]);
      const child = element.getChildElements()[0];
      assert.equal(child.name, name);
      assert.deepEqual(Object.entries(child.attrs), [[name, "3"]]);
      assert.equal(Object.getPrototypeOf(child.attrs), Object.prototype);
    }
    assert.equal(({} as { b?: string }).b, undefined);
  });

  it("has nothing in attributes that was not written", () => {
    assert.deepEqual(Object.keys(theOne("<message/>").attrs), []);
    assert.equal(theOne("<message/>").attrs.to, undefined);
  });
});

describe("A prefix declared on the stream header", () => {
  it("travels with the stanza that leans on it", () => {
    const element = theOne("<message><h:a><b h:c='d'/></h:a></message>");
    assert.equal(element.attrs["xmlns:h"], "urn:header");
    assert.equal(element.getChild("a")?.getNS(), "urn:header");
    assert.equal(theOne("<h:x/>").attrs["xmlns:h"], "urn:header");
    assert.equal(theOne("<message h:x=''/>").attrs["xmlns:h"], "urn:header");
  });

  it("is not put on a stanza that does not need it, or has its own", () => {
    assert.deepEqual(Object.keys(theOne("<message><body>h:x</body></message>").attrs), []);
    const own = theOne("<message xmlns:h='urn:own'><h:a/></message>");
    assert.equal(own.attrs["xmlns:h"], "urn:own");
    const deeper = theOne("<message><a xmlns:h='urn:own'><h:a/></a><h:b/></message>");
    assert.equal(deeper.getChild("a")?.getChild("a")?.getNS(), "urn:own");
    assert.equal(deeper.getChild("b", "urn:header")?.name, "h:b");
  });

  it("of xml needs no declaration", () => {
    assert.deepEqual({ ...theOne("<message xml:lang='en'/>").attrs }, { "xml:lang": "en" });
  });
});

describe("The inner text", () => {
  const STANZAS = [
    "<message><body>a &amp; b &#13; <![CDATA[<c>]]></body><x xmlns='urn:x' y=\"'\"/></message>",
    "<message> </message >",
    "<message/>",
    "<message></message>",
    "<message a='>'>></message\n>",
    "<message><message></message></message>",
    "<message><h:a h:b='1'>🎭</h:a></message>",
    "<message><a b='\t\n'/>é</message>",
  ];

  it("is what stands between the tags, and reads as the same children", () => {
    for (const text of STANZAS) {
      const { elements, inners } = readAfterHeader(`${text}<iq/>`);
      const [inner] = inners;
      assert.ok(inner !== undefined, text);
      const again = parseElement(`<again xmlns='jabber:client' xmlns:h='urn:header'>${inner}</again>`);
      assert.deepEqual(childrenOf(again), childrenOf(elements[0]), text);
    }
  });

  it("is known for each of several stanzas in one chunk", () => {
    const { inners } = readAfterHeader("<a>1</a> <b/><c><d/></c >\n<e a='/'>2</e>");
    assert.deepEqual(inners, ["1", "", "<d/>", "2"]);
  });

  it("is known or not, but never wrong, wherever the bytes are cut", () => {
    const bytes = Buffer.from(`${HEADER}${STANZAS.join("\r\n")}`);
    for (let cut = 1; cut < bytes.length; cut++) {
      const { elements, inners } = read([bytes.subarray(0, cut), bytes.subarray(cut)]);
      assert.equal(elements.length, STANZAS.length);
      for (const [at, inner] of inners.entries()) {
        if (inner === undefined) continue;
        const again = parseElement(`<again xmlns='jabber:client' xmlns:h='urn:header'>${inner}</again>`);
        assert.deepEqual(childrenOf(again), childrenOf(elements[at]), `${STANZAS[at]} cut at ${cut}`);
      }
    }
  });

  it("is not known where it has a carriage return, which must not be written as it was read", () => {
    const { elements, inners } = readAfterHeader("<message>a\r\nb</message>");
    assert.equal(inners[0], undefined);
    assert.equal(serializeChildren(elements[0]), "a\nb");
  });
});

describe("One element from text", () => {
  it("is read with all that is in it", () => {
    const element = parseElement("<a xmlns='urn:a' b='c'>d<e/></a>");
    assert.deepEqual(treeOf(element), {
      name: "{urn:a}a",
      attributes: ["{}b=c"],
      children: ["d", { name: "{urn:a}e", attributes: [], children: [] }],
    });
  });

  it("is refused where it is none, more than one, or no XML", () => {
    for (const text of ["", " ", "a", "<a/><b/>", "<a/>b", "<a>", "</x><x>", "<a/></x><x>", "<!-- --><a/>"]) {
      assert.throws(() => parseElement(text), { name: "StreamError" }, text);
    }
  });
});
