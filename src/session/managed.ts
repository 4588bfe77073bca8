import { randomBytes } from "node:crypto";
import { isDelayedBy, LATE, withDelay } from "../xmpp/delay.js";
import type { Stanza } from "../xmpp/stanza.js";
import { Handled } from "./handled.js";
import type { Receipt } from "./session.js";
import { type Sent, Unacked } from "./unacked.js";

export interface ManagedOptions {
  /** Stanzas sent without acknowledgement, beyond which messages wait in the store instead. */
  maxUnacked: number;
  /** Characters of them, likewise. */
  maxUnackedSize: number;
  /** ms to wait for an acknowledgement that was asked for; then the connection counts as dead. */
  answerTimeout: number;
}

/** How many times the bounds may be exceeded by what cannot wait in the store (presence, iq) before the session ends. */
const HARD = 4;

/** What a managed session needs of its stream while it has one. */
export interface ManagedOutlet {
  write(text: string): void;
  readonly standalone: boolean;
  /** Asks for an acknowledgement. */
  ask(): void;
  /** Nobody answers. */
  dead(): void;
}

/** The state of stream management of one session, whichever stream it has at the moment: XEP-0198. */
export class Managed {
  /** Unguessable: who knows it and the account's password may resume. */
  readonly id: string;
  readonly handled: Handled;
  readonly unacked: Unacked;
  #outlet: ManagedOutlet | undefined;
  #asked = false;
  #timer: NodeJS.Timeout | undefined;
  #waiting: (() => void)[] = [];

  /** @param resumeTimeout ms that the session outlives its connection; 0 = not at all. */
  constructor(
    readonly options: ManagedOptions,
    readonly resumeTimeout: number,
    outlet: ManagedOutlet,
    /** A session that was elsewhere before. */
    before?: Pick<Managed, "id" | "handled" | "unacked">,
  ) {
    this.id = before?.id ?? randomBytes(18).toString("base64url");
    this.handled = before?.handled ?? new Handled();
    this.unacked = before?.unacked ?? new Unacked();
    this.#outlet = outlet;
  }

  /** It has as much under way as it may; what can wait in the store does. */
  get saturated(): boolean {
    return this.unacked.count >= this.options.maxUnacked || this.unacked.size >= this.options.maxUnackedSize;
  }

  /** Not even what cannot wait may be added. */
  get overfull(): boolean {
    const { maxUnacked, maxUnackedSize } = this.options;
    return this.unacked.count >= HARD * maxUnacked || this.unacked.size >= HARD * maxUnackedSize;
  }

  /** Undefined while there is room; otherwise resolves when there is, or when the session is over. */
  room(): Promise<void> | undefined {
    if (!this.saturated) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  send(stanza: Stanza, receipt: Receipt | undefined): void {
    const text = stanza.text(this.#outlet?.standalone);
    this.unacked.push(stanza, receipt, text.length, this.#outlet !== undefined);
    if (!this.#outlet) return;
    this.#outlet.write(text);
    if (!this.#asked) this.#ask();
  }

  /** @returns false when the client acknowledges more than it was sent. */
  acknowledge(h: number): boolean {
    if (!this.unacked.acknowledge(h)) return false;
    this.#asked = false;
    if (this.unacked.count > 0 && this.#outlet) this.#ask();
    this.#tellRoom();
    return true;
  }

  /** The connection is lost; what is sent from now on waits. */
  detach(): void {
    this.#outlet = undefined;
    this.#asked = false;
    this.#stopTimer();
  }

  /**
   * A new stream takes over; what the client was not known to have got is sent again.
   * @param domain which has kept it meanwhile
   */
  attach(outlet: ManagedOutlet, domain: string): void {
    this.#outlet = outlet;
    for (const sent of this.unacked.all()) outlet.write(sentAgain(sent, domain).text(outlet.standalone));
    if (this.unacked.count > 0) this.#ask();
  }

  /** The session is over. @returns what was not acknowledged, in order. */
  end(): Sent[] {
    this.detach();
    const left = this.unacked.take();
    this.#tellRoom();
    return left;
  }

  /**
   * One request is under way at a time, so that they come as often as the client answers: after each stanza where little
   * is sent (a client that leaves has said what it got), seldom where much is.
   */
  #ask(): void {
    this.#asked = true;
    this.#outlet?.ask();
    // One timer for all of them; when it ends and nothing is asked, it was for one that was answered.
    if (this.#timer) this.#timer.refresh();
    else this.#timer = setTimeout(() => this.#unanswered(), this.options.answerTimeout);
  }

  #unanswered(): void {
    this.#timer = undefined;
    if (this.#asked) this.#outlet?.dead();
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #tellRoom(): void {
    if (!this.saturated) for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** XEP-0203: a message that was kept for the client says since when, unless it comes from the store, and says so already. */
function sentAgain({ stanza, since, written }: Sent, domain: string): Stanza {
  if (stanza.kind !== "message") return stanza;
  const isLate = !written || Date.now() - since > LATE;
  return isLate && !isDelayedBy(stanza, domain) ? withDelay(stanza, domain, since) : stanza;
}
