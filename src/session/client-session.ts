import type { Hooks } from "../hooks.js";
import type { Logger } from "../log.js";
import type { Account } from "../storage/types.js";
import type { StreamError } from "../xmpp/errors.js";
import type { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";
import type { Receipt, Resource, Session } from "./session.js";

/** Where a session's stanzas leave: its stream. */
export interface Outlet {
  write(text: string, receipt?: Receipt): void;
  close(error?: StreamError): void;
  /** Every first-level element carries its namespace itself (WebSocket, BOSH). */
  readonly standalone: boolean;
  readonly log: Logger;
}

export class ClientSession implements Session {
  readonly boundAt = Date.now();
  /** Replaced by the registry. */
  resource: Resource;
  /** Settles when the session has ended and everybody was told. */
  readonly ended: Promise<void>;
  #tellEnded!: () => void;
  #outlet: Outlet | undefined;
  /** Hooks that wait before a stanza goes out; those behind it wait too. */
  #chain: Promise<void> | undefined;

  constructor(
    readonly jid: Jid,
    readonly account: Account,
    readonly anonymous: boolean,
    node: string,
    private readonly hooks: Hooks,
    private readonly stream: Outlet,
  ) {
    this.#outlet = stream;
    this.resource = {
      jid,
      node,
      presence: undefined,
      priority: 0,
      interested: false,
      session: this,
    };
    this.ended = new Promise((resolve) => {
      this.#tellEnded = resolve;
    });
  }

  get log(): Logger {
    return this.stream.log;
  }

  send(stanza: Stanza, receipt?: Receipt): void {
    if (this.#chain) this.#sendLater(this.#chain, stanza, receipt);
    else {
      const waiting = this.#pass(stanza, receipt);
      if (waiting) this.#keepOrder(waiting);
    }
  }

  close(error?: StreamError): void {
    this.#outlet?.close(error);
  }

  /** From now on nothing can be sent. */
  end(): void {
    this.#outlet = undefined;
  }

  everybodyWasTold(): void {
    this.#tellEnded();
  }

  /** The sending hooks, then the bytes. */
  #pass(stanza: Stanza, receipt: Receipt | undefined): Promise<void> | undefined {
    try {
      const handled = this.hooks.fire("stanza:sending", { session: this, stanza });
      if (handled instanceof Promise) {
        return handled.then(
          (yes) => this.#write(yes, stanza, receipt),
          (error) => this.#refused(error, receipt),
        );
      }
      this.#write(handled, stanza, receipt);
    } catch (error) {
      this.#refused(error, receipt);
    }
    return undefined;
  }

  #write(handled: boolean, stanza: Stanza, receipt: Receipt | undefined): void {
    if (handled) receipt?.delivered();
    else if (this.#outlet) this.#outlet.write(stanza.text(this.#outlet.standalone), receipt);
    else receipt?.failed();
  }

  /** Fail closed: what a hook could not judge is not sent. It stays with its recipient's account. */
  #refused(error: unknown, receipt: Receipt | undefined): void {
    this.log.error({ err: error }, "a stanza was not sent");
    receipt?.failed();
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
