import assert from "node:assert/strict";
import { parseFragment } from "../../src/script/fragment.js";
import { mismatch, unmatched } from "../../src/script/matcher.js";

function compare(
  expected: string,
  received: string,
  captures = new Map<string, string>(),
): string | undefined {
  return mismatch(parseFragment(expected)[0], parseFragment(received)[0], captures);
}

function fits(expected: string, received: string): void {
  assert.equal(compare(expected, received), undefined);
}

function differs(expected: string, received: string): void {
  assert.equal(typeof compare(expected, received), "string");
}

describe("Comparing stanzas with a script", () => {
  it("lets a stanza have attributes and children that the script does not mention, in any order", () => {
    fits(
      "<message from='a'><body>x</body></message>",
      "<message from='a' to='b' id='1'><thread/><body>x</body></message>",
    );
    fits("<message><body/><subject/></message>", "<message><subject/><body/></message>");
    differs("<message from='a' id='1'/>", "<message from='a'/>");
    differs("<message><body/></message>", "<message><subject/></message>");
  });

  it("compares the type of a stanza even where the script is silent", () => {
    differs("<presence/>", "<presence type='unavailable'/>");
    differs("<message/>", "<message type='error'/>");
    fits("<message/>", "<message type='normal'/>");
    fits("<presence type='{scansion:any}'/>", "<presence type='probe'/>");
  });

  it("compares the type loosely for scripts of others", () => {
    const [expected, received] = parseFragment("<presence/><presence type='unavailable'/>");
    assert.equal(mismatch(expected, received, new Map(), true), undefined);
  });

  it("takes an element with a namespace of its own strictly", () => {
    const query = (attrs: string, inner: string) =>
      `<iq type='result'><query xmlns='urn:x'${attrs}>${inner}</query></iq>`;
    fits(query("", "<a/><b/>"), query("", "<a/><b/>"));
    differs(query("", "<a/><b/>"), query("", "<b/><a/>"));
    differs(query("", "<a/>"), query("", "<a/><b/>"));
    differs(query("", "<a/>"), query(" ver='1'", "<a/>"));
    differs(query("", "<a/>"), query("", "<a c='1'/>"));
  });

  it("is told by scansion:strict what to do, for children as well", () => {
    fits(
      "<iq type='result'><query xmlns='urn:x' scansion:strict='false'><b/></query></iq>",
      "<iq type='result'><query xmlns='urn:x' ver='1'><a/><b c='1'/></query></iq>",
    );
    differs("<message scansion:strict='true'/>", "<message id='1'/>");
    differs("<message scansion:strict='yes'><body/></message>", "<message><body a='1'/></message>");
  });

  it("compares namespaces, not prefixes", () => {
    fits("<message><x xmlns='urn:x'/></message>", "<message><p:x xmlns:p='urn:x'/></message>");
    differs("<message><x xmlns='urn:x'/></message>", "<message><x xmlns='urn:y'/></message>");
    differs("<message><x xmlns='urn:x'/></message>", "<message><x/></message>");
  });

  it("compares text, but for white space that the script's own layout brings", () => {
    fits("<message><body>\n\t\thello\n\t</body></message>", "<message><body>hello</body></message>");
    differs("<message><body>hello</body></message>", "<message><body>hello </body></message>");
    differs("<message><body>hello</body></message>", "<message><body>Hello</body></message>");
    fits("<message><body/></message>", "<message><body>anything</body></message>");
    differs("<message><x xmlns='urn:x'/></message>", "<message><x xmlns='urn:x'>something</x></message>");
  });

  it("tells children of one name apart", () => {
    const both = "<message><status code='110'/><status code='201'/></message>";
    fits(both, "<message><status code='201'/><status code='110'/></message>");
    differs("<message><status code='110'/><status code='110'/></message>", both);
  });

  it("takes any value for a wildcard, but not none", () => {
    fits("<message id='{scansion:any}'/>", "<message id='1'/>");
    fits("<message from='a@b/{scansion:any}'/>", "<message from='a@b/c'/>");
    differs("<message id='{scansion:any}'/>", "<message/>");
    differs("<message from='a@b/{scansion:any}'/>", "<message from='x@b/c'/>");
  });

  it("may demand that something is absent", () => {
    fits(
      "<message id='{scansion:absent}'><body scansion:absent='true'/></message>",
      "<message><subject/></message>",
    );
    differs("<message id='{scansion:absent}'/>", "<message id='1'/>");
    differs("<message><body scansion:absent='true'/></message>", "<message><body/></message>");
  });

  it("captures what a wildcard stands for, only if all fits", () => {
    const captures = new Map<string, string>();
    compare("<message id='{scansion:capture:id}' to='x'/>", "<message id='1' to='y'/>", captures);
    assert.equal(captures.size, 0);
    const jid = "<iq type='result'><jid>a@b/{scansion:capture:resource}</jid></iq>";
    compare(jid, "<iq type='result'><jid>a@b/c</jid></iq>", captures);
    assert.deepEqual([...captures], [["resource", "c"]]);
  });

  it("pairs stanzas with expectations even where one of them fits several", () => {
    const expected = parseFragment("<message/><message id='1'/>");
    const received = parseFragment("<message id='1'/><message id='2'/>");
    assert.equal(unmatched(expected, received, new Map()), undefined);
    assert.equal(unmatched(expected, received.reverse(), new Map()), undefined);
    const none = parseFragment("<message id='3'/><message id='1'/>");
    assert.equal(unmatched(none, received, new Map()), none[0]);
  });
});
