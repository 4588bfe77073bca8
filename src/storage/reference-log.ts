import type { Logger } from "../log.js";
import { parseElement } from "../xml/parse.js";
import { Jid } from "../xmpp/jid.js";
import { MessageIds } from "./message-id.js";
import type { ArchiveReference, ArchiveRepository, Archives, KeptMessage } from "./types.js";

/** A message that is in the database and belongs to archives. */
export interface ReferredMessage {
  readonly id: number;
  readonly archives: Archives;
}

export interface ReferenceLogOptions {
  /** Messages whose references share a transaction. */
  batch: number;
  /** ms that references may wait for company. */
  delay: number;
  /** Messages whose references may wait; beyond that they are read from the database again. */
  maxWaiting: number;
  /** ms before a failed transaction is tried again. */
  retry: number;
}

const DEFAULTS: ReferenceLogOptions = { batch: 2000, delay: 1000, maxWaiting: 20_000, retry: 1000 };
/** Messages read at a time to derive references that were not written. */
const PAGE = 500;

/**
 * Writes the references of archives to messages. They need not be durable when the message is, since each message row says
 * whose archives it belongs to: they follow in larger groups, which costs less than half, and what was not written
 * before a crash is derived at the next start, from the mark up to which all was written.
 */
export class ReferenceLog {
  #waiting: ReferredMessage[] = [];
  /** Messages added so far. */
  #added = 0;
  /** So many of them are wanted in the database at once, even where they do not fill a group. */
  #due = 0;
  /** There are, or may be, messages in the database whose references are neither written nor waiting. */
  #behind = true;
  #running: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  readonly #options: ReferenceLogOptions;

  /** @param slot of the ids of those messages, see `MessageIds`. */
  constructor(
    private readonly archive: ArchiveRepository,
    private readonly slot: number,
    private readonly log: Logger,
    options: Partial<ReferenceLogOptions> = {},
  ) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Derives what was not written last time. */
  start(): void {
    void this.#write().then(
      () => {
        if (this.#waiting.length > 0) this.#later(this.#options.delay);
      },
      () => this.#later(this.#options.retry),
    );
  }

  /** The message has been written; messages come in the order of their ids. */
  add(message: ReferredMessage): void {
    this.#added += 1;
    if (this.#waiting.length >= this.#options.maxWaiting) {
      this.#waiting = [];
      this.#behind = true;
    }
    // Otherwise it is derived with the others; and the mark must not overtake them.
    if (!this.#behind) this.#waiting.push(message);
    this.#later(this.#waiting.length >= this.#options.batch ? 0 : this.#options.delay);
  }

  /** Resolves when all references of messages added so far are in the database; rejects when it does not take them. */
  async written(): Promise<void> {
    const due = this.#added;
    this.#due = due;
    await this.#running;
    if (this.#behind || this.#begun < due) await this.#write();
  }

  /** Writes what is left. What cannot be written is derived at the next start. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.written().catch(() => undefined);
  }

  /** How many of those added wait no more. */
  get #begun(): number {
    return this.#added - this.#waiting.length;
  }

  #later(ms: number): void {
    if (this.#stopped || (this.#timer && ms > 0)) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (ms > 0) this.#due = this.#added;
      this.start();
    }, ms).unref();
  }

  #write(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
    });
    return this.#running;
  }

  async #run(): Promise<void> {
    try {
      if (this.#behind) await this.#catchUp();
      const { batch } = this.#options;
      while (this.#waiting.length >= batch || this.#begun < this.#due)
        await this.#writeBatch(this.#waiting.splice(0, batch));
    } catch (error) {
      // The database knows them all.
      this.#waiting = [];
      this.#behind = true;
      this.log.error({ err: error }, "references of the archive could not be written; trying again");
      throw error;
    }
  }

  async #writeBatch(batch: readonly ReferredMessage[]): Promise<void> {
    const { slot } = this;
    await this.archive.add(batch.flatMap(referencesTo), { slot, id: batch[batch.length - 1].id });
  }

  async #catchUp(): Promise<void> {
    const { slot } = this;
    // What is written from now on is added here.
    this.#behind = false;
    let after = await this.archive.mark(slot);
    for (;;) {
      const page = await this.archive.kept(after, PAGE);
      // What other nodes have written is theirs to refer to.
      const own = page.filter(({ id }) => MessageIds.slotOf(id) === slot);
      const last = own.at(-1);
      if (last) await this.archive.add(own.flatMap(derivedReferences), { slot, id: last.id });
      if (page.length < PAGE) return;
      after = page[page.length - 1].id;
    }
  }
}

function referencesTo({
  id,
  archives: { sender, recipient, from, to },
}: ReferredMessage): ArchiveReference[] {
  return references(id, sender?.id, recipient?.id, from, to);
}

function derivedReferences({ id, stanza, sender, recipient }: KeptMessage): ArchiveReference[] {
  const { from, to } = parseElement(stanza).attrs;
  return references(id, sender, recipient, Jid.parse(from), Jid.parse(to));
}

/** Each finds it under the other one's address. */
function references(
  messageId: number,
  sender: number | undefined,
  recipient: number | undefined,
  from: Jid,
  to: Jid,
): ArchiveReference[] {
  const found: ArchiveReference[] = [];
  if (sender !== undefined) found.push({ accountId: sender, messageId, peer: to });
  if (recipient !== undefined) found.push({ accountId: recipient, messageId, peer: from });
  return found;
}
