import {
  type Attrs,
  Element,
  escapeText,
  type Node,
  openingTag,
  serialize,
  serializeChildren,
  xml,
} from "../xml/element.js";
import { ownAttrs, ownNodes, ownText } from "../xml/own-copy.js";
import { parseElement } from "../xml/parse.js";
import { attributeOf, withAttribute } from "../xml/tag.js";
import { StanzaError } from "./errors.js";
import { Jid } from "./jid.js";

export const NS_CLIENT = "jabber:client";
const XMLNS = ` xmlns="${NS_CLIENT}"`;

/** Says when a stanza has been handled for good: see `session/handled.ts`. */
export interface Ticket {
  hold(): void;
  release(): void;
}

type ViewedName = "from" | "to" | "id";

export type StanzaKind = "message" | "presence" | "iq";

/**
 * A stanza on its way: an element whose addresses are parsed, once. It may be shared by several recipients, so it is
 * never edited: `withTo`, `withFrom`, `withId`, `withChildren`, `reply` and `errorReply` make views and copies that share children.
 */
export class Stanza extends Element {
  declare readonly name: StanzaKind;
  declare readonly attrs: Readonly<Attrs>;
  declare readonly children: Node[];
  declare readonly from: Jid | undefined;
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
    from: Jid | undefined,
    readonly to: Jid | undefined,
    children: Node[],
    inner?: string,
  ) {
    super(kind);
    (this as { attrs: Attrs }).attrs = attrs;
    (this as { from: Jid | undefined }).from = from;
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
   * From what `text()` of another one was, on a node that has validated it. Its attributes and children are read when somebody asks
   * for them, which few do.
   * @param to whom it is for, where its `to` is another; null: nobody
   * @throws Error for what begins as no stanza does.
   */
  static ofText(text: string, to?: Jid | null): Stanza {
    const kind = kindOf(text);
    // In values there is none: `escapeAttribute`.
    const end = text.indexOf(">");
    const isEmpty = text.startsWith("/>", end - 1);
    const inner = isEmpty ? "" : text.slice(end + 1, -"</>".length - kind.length);
    let tag = text.slice(0, isEmpty ? end - 1 : end);
    let target = to ?? undefined;
    if (to === undefined) target = addressIn(tag, "to");
    else if (attributeOf(tag, "to") !== to?.text) tag = withAttribute(tag, "to", to?.text);
    return Stanza.unread(kind, tag, target, inner);
  }

  protected static unread(kind: StanzaKind, tag: string, to: Jid | undefined, inner: string): Stanza {
    const stanza = new UnreadStanza(kind, {}, undefined, to, [], inner);
    stanza.#tag = tag;
    return stanza;
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
    return this.#shared(this.viewed("to", to.text, this.from, to));
  }

  withFrom(from: Jid): Stanza {
    return this.#shared(this.viewed("from", from.text, from, this.to));
  }

  withId(id: string): Stanza {
    return this.#shared(this.viewed("id", id, this.from, this.to));
  }

  withAddresses(from: Jid, to: Jid): Stanza {
    return this.withFrom(from).withTo(to);
  }

  /** With one attribute set; `from` and `to` as they are then. */
  protected viewed(name: ViewedName, value: string, from: Jid | undefined, to: Jid | undefined): Stanza {
    return new Stanza(this.name, changed(this.attrs, name, value), from, to, this.children, this.#inner);
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
        inner += typeof child === "object" ? serialize(child, NS_CLIENT) : escapeText(child);
      }
    }
    const all = [...this.children, ...children];
    const longer = new Stanza(this.name, this.attrs, this.from, this.to, all, inner);
    longer.#tag = this.#tag;
    return this.#shared(longer);
  }

  /** The same stanza for somebody who keeps it: it holds on to nothing of the chunk that it was read from. */
  ownCopy(): Stanza {
    return this.#shared(this.copied());
  }

  protected copied(): Stanza {
    const inner = this.#inner === undefined ? undefined : ownText(this.#inner);
    const copy = new Stanza(this.name, ownAttrs(this.attrs), this.from, this.to, [], inner);
    copy.children.push(...ownNodes(this.children, copy));
    return copy;
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
   * The stanza as text for a stream whose default namespace is that of clients.
   * @param standalone true where nothing around declares that namespace (WebSocket frames, storage).
   */
  text(standalone = false): string {
    const { inner } = this;
    let { tag } = this;
    if (standalone && attributeOf(tag, "xmlns") === undefined) {
      tag = `<${this.name}${XMLNS}${tag.slice(this.name.length + 1)}`;
    }
    return inner === "" ? `${tag}/>` : `${tag}>${inner}</${this.name}>`;
  }

  /** Without its end and its namespace. A message is measured, sent and stored; presence is kept for long, and is not to be more than it is. */
  protected get tag(): string {
    if (this.#tag !== undefined) return this.#tag;
    const tag = openingTag(this.name, this.attrs, NS_CLIENT);
    if (this.name === "message") this.#tag = tag;
    return tag;
  }

  /** The children as text, of which the default namespace is that of clients. */
  get inner(): string {
    this.#inner ??= serializeChildren(this, NS_CLIENT);
    return this.#inner;
  }

  /** Whether the other one is the same but for whom it is for. */
  shares(other: Stanza): boolean {
    if (this.name !== other.name || this.inner !== other.inner) return false;
    for (const name in this.attrs) {
      if (name !== "to" && this.attrs[name] !== other.attrs[name]) return false;
    }
    for (const name in other.attrs) if (name !== "to" && this.attrs[name] === undefined) return false;
    return true;
  }

  /** Characters of its text, about. */
  get size(): number {
    return this.tag.length + XMLNS.length + this.inner.length + this.name.length + "></>".length;
  }

  override toString(): string {
    return this.text(true);
  }

  #shared(other: Stanza): Stanza {
    other.ticket = this.ticket;
    other.onArchived = this.onArchived;
    return other;
  }
}

/** Most of it is read when it is first asked for: see `Stanza.ofText`. */
class UnreadStanza extends Stanza {
  /** null: not looked for yet. */
  #type: string | undefined | null = null;

  override get type(): string | undefined {
    if (this.#type === null) this.#type = attributeOf(this.tag, "type");
    return this.#type;
  }

  override get id(): string | undefined {
    return attributeOf(this.tag, "id");
  }

  protected override viewed(
    name: ViewedName,
    value: string,
    _: Jid | undefined,
    to: Jid | undefined,
  ): Stanza {
    return Stanza.unread(this.name, withAttribute(this.tag, name, value), to, this.inner);
  }

  protected override copied(): Stanza {
    return Stanza.ofText(ownText(this.text()), this.to ?? null);
  }
}

/** A property that is made of the text when somebody asks for it. What the constructors set is empty. */
function readLater<T>(
  name: "attrs" | "children" | "from",
  read: (stanza: UnreadStanza, tag: string) => T,
): void {
  Object.defineProperty(UnreadStanza.prototype, name, {
    get(this: UnreadStanza): T {
      const value = read(this, this.tag);
      Object.defineProperty(this, name, { value, writable: true, enumerable: true });
      return value;
    },
    set: () => undefined,
  });
}

readLater("attrs", (_, tag) => {
  const { attrs } = parseElement(`${tag}/>`);
  return { xmlns: NS_CLIENT, ...attrs };
});
readLater("children", (stanza) => {
  // With its tag, which may declare their prefixes.
  const { children } = parseElement(stanza.toString());
  for (const child of children) if (typeof child === "object") child.parent = stanza;
  return children;
});
readLater("from", (_, tag) => addressIn(tag, "from"));

function kindOf(text: string): StanzaKind {
  if (text.startsWith("<message")) return "message";
  if (text.startsWith("<presence")) return "presence";
  if (text.startsWith("<iq")) return "iq";
  throw new Error("text that is no stanza");
}

function addressIn(tag: string, name: "from" | "to"): Jid | undefined {
  const text = attributeOf(tag, name);
  return text === undefined ? undefined : Jid.parse(text);
}

/** A copy with one attribute set. Written as one literal, V8 sets it by its slowest way where attributes differ. */
function changed(attrs: Readonly<Attrs>, name: ViewedName, value: string): Attrs {
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
