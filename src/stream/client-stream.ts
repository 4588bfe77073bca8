import { randomBytes } from "node:crypto";
import type { Mechanism } from "../auth/types.js";
import type { Logger } from "../log.js";
import type { ClientSession, Outlet } from "../session/client-session.js";
import type { ManagedOutlet } from "../session/managed.js";
import type { Receipt } from "../session/session.js";
import type { Account } from "../storage/types.js";
import type { Connection, ConnectionHandler, TlsFacts } from "../transport/connection.js";
import { type Element, serialize, xml } from "../xml/element.js";
import { StanzaError, StreamError, streamConditionOf } from "../xmpp/errors.js";
import type { Jid } from "../xmpp/jid.js";
import { isStanzaName, NS_CLIENT, Stanza } from "../xmpp/stanza.js";
import { answerHeader, type Header, NS_STREAM, readHeader } from "./header.js";
import { InTurn } from "./in-turn.js";
import type { StreamInfo } from "./info.js";
import type { Feature } from "./negotiation.js";
import type { StreamHosts, StreamSettings } from "./settings.js";

/** XEP-0198 */
export const NS_SM = "urn:xmpp:sm:3";

type Phase = "header" | "negotiating" | "bound" | "closed";
type Done = undefined | Promise<void>;

/**
 * A client's stream from its first header to its end: RFC 6120 §4. What is negotiated stands in the features; what is
 * bound is a session. Everything that arrives is dealt with in its turn.
 */
export class ClientStream implements ConnectionHandler, StreamInfo, Outlet, ManagedOutlet {
  settings: StreamSettings;
  account: Account | undefined;
  session: ClientSession | undefined;
  /** The SASL exchange under way. */
  saslExchange: Mechanism | undefined;
  failedLogins = 0;
  /** The client asked what has been handled, and has not been told yet: XEP-0198 §4. */
  readonly asked: {
    tell: (() => void) | undefined;
    /** It has asked once more meanwhile. */
    again: boolean;
    /** When it is to be told at the latest; it serves one request after the other. */
    timer: NodeJS.Timeout | undefined;
  } = { tell: undefined, again: false, timer: undefined };
  id = newId();
  #phase: Phase = "header";
  #anonymous = false;
  #header: Header | undefined;
  #tls: TlsFacts | undefined;
  #answered = false;
  /** Grows when what was received so far, and not dealt with yet, is to be forgotten. */
  #era = 0;
  #log: Logger | undefined;
  readonly #turn: InTurn;
  #deadline: NodeJS.Timeout | undefined;

  constructor(
    readonly connection: Connection,
    private readonly hosts: StreamHosts,
    private readonly features: readonly Feature<ClientStream>[],
    private readonly parentLog: Logger,
    /** Told once, when the connection is gone and its session has ended. */
    private readonly onEnded: (stream: ClientStream) => void,
  ) {
    this.settings = hosts.fallback;
    this.#turn = new InTurn(connection, (error) => this.#fail(error));
    const { unauthenticatedTimeout } = this.settings;
    this.#deadline = setTimeout(() => this.#tooLate(), unauthenticatedTimeout);
  }

  /** Nothing is sent any more. */
  get isClosed(): boolean {
    return this.#phase === "closed";
  }

  get domain(): string {
    return this.settings.domain.name;
  }

  get transport(): Connection["transport"] {
    return this.connection.transport;
  }

  get remoteAddress(): string {
    return this.connection.remoteAddress;
  }

  get secure(): boolean {
    return this.connection.secure;
  }

  get plainLocal(): boolean {
    return this.connection.plainLocal;
  }

  get standalone(): boolean {
    return this.connection.transport !== "tcp";
  }

  get authenticated(): Jid | undefined {
    return this.account?.jid;
  }

  get tls(): TlsFacts | undefined {
    this.#tls ??= this.connection.tlsFacts();
    return this.#tls;
  }

  get log(): Logger {
    this.#log ??= this.parentLog.child({
      conn: this.id,
      address: this.remoteAddress,
      account: this.account?.jid.text,
    });
    return this.#log;
  }

  onHeader(header: Element): void {
    this.#inTurn(() => this.#begin(header));
  }

  onElement(element: Element, inner: string | undefined): void {
    if (this.#turn.busy) this.#inTurn(() => this.#receive(element, inner));
    else this.#turn.run(this.#receive, this, element, inner);
  }

  onFooter(): void {
    this.#inTurn(() => {
      // §4.4: it reads on until it has our footer.
      if (this.session) this.session.leavesInOrder = true;
      return this.close();
    });
  }

  onError(error: StreamError): void {
    this.#inTurn(() => this.#fail(error));
  }

  #inTurn(task: () => Done): void {
    const era = this.#era;
    this.#turn.take(() => (era === this.#era ? task() : undefined));
  }

  onGone(reason: string): void {
    clearTimeout(this.#deadline);
    this.#turn.gone();
    const { session } = this;
    // A connection that was closed in order is not coming back; one that was lost may be: XEP-0198 §5.
    if (this.#phase !== "closed" && session && this.settings.binder.hibernate(session)) {
      this.log.info({ reason }, "connection lost; the session waits for its client");
      // What it had not come to is not acknowledged either: the client sends it again.
      this.session = undefined;
      this.#phase = "closed";
    } else if (session) {
      this.settings.binder.leave(session);
    }
    // What arrived before is still dealt with.
    this.#turn.take(() => this.#leave(reason));
    this.#turn.take(() => this.onEnded(this) as undefined);
  }

  // What a session may do with its stream.

  write(text: string, receipt?: Receipt): void {
    this.connection.write(text, receipt);
  }

  /** Ends the stream: error if any, footer, connection. RFC 6120 §4.4, §4.9.1 */
  close(error?: StreamError): undefined {
    if (this.#phase === "closed") return;
    this.#leave(error?.condition ?? "closed by the client");
    if (error) {
      // §4.9.1.2: an error before the header still comes after one.
      if (!this.#answered) this.#answer();
      const element = error.toElement();
      if (this.standalone) element.attrs["xmlns:stream"] = NS_STREAM;
      this.connection.write(serialize(element));
    }
    // The footer says that the session is over, so it is by then: who logs in anew does not meet it.
    this.#turn.take(() => this.connection.end() as undefined);
  }

  /** From now on nothing is sent; what arrived is still dealt with, then the session ends. */
  #leave(reason: string): undefined {
    this.#phase = "closed";
    clearTimeout(this.#deadline);
    const { session } = this;
    if (!session) return;
    this.session = undefined;
    this.log.info({ reason }, "session ended");
    const { binder, domain } = this.settings;
    binder.leave(session);
    this.#turn.take(() => binder.unbind(session, domain.hooks, reason));
  }

  // What the features use.

  send(element: Element): void {
    this.connection.write(serialize(element, this.standalone ? undefined : NS_CLIENT));
  }

  /** A fresh stream begins: after TLS and after SASL. RFC 6120 §4.3.3 */
  expectHeader(): void {
    this.#phase = "header";
    this.#answered = false;
    this.#tls = undefined;
    this.id = newId();
  }

  /** What stands in plain text behind the request is forgotten, wherever it waits: RFC 6120 §5.4.3.3. */
  startTls(): void {
    this.#era += 1;
    this.connection.startTls(this.domain);
    this.expectHeader();
  }

  /** RFC 6120 §6.4.6 */
  loggedIn(account: Account, anonymous: boolean): void {
    this.account = account;
    this.#anonymous = anonymous;
    this.saslExchange = undefined;
    this.#log = undefined;
    this.connection.setLimits(this.settings.limits);
    this.connection.restart();
    this.expectHeader();
  }

  /** @throws StanzaError */
  async bind(wanted: string | undefined): Promise<Jid> {
    const { binder, domain } = this.settings;
    const account = this.account as Account;
    const session = await binder.bind(account, this.#anonymous, wanted, domain.hooks, this);
    // Asked now, since whoever removes an account ends the sessions that are bound by then.
    if (!this.#anonymous && (await this.settings.account(account.jid))?.id !== account.id) {
      await binder.unbind(session, domain.hooks, "the account was removed");
      throw new StreamError("not-authorized", "the account was removed");
    }
    // The client went away while somebody else was made to give way.
    if (this.#phase === "closed") {
      await binder.unbind(session, domain.hooks, "closed by the client");
      throw new StreamError("connection-timeout");
    }
    this.session = session;
    clearTimeout(this.#deadline);
    return session.jid;
  }

  /** The client has been told its JID. */
  async bound(): Promise<void> {
    this.#phase = "bound";
    const session = this.session as ClientSession;
    await this.settings.domain.hooks.fire("session:bound", { session });
    this.log.info({ resource: session.jid.resource }, "session bound");
    // Most sessions have nothing more to say until they end; then it is made anew.
    this.#log = undefined;
  }

  /** An earlier session, which has been attached to this stream, goes on here. */
  resumed(session: ClientSession): void {
    this.#phase = "bound";
    clearTimeout(this.#deadline);
    this.log.info({ resource: session.jid.resource }, "session resumed");
  }

  /** The session goes on on another stream; this one, alive or not, has nothing to do with it any more. */
  supersede(): void {
    this.session = undefined;
    this.close(new StreamError("conflict", "the session was resumed on another connection"));
  }

  // What stream management does with the connection (ManagedOutlet).

  /** @param h how many stanzas of the client's count as handled */
  tellHandled(h: number): void {
    this.connection.write(`<a xmlns='${NS_SM}' h='${h}'/>`);
  }

  ask(): void {
    this.connection.write(`<r xmlns='${NS_SM}'/>`);
  }

  dead(): void {
    this.log.info("no acknowledgement came; the connection counts as dead");
    this.connection.destroy();
  }

  #begin(element: Element): Done {
    if (this.#phase !== "header") throw new StreamError("bad-format", "a second stream header");
    const header = readHeader(element);
    this.#header = header;
    const settings = this.hosts.find(header.to);
    // After the first header the domain stands.
    if (!settings || (this.account && settings !== this.settings)) throw new StreamError("host-unknown");
    this.settings = settings;
    if (header.from && this.account && !header.from.sameBare(this.account.jid))
      throw new StreamError("invalid-from");
    this.#answer();
    return this.#offer();
  }

  #answer(): void {
    this.#answered = true;
    this.connection.writeHeader(answerHeader(this.domain, this.id, this.#header));
  }

  #offer(): Done {
    const offer = xml("stream:features");
    if (this.standalone) offer.attrs["xmlns:stream"] = NS_STREAM;
    for (const feature of this.features) {
      const offered = feature.offer(this);
      if (offered) offer.append(...(Array.isArray(offered) ? offered : [offered]));
    }
    const hooked = this.settings.domain.hooks.fire("stream:features", { stream: this, offer });
    this.#phase = "negotiating";
    if (hooked instanceof Promise) return hooked.then(() => this.connection.write(serialize(offer)));
    this.connection.write(serialize(offer));
    return undefined;
  }

  #receive(element: Element, inner: string | undefined): Done {
    if (this.#phase === "bound" && this.#isStanza(element)) return this.#stanza(element, inner);
    if (this.#phase === "closed") return undefined;
    if (element.is("error", NS_STREAM)) return this.#failedThere(element);
    // Where elements are messages of their own, nothing but the rules puts the header first: RFC 7395 §3.4, §3.7.
    if (this.#phase === "header") throw new StreamError("bad-format", "a stream header was expected");
    const feature = this.features.find((one) => one.accepts?.(element, this));
    if (feature?.negotiate) return feature.negotiate(element, this);
    if (!this.#isStanza(element)) throw new StreamError("unsupported-stanza-type");
    if (this.account) throw new StreamError("not-authorized", "no resource is bound");
    return this.#unauthenticated(element);
  }

  #isStanza({ name, attrs }: Element): boolean {
    return isStanzaName(name) && (attrs.xmlns ?? this.#header?.content) === NS_CLIENT;
  }

  #stanza(element: Element, inner: string | undefined): Done {
    const session = this.session as ClientSession;
    // XEP-0198 §4: what is refused has been handled, too.
    const ticket = session.managed?.handled.begin();
    const lang = this.#header?.lang;
    // RFC 6120 §8.1.5: what the stream's language is must be known to those who do not see the stream.
    if (lang !== undefined && element.attrs["xml:lang"] === undefined) element.attrs["xml:lang"] = lang;
    let stanza: Stanza;
    try {
      stanza = Stanza.of(element, inner);
    } catch (error) {
      if (error instanceof StanzaError) this.#malformed(element, error, session);
      ticket?.release();
      return undefined;
    }
    if (!ticket) return this.settings.inbound.receive(session, stanza);
    stanza.ticket = ticket;
    const done = this.settings.inbound.receive(session, stanza);
    if (done !== undefined) return done.finally(() => ticket.release());
    ticket.release();
    return undefined;
  }

  /** An address that is no JID: the answer comes from the account, since nobody has that address. */
  #malformed(element: Element, error: StanzaError, session: ClientSession): void {
    delete element.attrs.to;
    delete element.attrs.from;
    const reply = Stanza.of(element).withAddresses(session.jid, session.account.jid).errorReply(error);
    if (reply) session.send(reply);
  }

  /** RFC 6120 §4.9.3.12, unless a plugin (in-band registration) takes it. */
  async #unauthenticated(iq: Element): Promise<void> {
    const reply = (answer: Element) => this.send(answer);
    const handled =
      iq.name === "iq" &&
      (await this.settings.domain.hooks.fire("stream:unauthenticated", { stream: this, iq, reply }));
    if (!handled) throw new StreamError("not-authorized");
  }

  #fail(error: unknown): undefined {
    if (error instanceof StreamError) {
      this.log.info({ condition: error.condition, why: error.text }, "stream ended with an error");
      this.close(error);
    } else {
      this.log.error({ err: error }, "stream ended: it could not be handled");
      this.close(new StreamError("internal-server-error"));
    }
  }

  /** RFC 6120 §4.9.1.1: a stream error ends the stream; an error is never answered by another. */
  #failedThere(element: Element): undefined {
    const condition = streamConditionOf(element);
    this.log.info({ condition }, "the client ended its stream with an error");
    this.close();
  }

  #tooLate(): void {
    this.#fail(new StreamError("connection-timeout", "not logged in within the time allowed"));
  }
}

/** RFC 6120 §4.7.3: unique and unguessable. */
function newId(): string {
  return randomBytes(12).toString("base64url");
}
