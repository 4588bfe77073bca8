import type { Registry } from "../session/registry.js";
import type { Jid } from "../xmpp/jid.js";
import type { NodeId } from "./adapter.js";

/** Accounts remembered for each stretch of time; where there are more, all nodes are asked instead. */
const MAX = 100_000;

/**
 * On which nodes each account has sessions, or had some until a moment ago. What it said there, and what others said to it there, may
 * still be on its way; on all other nodes nothing of it is.
 */
export class Homes {
  /** Who left in the present stretch of time, and in the one before. */
  #now = new Map<string, Set<NodeId>>();
  #before = new Map<string, Set<NodeId>>();
  #began = Date.now();
  #blindUntil = 0;

  /** @param memory ms for which it is remembered who was where: what was said there is dealt with long before. */
  constructor(
    private readonly registry: Registry,
    private readonly memory: number,
    private readonly max = MAX,
  ) {
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
    this.#turnPages();
    const present = this.registry.of(account).map(({ node }) => node);
    const name = account.bareText;
    return new Set([...present, ...(this.#now.get(name) ?? []), ...(this.#before.get(name) ?? [])]);
  }

  /** Something may have been missed. */
  forget(): void {
    this.#blindUntil = Date.now() + this.memory;
  }

  #leaves(jid: Jid, node: NodeId): void {
    this.#turnPages();
    const nodes = this.#now.get(jid.bareText);
    if (nodes) nodes.add(node);
    else if (this.#now.size < this.max) this.#now.set(jid.bareText, new Set([node]));
    else this.forget();
  }

  #turnPages(): void {
    const passed = Date.now() - this.#began;
    if (passed < this.memory) return;
    this.#before = passed < 2 * this.memory ? this.#now : new Map();
    this.#now = new Map();
    this.#began = Date.now();
  }
}
