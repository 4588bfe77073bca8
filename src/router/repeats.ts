import type { ClientSession } from "../session/client-session.js";
import type { Session } from "../session/session.js";
import { ownText } from "../xml/own-copy.js";
import type { Stanza, Ticket } from "../xmpp/stanza.js";

const NS_SID = "urn:xmpp:sid:0";
/** Messages that are remembered, and how many of them of one account: more than a client waits to have acknowledged. */
const MESSAGES = 100_000;
const PER_ACCOUNT = 1000;
/** Characters of an id; longer ones are nobody's. */
const ID_MAX = 128;

/**
 * Messages that clients send again since their connection broke before they were acknowledged (XEP-0198 §5): they have the
 * same origin-id (XEP-0359 §2.2). Remembered for a bounded time and on this node only; a repetition that is not
 * recognised does no harm but to appear twice.
 */
export class Repeats {
  /** By account, and of each by `keyOf`; what was used last is at the end of either. */
  readonly #accounts = new Map<number, Map<string, Note>>();
  #count = 0;

  constructor(
    private readonly most = MESSAGES,
    private readonly mostOfAccount = PER_ACCOUNT,
  ) {}

  /** Under what a message is known; undefined when it is none that could be repeated. */
  keyOf(session: ClientSession, message: Stanza): string | undefined {
    if (message.kind !== "message" || message.type === "error" || !session.managed) return undefined;
    const id = message.getChild("origin-id", NS_SID)?.attrs.id ?? "";
    if (id === "" || id.length > ID_MAX || session.account.id === 0) return undefined;
    return `${message.to} ${id}`;
  }

  /**
   * The message that came first, if this one is sent again. XEP-0198 §5: that is done on a new stream, whether it resumes the session or
   * begins another. What is said twice on one stream is meant twice.
   */
  earlier(session: ClientSession, key: string): Note | undefined {
    const notes = this.#accounts.get(session.account.id);
    const note = notes?.get(key);
    if (!notes || !note || note.stream >= session.streamNumber) return undefined;
    note.stream = session.streamNumber;
    // Its connection may break once more.
    putLast(notes, key, note);
    putLast(this.#accounts, session.account.id, notes);
    return note;
  }

  /** Takes note of a message, which is under way from now on. */
  note(session: ClientSession, key: string, message: Stanza): Note {
    const accountId = session.account.id;
    this.#drop(accountId, key);
    const notes = this.#accounts.get(accountId) ?? new Map<string, Note>();
    putLast(this.#accounts, accountId, notes);
    const kept = ownText(key);
    const note = new Note(session.streamNumber, ownText(message.id ?? ""), message.ticket, () => {
      if (this.#accounts.get(accountId)?.get(kept) === note) this.#drop(accountId, kept);
    });
    notes.set(kept, note);
    this.#count += 1;
    if (notes.size > this.mostOfAccount) this.#drop(accountId, firstOf(notes) as string);
    if (this.#count > this.most) this.#dropOldest();
    return note;
  }

  /** Its sender is told that a message bounced: if he sends it again, he means it. */
  bounced(session: Session, error: Stanza): void {
    const from = error.from?.bareText;
    for (const [key, note] of this.#accounts.get(session.account.id) ?? []) {
      if (note.id === error.id && bareOf(key) === from) note.fail();
    }
  }

  #dropOldest(): void {
    const accountId = firstOf(this.#accounts) as number;
    const notes = this.#accounts.get(accountId) as Map<string, Note>;
    this.#drop(accountId, firstOf(notes) as string);
  }

  #drop(accountId: number, key: string): void {
    const notes = this.#accounts.get(accountId);
    if (!notes?.delete(key)) return;
    this.#count -= 1;
    if (notes.size === 0) this.#accounts.delete(accountId);
  }
}

/** A message that may be sent again. It stands for the message's ticket, so that it knows when that has been handled for good. */
export class Note implements Ticket {
  /** The message has to be routed. */
  #holds = 1;
  hasFailed = false;
  #waiting: (() => void)[] | undefined;

  /**
   * @param stream the number of the stream that brought it last
   * @param id of the stanza, by which errors name it
   */
  constructor(
    public stream: number,
    readonly id: string,
    private ticket: Ticket | undefined,
    private readonly onFailed: () => void,
  ) {}

  hold(): void {
    this.#holds += 1;
    this.ticket?.hold();
  }

  release(): void {
    const { ticket } = this;
    this.#letGo();
    ticket?.release();
  }

  /** It has gone its way; whoever has taken it into keeping still holds it. */
  routed(): void {
    this.#letGo();
  }

  /** It was refused, or bounced. */
  fail(): void {
    this.hasFailed = true;
    this.onFailed();
  }

  /** Undefined when it is known what became of it; otherwise resolves when it is. */
  decided(): Promise<void> | undefined {
    if (this.#holds === 0) return undefined;
    return new Promise((resolve) => {
      this.#waiting ??= [];
      this.#waiting.push(resolve);
    });
  }

  #letGo(): void {
    this.#holds -= 1;
    if (this.#holds > 0) return;
    this.ticket = undefined;
    for (const resolve of this.#waiting ?? []) resolve();
    this.#waiting = undefined;
  }
}

function bareOf(key: string): string {
  return key.slice(0, key.search(/[/ ]/));
}

function firstOf<K>(map: ReadonlyMap<K, unknown>): K | undefined {
  return map.keys().next().value;
}

function putLast<K, V>(map: Map<K, V>, key: K, value: V): void {
  map.delete(key);
  map.set(key, value);
}
