import { StringDecoder } from "node:string_decoder";
import { SaxesParser, type SaxesTagNS } from "saxes";
import { type Attrs, Element, serialize } from "../../src/xml/element.js";

/** Reads a stream of bytes with saxes, builds each child of the stream as a tree and hands it on as text, `from` set. */
export class TreeReader {
  readonly #parser = new SaxesParser({ xmlns: true });
  readonly #decoder = new StringDecoder("utf8");
  readonly #name: string;
  readonly #send: (to: string, text: string) => void;
  #depth = 0;
  #current: Element | undefined;

  constructor(name: string, send: (to: string, text: string) => void) {
    this.#name = name;
    this.#send = send;
    this.#parser.on("opentag", (tag) => this.#open(tag));
    this.#parser.on("text", (text) => this.#current?.children.push(text));
    this.#parser.on("closetag", () => this.#close());
    this.#parser.on("error", (why) => {
      throw why;
    });
    this.#parser.write("<stream xmlns='jabber:client'>");
  }

  read(chunk: Buffer): void {
    this.#parser.write(this.#decoder.write(chunk));
  }

  #open(tag: SaxesTagNS): void {
    if (this.#depth++ === 0) return;
    const attrs: Attrs = {};
    for (const name in tag.attributes) attrs[name] = tag.attributes[name].value;
    const element = new Element(tag.name, attrs);
    if (this.#current !== undefined) {
      element.parent = this.#current;
      this.#current.children.push(element);
    }
    this.#current = element;
  }

  #close(): void {
    const element = this.#current;
    if (--this.#depth > 1) {
      this.#current = element?.parent ?? undefined;
    } else if (element !== undefined) {
      this.#current = undefined;
      element.attrs.from = this.#name;
      this.#send(element.attrs.to, serialize(element, "jabber:client"));
    }
  }
}
