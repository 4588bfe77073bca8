import type { Registry } from "../session/registry.js";
import type { AccountCache } from "../storage/account-cache.js";
import type { LogEntry } from "../storage/message-log.js";
import type { Account, Archives } from "../storage/types.js";
import { Element, isElement, type Node } from "../xml/element.js";
import { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";
import { isArchivable } from "./archivable.js";
import type { ArchiveIds } from "./archive-ids.js";
import type { Domain } from "./domain.js";

const NS_SID = "urn:xmpp:sid:0";

type Maybe<T> = T | Promise<T>;

/** Which archives a message belongs to (XEP-0313), and the name that it bears there (XEP-0359). */
export class Archiving {
  constructor(
    private readonly domains: ReadonlyMap<string, Domain>,
    private readonly registry: Registry,
    private readonly accounts: AccountCache,
    private readonly ids: ArchiveIds,
  ) {}

  /**
   * @param recipient the account it is for; undefined where that is none of this server's.
   * @returns undefined: it belongs to nobody's archive. A promise only where something has to be asked.
   */
  archivesOf(message: Stanza, recipient: Account | undefined): Maybe<Archives | undefined> {
    const from = message.from as Jid;
    const to = message.to as Jid;
    const theirs = recipient !== undefined && this.#archives(to);
    const ours = this.#archives(from);
    if (!(theirs || ours) || !isArchivable(message)) return undefined;
    const sender = ours ? this.#accountOf(from) : undefined;
    const taker = theirs ? recipient : undefined;
    return sender instanceof Promise
      ? sender.then((found) => this.#ask(message, found, taker))
      : this.#ask(message, sender, taker);
  }

  /**
   * XEP-0359 §3: without names that somebody else gave in the name of these accounts. Only domains with archives give
   * any, and promise that theirs can be trusted.
   */
  withoutForged(message: Stanza): Stanza {
    if (!message.children.some(mayBeName)) return message;
    const own = [message.from, message.to].filter(
      (jid): jid is Jid => jid !== undefined && this.#archives(jid),
    );
    const children = message.children.filter((child) => !isNamedBy(child, own));
    return children.length === message.children.length ? message : message.withChildren(children);
  }

  /** The message as its recipient sees it: with its name, if the recipient's archive has it. */
  named(message: Stanza, { account, id, archives }: LogEntry): Stanza {
    return archives?.recipient ? this.withName(message, account, id) : message;
  }

  /** XEP-0313 §3.5 */
  withName(message: Stanza, account: Account, id: number): Stanza {
    const by = account.jid.bareText;
    return message.withAppended(
      new Element("stanza-id", { xmlns: NS_SID, by, id: this.ids.format(account.id, id) }),
    );
  }

  /** Whether accounts of this domain have archives. */
  #archives(jid: Jid): boolean {
    return jid.local !== "" && this.domains.get(jid.domain)?.hooks.has("message:archiving") === true;
  }

  #accountOf(jid: Jid): Maybe<Account | undefined> {
    return this.registry.get(jid)?.session?.account ?? this.accounts.find(jid);
  }

  #ask(
    message: Stanza,
    sender: Account | undefined,
    recipient: Account | undefined,
  ): Maybe<Archives | undefined> {
    const from = message.from as Jid;
    const to = message.to as Jid;
    const theirs = isStored(recipient) && this.#wants(recipient, from, message);
    // To oneself: once.
    const ours = isStored(sender) && sender.id !== recipient?.id && this.#wants(sender, to, message);
    const archives = (sends: boolean, takes: boolean): Archives | undefined =>
      sends || takes
        ? { sender: sends ? sender : undefined, recipient: takes ? recipient : undefined, from, to }
        : undefined;
    if (!(theirs instanceof Promise || ours instanceof Promise)) return archives(ours, theirs);
    return Promise.all([ours, theirs]).then(([sends, takes]) => archives(sends, takes));
  }

  #wants(account: Account, peer: Jid, stanza: Stanza): Maybe<boolean> {
    const { hooks } = this.domains.get(account.jid.domain) as Domain;
    return hooks.fire("message:archiving", { account, peer, stanza });
  }
}

/** Accounts of anonymous sessions are not. */
function isStored(account: Account | undefined): account is Account {
  return account !== undefined && account.id !== 0;
}

function mayBeName(child: Node): boolean {
  return isElement(child) && child.name.endsWith("stanza-id");
}

function isNamedBy(child: Node, accounts: readonly Jid[]): boolean {
  if (!isElement(child) || !child.is("stanza-id", NS_SID)) return false;
  const by = Jid.tryParse(child.attrs.by);
  return by !== undefined && accounts.some((jid) => jid.bareText === by.text);
}
