import { LRUCache } from "lru-cache";
import type { HookMap, Hooks } from "../hooks.js";
import type { Logger } from "../log.js";
import type { Nodes } from "../session/registry.js";
import type { AccountCache } from "../storage/account-cache.js";
import type { MessageLog } from "../storage/message-log.js";
import type { Account, MessageRepository } from "../storage/types.js";
import { StanzaError } from "../xmpp/errors.js";
import type { Stanza } from "../xmpp/stanza.js";
import type { Archiving } from "./archiving.js";
import type { Domain } from "./domain.js";
import type { Drains } from "./drains.js";
import { isKept, isSaid } from "./keep.js";

/** Runs after every plugin had its say. */
const PRIORITY = -10;

/** Keeps messages for accounts of which nobody is there: XEP-0160. */
export class OfflineStorage {
  readonly #hooks = new Map<string, Hooks>();
  /** How many each account had waiting when last asked, and since. */
  readonly #counts = new LRUCache<number, number>({ max: 10_000, ttl: 60_000 });

  constructor(
    private readonly accounts: AccountCache,
    private readonly messages: MessageRepository,
    private readonly log: MessageLog,
    private readonly drains: Drains,
    private readonly maxMessages: number,
    private readonly logger: Logger,
    private readonly archiving: Archiving,
    private readonly nodes: Pick<Nodes, "flushed">,
  ) {}

  serve(domain: Domain): void {
    domain.features.server.add("msgoffline");
    this.#hooks.set(domain.name, domain.hooks);
    domain.hooks.on("message:undelivered", "offline", (event) => this.#keep(event), PRIORITY);
  }

  /** A message is in the account's store. Whoever is told cannot change that any more. */
  async announce(account: Account, stanza: Stanza): Promise<void> {
    try {
      await this.#hooks.get(account.jid.domain)?.fire("message:kept", { account, stanza });
    } catch (error) {
      this.logger.error({ err: error }, "not everybody could be told that a message was kept");
    }
  }

  async #keep(event: HookMap["message:undelivered"]): Promise<boolean> {
    const { account: jid, stanza: message } = event;
    if (!isKept(message)) return isDispensable(message);
    const account = await this.accounts.find(jid);
    if (!account) return false;
    await this.#count(account);
    const archives = await this.archiving.archivesOf(message, account);
    const entry = this.log.append(account, message, undefined, message.ticket, archives);
    event.shown = this.archiving.named(message, entry);
    void this.announce(account, event.shown);
    // Somebody may have come while the database was asked.
    this.drains.wake(account);
    await this.log.room();
    return true;
  }

  /** @throws StanzaError `service-unavailable` beyond the limit: RFC 6121 §8.5.2.2.1, XEP-0160 §2. */
  async #count(account: Account): Promise<void> {
    let count = this.#counts.get(account.id);
    // Counted anew before anybody is refused: what was fetched meanwhile has made room.
    if (count === undefined || count >= this.maxMessages) {
      await Promise.all([this.log.flushed(), this.nodes.flushed()]);
      count = await this.messages.count(account, this.maxMessages);
    }
    if (count >= this.maxMessages) {
      throw new StanzaError("service-unavailable", { text: "The recipient's offline storage is full." });
    }
    this.#counts.set(account.id, count + 1);
  }
}

/**
 * XEP-0160 §3: chat states and the like are of no use later, and nobody needs to hear that they were dropped. Who has said something that
 * may not be stored (XEP-0334 §4.2) does: RFC 6121 §8.5.2.2.1.
 */
function isDispensable(message: Stanza): boolean {
  const { type } = message;
  return (type === undefined || type === "chat" || type === "normal") && !isSaid(message);
}
