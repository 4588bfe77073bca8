import { serialize, xml } from "../xml/element.js";
import { parseElement } from "../xml/parse.js";
import { StreamError } from "../xmpp/errors.js";
import { NS_CLIENT } from "../xmpp/stanza.js";
import { LIMITS } from "./fragment.js";
import type { Framing } from "./framing.js";
import type { Received } from "./mailbox.js";

export const NS_FRAMING = "urn:ietf:params:xml:ns:xmpp-framing";
/** An opening tag that says nothing of its namespace. */
const WITHOUT_NAMESPACE = /^<([^\s/>:]+)(?![^>]*\sxmlns=["'])/;

/** RFC 7395 §3.3: every element is a message of its own. `read` takes one message. */
export class MessageFraming implements Framing {
  constructor(private readonly receive: (received: Received) => void) {}

  open(to: string): string {
    return serialize(xml("open", { xmlns: NS_FRAMING, to, version: "1.0", "xml:lang": "en" }));
  }

  close(): string {
    return serialize(xml("close", { xmlns: NS_FRAMING }));
  }

  stanza(text: string): string {
    return text.replace(WITHOUT_NAMESPACE, `<$1 xmlns="${NS_CLIENT}"`);
  }

  read(message: Buffer): void {
    try {
      const element = parseElement(message.toString(), LIMITS);
      if (element.is("open", NS_FRAMING)) this.receive({ kind: "header", element });
      else if (element.is("close", NS_FRAMING)) this.receive({ kind: "footer" });
      else this.receive({ kind: "element", element });
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.receive({ kind: "broken", why: error.message });
    }
  }
}
