import assert from "node:assert/strict";
import { parseFragment } from "../../src/script/fragment.js";
import { difference, prettyLines } from "../../src/script/pretty.js";

describe("Stanzas in the messages of a failed script", () => {
  it("are indented, with attributes in order and text on its line", () => {
    const [message] = parseFragment(
      "<message to='b' from='a'><body>x &amp; y</body><x xmlns='urn:x'><y/></x></message>",
    );
    assert.deepEqual(prettyLines(message), [
      '<message from="a" to="b">',
      "  <body>x &amp; y</body>",
      '  <x xmlns="urn:x">',
      "    <y/>",
      "  </x>",
      "</message>",
    ]);
  });

  it("are compared line by line", () => {
    const [expected, received] = parseFragment("<m><a/><b>1</b><c/></m><m><a/><b>2</b><c/></m>");
    assert.deepEqual(difference(expected, received).split("\n").slice(1), [
      "    <m>",
      "      <a/>",
      "  -   <b>1</b>",
      "  +   <b>2</b>",
      "      <c/>",
      "    </m>",
    ]);
  });
});
