import type { Account } from "../storage/types.js";
import type { NodeId } from "./adapter.js";
import type { Link } from "./link.js";

/** Messages for one account that went into the store on their way to a node. */
interface Detour {
  readonly account: Account;
  /** Of these the node said itself that they are to wait. */
  asked: number;
  /** Given to the store since the node was last told. */
  count: number;
}

/** Messages for one account that may go into the store while their node cannot be told of them. */
const MAX_DETOURED = 20_000;

/** One other node, as this one sees it. */
export class Peer {
  /** ms since 1970 */
  lastHeard = Date.now();
  /** The number of the batch that comes next; undefined before the first. */
  expected: number | undefined;
  /** The batch that is being dealt with, and how many of its items have been: it comes again when one could be neither handled nor set aside. */
  handling: number | undefined;
  handled = 0;
  /** The beginning of an item that comes in parts. */
  parts: string[] = [];
  /** It has told of all its sessions. */
  known = false;
  /** When it was last told that a batch is missing, ms since 1970. */
  lastAgain = 0;
  readonly #detours = new Map<number, Detour>();
  #telling: Promise<void> | undefined;

  constructor(
    readonly id: NodeId,
    readonly link: Link,
    /** Resolves when what was given to the store is there. */
    private readonly flushed: () => Promise<void>,
  ) {}

  detours(account: Account): boolean {
    return this.link.broken || this.link.overfull || this.#detours.has(account.id);
  }

  /** Too much is in the store for the account, and the node cannot be told. */
  refuses(account: Account): boolean {
    return !this.#listens && (this.#detours.get(account.id)?.count ?? 0) >= MAX_DETOURED;
  }

  get #listens(): boolean {
    return !this.link.broken && !this.link.stuck;
  }

  /** As many accounts as have messages on the way are remembered: no more than the node has sessions of. */
  stored(account: Account, asked: boolean): void {
    const detour = this.#detours.get(account.id) ?? { account, asked: 0, count: 0 };
    detour.count += 1;
    if (asked) detour.asked += 1;
    this.#detours.set(account.id, detour);
    this.tellStored();
  }

  /** Tells of what is in the store by now, if the node can be told. */
  tellStored(): void {
    if (!this.#listens) return;
    this.#telling ??= this.#tell().finally(() => {
      this.#telling = undefined;
    });
  }

  async #tell(): Promise<void> {
    while (this.#detours.size > 0) {
      const before = [...this.#detours.values()].map((detour) => ({ detour, ...detour }));
      await this.flushed();
      if (!this.#listens) return;
      for (const { detour, account, asked, count } of before) {
        this.link.put(["stored", account.jid.text, asked]);
        detour.asked -= asked;
        detour.count -= count;
        // From now on messages go straight to the node again: behind this word.
        if (detour.count === 0) this.#detours.delete(account.id);
      }
    }
  }
}
