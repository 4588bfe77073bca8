import type { NodeId } from "../../adapter.js";
import type { Ledger } from "./ledger.js";

interface Claim {
  dead: NodeId;
  heir: NodeId;
}

/**
 * Who adopts whom. All who try write it down, and whoever stands first has won: the topic's order is the same for all. A
 * claim counts as long as its heir is there, so that of an heir that died itself the next is free.
 */
export class Claims {
  /** @param isThere whether a node has a mailbox */
  constructor(
    private readonly ledger: Ledger,
    private readonly isThere: (node: NodeId) => Promise<boolean>,
  ) {}

  /** @returns whether this heir is the one. */
  async make(claim: Claim): Promise<boolean> {
    const name = nameOf(claim);
    const before = await this.#read();
    // One that stands there already keeps its place.
    if (!before.some((one) => nameOf(one) === name))
      await this.ledger.put(name, Buffer.from(JSON.stringify(claim)));
    for (const one of await this.#read()) {
      if (one.dead !== claim.dead) continue;
      if (one.heir === claim.heir) return true;
      if (await this.isThere(one.heir)) break;
    }
    await this.drop(claim);
    return false;
  }

  /** The adoption is done with. */
  drop(claim: Claim): Promise<void> {
    return this.ledger.remove(nameOf(claim));
  }

  /** What a node had begun to adopt. */
  async of(heir: NodeId): Promise<NodeId[]> {
    return (await this.#read()).filter((one) => one.heir === heir).map(({ dead }) => dead);
  }

  async #read(): Promise<Claim[]> {
    return (await this.ledger.read()).map(({ value }) => JSON.parse(String(value)) as Claim);
  }
}

const nameOf = ({ dead, heir }: Claim) => JSON.stringify([dead, heir]);
