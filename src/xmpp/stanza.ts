import {
  type Attrs,
  Element,
  escapeAttribute,
  escapeText,
  type Node,
  openingTag,
  serialize,
  serializeChildren,
  xml,
} from "../xml/element.js";
import { ownAttrs, ownNodes, ownText } from "../xml/own-copy.js";
import { parseElement } from "../xml/parse.js";
import { StanzaError } from "./errors.js";
import { Jid } from "./jid.js";

export const NS_CLIENT = "jabber:client";

/** Says when a stanza has been handled for good: see `session/handled.ts`. */
export interface Ticket {
  hold(): void;
  release(): void;
}

export type StanzaKind = "message" | "presence" | "iq";

/**
 * A stanza on its way: an element whose addresses are parsed, once. It may be shared by several recipients, so it is
 * never edited: `withTo`, `withFrom`, `withId`, `withChildren`, `reply` and `errorReply` make views and copies that share children.
 */
export class Stanza extends Element {
  declare readonly name: StanzaKind;
  declare readonly attrs: Readonly<Attrs>;
  declare readonly children: Node[];
  /** The children as text, made once and shared by all views; set by the parser from what it read. */
  #inner: string | undefined;
  #tag: string | undefined;

  /** Whoever takes the stanza into keeping holds it until that is done; shared by all views. */
  ticket: Ticket | undefined;
  /** Told of the id under which a message goes into its sender's archive; shared by all views. */
  onArchived: ((id: number) => void) | undefined;

  /** @param attrs must agree with `from` and `to`. */
  protected constructor(
    kind: StanzaKind,
    attrs: Attrs,
    readonly from: Jid | undefined,
    readonly to: Jid | undefined,
    children: Node[],
    inner?: string,
  ) {
    super(kind);
    (this as { attrs: Attrs }).attrs = attrs;
    (this as { children: Node[] }).children = children;
    this.#inner = inner;
  }

  /**
   * From an element that the caller hands over.
   * @param inner text of the children as it was read, if known.
   * @throws StanzaError `jid-malformed` where `to` or `from` is no JID (RFC 6120 §8.3.3.8).
   */
  static of(element: Element, inner?: string): Stanza {
    const { attrs } = element;
    const to = attrs.to === undefined ? undefined : parseAddress(attrs.to);
    const from = attrs.from === undefined ? undefined : parseAddress(attrs.from);
    if (to && attrs.to !== to.text) attrs.to = to.text;
    if (from && attrs.from !== from.text) attrs.from = from.text;
    if (attrs.xmlns === undefined) attrs.xmlns = NS_CLIENT;
    const stanza = new Stanza(element.name as StanzaKind, attrs, from, to, element.children, inner);
    for (const child of element.children) if (typeof child === "object") child.parent = stanza;
    return stanza;
  }

  /**
   * From what another node has validated and taken apart. The children are made when somebody asks for them, which few do.
   * @param inner text of the children, of which the default namespace is that of clients
   */
  static ofParts(
    kind: StanzaKind,
    attrs: Attrs,
    from: Jid | undefined,
    to: Jid | undefined,
    inner: string,
  ): Stanza {
    return UnreadStanza.withText(kind, attrs, from, to, inner);
  }

  /** Builds one: `Stanza.make("message", { to, type: "chat" }, xml("body", {}, "hi"))`. */
  static make(
    kind: StanzaKind,
    attrs: { from?: Jid; to?: Jid; type?: string; id?: string; "xml:lang"?: string },
    ...children: (Node | undefined | null)[]
  ): Stanza {
    const { from, to, ...rest } = attrs;
    return Stanza.of(xml(kind, { xmlns: NS_CLIENT, ...rest, from: from?.text, to: to?.text }, ...children));
  }

  get kind(): StanzaKind {
    return this.name;
  }

  get type(): string | undefined {
    return this.attrs.type;
  }

  get id(): string | undefined {
    return this.attrs.id;
  }

  withTo(to: Jid): Stanza {
    return this.#view(changed(this.attrs, "to", to.text), this.from, to);
  }

  withFrom(from: Jid): Stanza {
    return this.#view(changed(this.attrs, "from", from.text), from, this.to);
  }

  withId(id: string): Stanza {
    return this.#view(changed(this.attrs, "id", id), this.from, this.to);
  }

  withAddresses(from: Jid, to: Jid): Stanza {
    return this.#view(changed(changed(this.attrs, "from", from.text), "to", to.text), from, to);
  }

  /** The same stanza with other children. The children are taken over: hand in fresh elements or ones that nobody edits. */
  withChildren(children: Node[]): Stanza {
    return this.#shared(new Stanza(this.name, { ...this.attrs }, this.from, this.to, children));
  }

  /** The same stanza with further children at its end. Only these are made into text; what is there already is not. */
  withAppended(...children: Node[]): Stanza {
    let inner = this.#inner;
    if (inner !== undefined) {
      for (const child of children) {
        inner += typeof child === "object" ? serialize(child, this.attrs.xmlns) : escapeText(child);
      }
    }
    const all = [...this.children, ...children];
    const longer = new Stanza(this.name, this.attrs, this.from, this.to, all, inner);
    longer.#tag = this.#tag;
    return this.#shared(longer);
  }

  /** The same stanza for somebody who keeps it: it holds on to nothing of the chunk that it was read from. */
  ownCopy(): Stanza {
    const inner = this.#inner === undefined ? undefined : ownText(this.#inner);
    const copy = new Stanza(this.name, ownAttrs(this.attrs), this.from, this.to, [], inner);
    copy.children.push(...ownNodes(this.children, copy));
    return this.#shared(copy);
  }

  /** The result of an iq: addresses swapped, same id. RFC 6120 §8.2.3 */
  reply(...children: (Node | undefined)[]): Stanza {
    return Stanza.make("iq", { from: this.to, to: this.from, type: "result", id: this.id }, ...children);
  }

  /**
   * The stanza that answers this one with an error; undefined where none may be sent: an error is never answered by an
   * error, nor is a result (RFC 6120 §8.3.1, §8.2.3).
   */
  errorReply(error: StanzaError): Stanza | undefined {
    if (this.type === "error" || (this.kind === "iq" && this.type === "result")) return undefined;
    return Stanza.make(
      this.kind,
      { from: this.to, to: this.from, type: "error", id: this.id },
      error.toElement(),
    );
  }

  /**
   * The stanza as text for a stream whose default namespace is the stanza's own.
   * @param standalone true where nothing around declares that namespace (WebSocket frames, storage).
   */
  text(standalone = false): string {
    const { inner } = this;
    let tag = this.#openingTag;
    if (standalone) {
      const xmlns = escapeAttribute(this.attrs.xmlns ?? NS_CLIENT);
      tag = `<${this.name} xmlns="${xmlns}"${tag.slice(this.name.length + 1)}`;
    }
    return inner === "" ? `${tag}/>` : `${tag}>${inner}</${this.name}>`;
  }

  /** Without its end and its namespace. A message is measured, sent and stored; presence is kept for long, and is not to be more than it is. */
  get #openingTag(): string {
    if (this.#tag !== undefined) return this.#tag;
    const tag = openingTag(this.name, this.attrs, this.attrs.xmlns);
    if (this.name === "message") this.#tag = tag;
    return tag;
  }

  /** The children as text, of which the default namespace is the stanza's own. */
  get inner(): string {
    this.#inner ??= serializeChildren(this, this.attrs.xmlns);
    return this.#inner;
  }

  /** Whether the other one is a view of the same: all but the addresses is shared. */
  shares(other: Stanza): boolean {
    if (this.#inner === undefined || this.#inner !== other.#inner || this.name !== other.name) return false;
    for (const name in this.attrs) {
      if (name !== "to" && this.attrs[name] !== other.attrs[name]) return false;
    }
    for (const name in other.attrs) if (name !== "to" && this.attrs[name] === undefined) return false;
    return true;
  }

  /** Characters of its text, about. */
  get size(): number {
    const xmlns = ' xmlns=""'.length + (this.attrs.xmlns ?? NS_CLIENT).length;
    return this.#openingTag.length + xmlns + this.inner.length + this.name.length + "></>".length;
  }

  override toString(): string {
    return this.text(true);
  }

  #view(attrs: Attrs, from: Jid | undefined, to: Jid | undefined): Stanza {
    return this.#shared(new Stanza(this.name, attrs, from, to, this.children, this.#inner));
  }

  #shared(other: Stanza): Stanza {
    other.ticket = this.ticket;
    other.onArchived = this.onArchived;
    return other;
  }
}

/** Its children are read when they are first asked for: see `Stanza.ofParts`. */
class UnreadStanza extends Stanza {
  static withText(
    kind: StanzaKind,
    attrs: Attrs,
    from: Jid | undefined,
    to: Jid | undefined,
    inner: string,
  ): Stanza {
    return new UnreadStanza(kind, attrs, from, to, [], inner);
  }
}

Object.defineProperty(UnreadStanza.prototype, "children", {
  get(this: UnreadStanza): Node[] {
    const { children } = parseElement(`<x xmlns="${NS_CLIENT}">${this.inner}</x>`);
    for (const child of children) if (typeof child === "object") child.parent = this;
    Object.defineProperty(this, "children", { value: children, writable: true, enumerable: true });
    return children;
  },
  // What the constructors set is empty.
  set: () => undefined,
});

/** A copy with one attribute set. Written as one literal, V8 sets it by its slowest way where attributes differ. */
function changed(attrs: Readonly<Attrs>, name: "from" | "to" | "id", value: string): Attrs {
  const copy = { ...attrs };
  copy[name] = value;
  return copy;
}

function parseAddress(text: string): Jid {
  const jid = Jid.tryParse(text);
  if (!jid) throw new StanzaError("jid-malformed");
  return jid;
}

export function isStanzaName(name: string): name is StanzaKind {
  return name === "message" || name === "presence" || name === "iq";
}
