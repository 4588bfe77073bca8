import { LRUCache } from "lru-cache";
import type { Registry } from "../session/registry.js";
import type { Jid } from "../xmpp/jid.js";
import type { NodeId } from "./adapter.js";

/** Accounts remembered; where there are more, all nodes are asked instead. */
const MAX = 50_000;

/**
 * On which nodes each account has sessions, or had some until a moment ago. What it said there, and what others said to it there, may
 * still be on its way; on all other nodes nothing of it is.
 */
export class Homes {
  readonly #left: LRUCache<string, Set<NodeId>>;
  #blindUntil = 0;

  /** @param memory ms for which it is remembered who was where: what was said there is dealt with long before. */
  constructor(
    private readonly registry: Registry,
    private readonly memory: number,
  ) {
    this.#left = new LRUCache({
      max: MAX,
      ttl: memory,
      dispose: (_nodes, _account, why) => {
        if (why === "evict") this.forget();
      },
    });
    // Who left before this node came is not known to it.
    this.forget();
    registry.listen({
      changed: (before, after) => {
        if (before && before.node !== after?.node) this.#leaves(before.jid, before.node);
      },
    });
  }

  /** @returns undefined when that is not known */
  of(account: Jid): ReadonlySet<NodeId> | undefined {
    if (Date.now() < this.#blindUntil) return undefined;
    const now = this.registry.of(account).map(({ node }) => node);
    return new Set([...now, ...(this.#left.get(account.bareText) ?? [])]);
  }

  /** Something may have been missed. */
  forget(): void {
    this.#blindUntil = Date.now() + this.memory;
  }

  #leaves(jid: Jid, node: NodeId): void {
    const nodes = this.#left.get(jid.bareText) ?? new Set();
    this.#left.set(jid.bareText, nodes.add(node));
  }
}
