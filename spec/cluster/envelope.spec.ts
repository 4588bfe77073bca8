import assert from "node:assert/strict";
import { type Batch, decode, encode, type Item } from "../../src/cluster/envelope.js";

const JULIET = "juliet@capulet.example/balcony";
const NURSE = "nurse@capulet.example/küche";

/** @param id of the kept message */
const stanza = (body: string, id = 0, targets: string | (string | [string, string])[] = JULIET): Item => [
  "stanza",
  `<message to="${JULIET}"><body>${body}</body></message>`,
  targets,
  7,
  3,
  id,
];

describe("What nodes say to each other", () => {
  const batches: Record<string, Batch> = {
    "nothing at all": { n: 0, items: [] },
    "items without stanzas": { n: 1, items: [["beat"], ["gone", "a\nb"], ["receipts", [1, 2], "d"]] },
    "stanzas among other items, in their order": {
      n: 2,
      first: true,
      items: [stanza("1"), ["beat"], stanza("2"), stanza("3"), ["gone", "x"], stanza("4")],
    },
    "stanzas of all scripts, with line feeds": {
      n: 3,
      items: [stanza("ж\n\n💚"), stanza(""), stanza("𐍈\n", 0, NURSE)],
    },
    "ids of any order": {
      n: 4,
      items: [8e15, 0, 5, Number.MAX_SAFE_INTEGER, 1].map((id) => stanza(`${id}`, id)),
    },
    "stanzas for many": {
      n: 5,
      items: [stanza("a", 0, [JULIET, [NURSE, "nurse@capulet.example"], [JULIET, ""]]), stanza("b", 0, [])],
    },
    "what is larger than most": { n: 6, items: [stanza("é".repeat(200_000)), stanza("x".repeat(300_000))] },
    "what could not be handled": { n: 7, items: [stanza("a")], poison: 'it was "too much"\n' },
  };

  for (const [what, batch] of Object.entries(batches)) {
    it(`arrives as it was: ${what}`, () => {
      // Twice: what was written meanwhile is another's.
      const bytes = encode(batch);
      encode({ n: 1, items: [stanza("z".repeat(1000))] });
      assert.deepEqual(decode(bytes), batch);
    });
  }

  it("is no batch where anything is missing, and its text is not quoted then", () => {
    const [head, text] = encode({ n: 1, items: [stanza("secret"), ["beat"]] })
      .toString()
      .split("\n");
    const [version, ...rest] = JSON.parse(head);
    const of = (...parts: unknown[]) => `${JSON.stringify([version, ...parts])}\n${text}`;
    for (const wrong of [
      "",
      "secret",
      "null",
      "{}",
      head,
      `${head}\n${text}x`,
      `${head}\n${text.slice(1)}`,
      `${JSON.stringify([version - 1, ...rest])}\n${text}`,
      of("1", ...rest.slice(1)),
      of(1, 0, "secret", rest[3]),
      of(1, 0, [1], null),
      of(1, 0, [2], rest[3]),
      of(1, 0, [1e12], rest[3]),
      of(1, 0, [], rest[3]),
      of(1, 0, [1], [...rest[3], 1, 1, 0, 0, 0]),
      of(1, 0, [1], [text.length - 30, -30, 0, 0, 0]),
    ]) {
      assert.throws(
        () => decode(Buffer.from(wrong)),
        (error: Error) => error.constructor === Error && !error.message.includes("secret"),
        wrong,
      );
    }
  });
});
