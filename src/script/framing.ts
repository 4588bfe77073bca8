import { openingTag } from "../xml/element.js";
import { StreamParser } from "../xml/parser.js";
import { StreamError } from "../xmpp/errors.js";
import { LIMITS, NS_STREAM } from "./fragment.js";
import type { Received } from "./mailbox.js";

const NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls";

/** How a stream's beginning, end and stanzas become bytes: one way per transport. */
export interface Framing {
  /** The text that opens a stream. */
  open(to: string): string;
  /** The text that closes it. */
  close(): string;
  /** A whole first-level element as it goes over the wire. */
  stanza(text: string): string;
  /** Bytes from the server; calls back for each thing in them. */
  read(bytes: Buffer): void;
}

/** RFC 6120 §4.2: one XML document in each direction. */
export class TcpFraming implements Framing {
  readonly #receive: (received: Received) => void;
  #parser: StreamParser;
  #broken = false;
  /** The server has said its last word of this stream; a new one follows. */
  #ended = false;

  constructor(receive: (received: Received) => void) {
    this.#receive = receive;
    this.#parser = this.#fresh();
  }

  open(to: string): string {
    const head = openingTag("stream:stream", {
      to,
      version: "1.0",
      "xml:lang": "en",
      xmlns: "jabber:client",
      "xmlns:stream": NS_STREAM,
    });
    return `<?xml version='1.0'?>${head}>`;
  }

  close(): string {
    return "</stream:stream>";
  }

  stanza(text: string): string {
    return text;
  }

  read(bytes: Buffer): void {
    if (this.#broken) return;
    try {
      this.#parser.write(bytes);
      if (this.#ended) this.#parser = this.#fresh();
      this.#ended = false;
    } catch (error) {
      if (!(error instanceof StreamError)) throw error;
      this.#broken = true;
      this.#receive({ kind: "broken", why: error.message });
    }
  }

  #fresh(): StreamParser {
    return new StreamParser(
      {
        onHeader: (element) => this.#receive({ kind: "header", element }),
        onElement: (element) => {
          // RFC 6120 §5.4.3.3, §6.4.6: both sides start over.
          this.#ended ||= element.is("success", NS_SASL) || element.is("proceed", NS_TLS);
          this.#receive({ kind: "element", element });
        },
        onFooter: () => this.#receive({ kind: "footer" }),
      },
      LIMITS,
    );
  }
}
