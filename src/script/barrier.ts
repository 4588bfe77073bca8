import type { Element } from "../xml/element.js";

let count = 0;

/**
 * A question whose answer shows that the server has dealt with all that was sent before: RFC 6120 §10.1 has it process
 * the stanzas of a stream in order. Any answer will do, an error included.
 * @param acked stream management is on: XEP-0198 §4 has `<r/>`, which is no stanza and so does not count as one.
 */
export function barrierFor(acked: boolean): { question: string; isAnswer: (element: Element) => boolean } {
  if (acked) {
    return {
      question: "<r xmlns='urn:xmpp:sm:3'/>",
      isAnswer: (element) => element.is("a", "urn:xmpp:sm:3"),
    };
  }
  count += 1;
  const id = `script-barrier-${count}`;
  return {
    // XEP-0199. With its namespace: the stream's header, which a script may have written itself, need not have it.
    question: `<iq xmlns='jabber:client' type='get' id='${id}'><ping xmlns='urn:xmpp:ping'/></iq>`,
    isAnswer: (element) => element.getName() === "iq" && element.attrs.id === id,
  };
}
