import { type Element, serialize, xml } from "../xml/element.js";
import { NS_CLIENT } from "../xmpp/stanza.js";
import { barrierFor } from "./barrier.js";
import { StepError } from "./failure.js";
import { NS_STREAM } from "./fragment.js";
import { type Framing, TcpFraming } from "./framing.js";
import { describe, Mailbox, type Received } from "./mailbox.js";
import type { ScriptTransport } from "./target.js";
import type { Person } from "./template.js";

const NS_PING = "urn:xmpp:ping";
const NS_SM = "urn:xmpp:sm:3";

/** One `[Client]` of a running script: its connection and what came over it. */
export class ScriptClient {
  readonly mailbox = new Mailbox();
  readonly person: Person;
  /** Place among the script's clients. */
  readonly index: number;
  /** A resource is bound, so that stanzas are answered. */
  bound = false;
  /** Something was sent since the last barrier. */
  busy = false;
  /** The server's header was taken, its features were not. */
  #featuresDue = false;
  #transport: ScriptTransport | undefined;
  #framing: Framing | undefined;
  /** Stream management is on: its acknowledgements serve as barrier, because they do not count as stanzas. */
  #acked = false;
  #barrier: { isAnswer: (element: Element) => boolean; done: () => void } | undefined;

  constructor(
    person: Person,
    index: number,
    /** Milliseconds to wait for anything. */
    readonly deadline: number,
  ) {
    this.person = person;
    this.index = index;
  }

  get name(): string {
    return this.person.spec.name;
  }

  get connected(): boolean {
    return this.#transport !== undefined;
  }

  /** Starts over with a new transport. */
  attach(transport: ScriptTransport): void {
    this.mailbox.clear();
    this.bound = false;
    this.busy = false;
    this.#acked = false;
    this.#transport = transport;
    const receive = (received: Received) => this.#receive(received);
    this.#framing = transport.framing?.(receive) ?? new TcpFraming(receive);
    transport.onData((bytes) => {
      if (this.#transport === transport) this.#framing?.read(bytes);
    });
    transport.onClose(() => {
      if (this.#transport !== transport) return;
      this.#detach();
      this.mailbox.put({ kind: "closed" });
    });
  }

  openStream(): void {
    this.writeRaw(this.#opened().framing.open(domainOf(this.person)));
  }

  send(element: Element): void {
    if (element.is("enable", NS_SM) || element.is("resume", NS_SM)) this.#acked = true;
    this.writeRaw(this.#opened().framing.stanza(serialize(element, NS_CLIENT)));
  }

  writeRaw(text: string): void {
    this.#opened().transport.write(text);
    this.busy = true;
  }

  async startTls(): Promise<void> {
    const { transport } = this.#opened();
    if (!transport.startTls) throw new StepError("this transport has no TLS");
    await transport.startTls();
  }

  /** Everything sent so far was processed by the server, and everything it caused for this client has come. */
  async barrier(): Promise<void> {
    if (!this.bound || !this.#transport) return;
    const { question, isAnswer } = barrierFor(this.#acked);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#barrier = undefined;
        reject(new StepError(`the server did not answer ${this.name}'s ping within ${this.deadline} ms`));
      }, this.deadline);
      const done = (): void => {
        clearTimeout(timer);
        this.#barrier = undefined;
        resolve();
      };
      this.#barrier = { isAnswer, done };
      this.writeRaw(this.#opened().framing.stanza(question));
    });
    this.busy = false;
  }

  /** @throws StepError when the next thing is no element. */
  async takeElement(): Promise<Element> {
    const next = await this.mailbox.take(this.deadline);
    if (next.kind !== "element") throw new StepError(describe(next));
    if (next.element.is("features", NS_STREAM)) this.#featuresDue = false;
    return next.element;
  }

  /** Takes features that nobody has asked for, so that they are not in the way of what comes next. */
  async skipFeatures(): Promise<void> {
    if (!this.#featuresDue) return;
    const next = await this.mailbox.peek(this.deadline);
    if (next.kind === "element" && next.element.is("features", NS_STREAM)) await this.takeElement();
  }

  /** @throws StepError when the next thing is no stream header. */
  async takeHeader(): Promise<Element> {
    const next = await this.mailbox.take(this.deadline);
    if (next.kind !== "header") throw new StepError(describe(next));
    this.#featuresDue = true;
    return next.element;
  }

  /** @throws StepError when something else comes. */
  async takeFeatures(): Promise<Element> {
    const features = await this.takeElement();
    if (!features.is("features", NS_STREAM))
      throw new StepError(describe({ kind: "element", element: features }));
    return features;
  }

  /** Closes the stream and waits for the server to do the same; what else comes is not read. */
  async close(): Promise<void> {
    const { framing, transport } = this.#opened();
    transport.write(framing.close());
    for (;;) {
      const next = await this.mailbox.take(this.deadline);
      if (next.kind === "footer" || next.kind === "closed") break;
      if (next.kind === "broken") throw new StepError(describe(next));
    }
    this.#detach();
    transport.end();
  }

  /** Lets the connection go, without a word. */
  drop(): void {
    const transport = this.#transport;
    this.#detach();
    transport?.destroy();
  }

  #detach(): void {
    this.#transport = undefined;
    this.bound = false;
    this.#barrier?.done();
  }

  #opened(): { transport: ScriptTransport; framing: Framing } {
    if (!this.#transport || !this.#framing) throw new StepError(`${this.name} is not connected`);
    return { transport: this.#transport, framing: this.#framing };
  }

  /** A question of the server's whether the client is there: any client answers it by itself. XEP-0199 §4.1 */
  #isPing(element: Element): boolean {
    const { from, type } = element.attrs;
    return (
      element.is("iq") &&
      type === "get" &&
      from === domainOf(this.person) &&
      element.getChild("ping", NS_PING) !== undefined
    );
  }

  #answer({ attrs: { id, from } }: Element): void {
    const answer = xml("iq", { type: "result", id, to: from });
    this.#opened().transport.write(this.#opened().framing.stanza(serialize(answer, NS_CLIENT)));
  }

  #receive(received: Received): void {
    // XEP-0198 §3: `<failed/>` says that it is not on after all.
    if (received.kind === "element" && received.element.is("failed", NS_SM)) this.#acked = false;
    if (received.kind === "element" && this.#barrier?.isAnswer(received.element)) this.#barrier.done();
    else if (received.kind === "element" && this.#isPing(received.element)) this.#answer(received.element);
    else this.mailbox.put(received);
  }
}

function domainOf(person: Person): string {
  return person.jid.slice(person.jid.indexOf("@") + 1);
}
