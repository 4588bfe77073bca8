import type { Hooks } from "../hooks.js";
import type { Logger } from "../log.js";
import type { Account } from "../storage/types.js";
import { StreamError } from "../xmpp/errors.js";
import type { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";
import type { Managed } from "./managed.js";
import { NO_FLAGS, type Receipt, type Resource, type Session, type Valve } from "./session.js";
import type { Sent } from "./unacked.js";

/** Where a session's stanzas leave: its stream. */
export interface Outlet {
  write(text: string, receipt?: Receipt): void;
  close(error?: StreamError): void;
  /** Every first-level element carries its namespace itself (WebSocket, BOSH). */
  readonly standalone: boolean;
  readonly secure: boolean;
  readonly plainLocal: boolean;
  readonly log: Logger;
  /** The session goes on elsewhere: the stream has nothing to do with it any more. */
  supersede(): void;
}

export class ClientSession implements Session {
  /** Replaced by the registry. */
  resource: Resource;
  #ended: { promise: Promise<void>; resolve: () => void } | undefined;
  #everybodyKnows = false;
  leavesInOrder = false;
  /** Set while it is unpacked. */
  arrived = false;
  /** Stream management, once the client enabled it: XEP-0198. */
  managed: Managed | undefined;
  /** Of the stream that it has, or had last: one that is newer has a higher number. */
  streamNumber = nextStreamNumber();
  #stream: Outlet;
  #outlet: Outlet | undefined;
  #over = false;
  #valve: Valve | undefined;
  /** Hooks that wait before a stanza goes out; those behind it wait too. */
  #chain: Promise<void> | undefined;

  constructor(
    readonly jid: Jid,
    readonly account: Account,
    readonly anonymous: boolean,
    node: string,
    private readonly hooks: Hooks,
    stream: Outlet,
    /** Told of what could not be delivered and has no receipt. */
    private readonly lost: (stanza: Stanza) => void,
    readonly boundAt = Date.now(),
  ) {
    this.#stream = stream;
    this.#outlet = stream;
    this.resource = {
      jid,
      node,
      presence: undefined,
      priority: 0,
      interested: false,
      flags: NO_FLAGS,
      boundAt: this.boundAt,
      session: this,
    };
  }

  get secure(): boolean {
    return this.#stream.secure;
  }

  get plainLocal(): boolean {
    return this.#stream.plainLocal;
  }

  get log(): Logger {
    return this.#stream.log;
  }

  send(stanza: Stanza, receipt?: Receipt): void {
    if (this.#chain !== undefined) this.#sendLater(this.#chain, stanza, receipt);
    else {
      const waiting = this.#pass(stanza, receipt);
      if (waiting !== undefined) this.#keepOrder(waiting);
    }
  }

  get acknowledges(): boolean {
    return this.managed !== undefined;
  }

  get saturated(): boolean {
    return this.managed?.saturated ?? false;
  }

  room(): Promise<void> | undefined {
    return this.managed?.room();
  }

  close(error?: StreamError): void {
    if (this.#outlet) this.#outlet.close(error);
    else this.onClosedWhileDetached?.();
  }

  /** Somebody wants it gone while it has no stream. */
  onClosedWhileDetached: (() => void) | undefined;

  /** The connection is lost, and may come back. */
  detach(): void {
    this.#outlet = undefined;
    this.managed?.detach();
  }

  get detached(): boolean {
    return this.#outlet === undefined && !this.#over;
  }

  get valve(): Valve | undefined {
    return this.#valve;
  }

  setValve(valve: Valve | undefined): void {
    const before = this.#valve;
    this.#valve = valve;
    for (const { stanza, receipt } of before?.empty() ?? []) this.write(stanza, receipt);
  }

  /** Another stream takes over. @returns the one that was there. */
  attach(stream: Outlet): Outlet | undefined {
    const before = this.#outlet;
    this.#stream = stream;
    this.#outlet = stream;
    this.streamNumber = nextStreamNumber();
    return before;
  }

  /** The client has come back elsewhere: its stream ends without it. */
  supersede(): void {
    const before = this.#outlet;
    this.detach();
    before?.supersede();
  }

  /** It goes on elsewhere. @returns what was not acknowledged, in order; from now on nothing can be sent here. */
  takeAll(): Sent[] {
    const left = this.managed?.end() ?? [];
    this.#outlet = undefined;
    this.#over = true;
    this.everybodyWasTold();
    return left;
  }

  /** From now on nothing can be sent; what was not acknowledged goes back to where it came from. */
  end(): void {
    this.#outlet = undefined;
    const left = [...(this.managed?.end() ?? []), ...(this.#valve?.empty() ?? [])];
    this.#valve = undefined;
    for (const { stanza, receipt } of left) {
      if (receipt) receipt.failed();
      else this.lost(stanza);
    }
    this.#over = true;
  }

  everybodyWasTold(): void {
    this.#everybodyKnows = true;
    this.#ended?.resolve();
  }

  /** Settles when the session has ended and everybody was told. Made on demand: few are ever asked. */
  get ended(): Promise<void> {
    if (this.#everybodyKnows) return Promise.resolve();
    this.#ended ??= promiseOf();
    return this.#ended.promise;
  }

  /** The sending hooks, then the bytes. */
  #pass(stanza: Stanza, receipt: Receipt | undefined): Promise<void> | undefined {
    try {
      const handled = this.hooks.fire("stanza:sending", { session: this, stanza });
      if (handled instanceof Promise) {
        return handled.then(
          (yes) => this.#hooked(yes, stanza, receipt),
          (error) => this.#refused(error, stanza, receipt),
        );
      }
      this.#hooked(handled, stanza, receipt);
    } catch (error) {
      this.#refused(error, stanza, receipt);
    }
    return undefined;
  }

  #hooked(handled: boolean, stanza: Stanza, receipt: Receipt | undefined): void {
    if (handled) receipt?.delivered();
    else if (!this.#valve?.keeps(stanza, receipt)) this.write(stanza, receipt);
  }

  write(stanza: Stanza, receipt?: Receipt): void {
    if (this.managed && !this.#over) this.#sendManaged(this.managed, stanza, receipt);
    else if (this.#outlet) this.#outlet.write(stanza.text(this.#outlet.standalone), receipt);
    else if (receipt) receipt.failed();
    else this.lost(stanza);
  }

  #sendManaged(managed: Managed, stanza: Stanza, receipt: Receipt | undefined): void {
    if (!managed.overfull) {
      managed.send(stanza, receipt);
      return;
    }
    this.log.warn("a client acknowledges too little; its session ends");
    this.close(new StreamError("resource-constraint", "too much is not acknowledged"));
    // Only now: it must not be sent here again.
    if (receipt) receipt.failed();
    else this.lost(stanza);
  }

  /** Fail closed: what a hook could not judge is not sent. It stays with its recipient's account. */
  #refused(error: unknown, stanza: Stanza, receipt: Receipt | undefined): void {
    this.log.error({ err: error }, "a stanza was not sent");
    if (receipt?.refused) receipt.refused();
    else if (receipt) receipt.failed();
    else this.lost(stanza);
  }

  #sendLater(chain: Promise<void>, stanza: Stanza, receipt: Receipt | undefined): void {
    this.#keepOrder(chain.then(() => this.#pass(stanza, receipt)));
  }

  #keepOrder(waiting: Promise<void>): void {
    const chain = waiting.finally(() => {
      if (this.#chain === chain) this.#chain = undefined;
    });
    this.#chain = chain;
  }
}

let streams = 0;

/** Over all sessions of this process. */
function nextStreamNumber(): number {
  streams += 1;
  return streams;
}

function promiseOf(): { promise: Promise<void>; resolve: () => void } {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}
