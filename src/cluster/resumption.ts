import type { Hooks } from "../hooks.js";
import type { Binder } from "../session/binder.js";
import type { ClientSession, Outlet } from "../session/client-session.js";
import type { Luggage } from "../session/handover.js";
import type { ManagedOptions, ManagedOutlet } from "../session/managed.js";
import type { Account } from "../storage/types.js";
import { Jid } from "../xmpp/jid.js";
import type { Cluster } from "./cluster.js";

/** ms for a node to hand a session over. */
const DEADLINE = 5000;

type Request = [id: string, account: string, h: number];
type Answer = Luggage | { tooHigh: number } | null;

/** A client may resume its session on any node: XEP-0198 §5. */
export class Resumption {
  constructor(
    private readonly cluster: Cluster,
    private readonly binder: Binder,
  ) {
    cluster.answers("resume", async (payload, node) => {
      const [id, account, h] = payload as Request;
      const luggage = await binder.giveAway(id, Jid.parse(account), h, node, cluster);
      // What the client has just acknowledged must not be found in the store where it is now.
      await cluster.flushedHere();
      return luggage ?? null;
    });
  }

  /**
   * Asks all others for a session that is not here.
   * @returns the session, on this node from now on and without a stream yet; what the client is to be told when it acknowledges too much;
   *   undefined when nobody has it
   */
  async fetch(
    id: string,
    account: Account,
    h: number,
    hooks: Hooks,
    outlet: Outlet & ManagedOutlet,
    options: ManagedOptions,
  ): Promise<ClientSession | { tooHigh: number } | undefined> {
    const request: Request = [id, account.jid.text, h];
    const others = this.cluster.alive.filter((node) => node !== this.cluster.self);
    const found = await firstOf(
      others.map(async (node) => {
        const answer = (await this.cluster.ask(node, "resume", request, DEADLINE)) as Answer;
        return answer === null ? undefined : { node, answer };
      }),
    );
    if (!found || "tooHigh" in found.answer) return found?.answer as { tooHigh: number } | undefined;
    return this.binder.takeIn(found.answer, id, account, found.node, hooks, outlet, options, this.cluster);
  }
}

/** The first that is something; undefined when none is. A node that does not answer has nothing. */
function firstOf<T>(all: Promise<T | undefined>[]): Promise<T | undefined> {
  return new Promise((resolve) => {
    const seen = all.map((one) =>
      one.then(
        (value) => (value === undefined ? undefined : resolve(value)),
        () => undefined,
      ),
    );
    void Promise.all(seen).then(() => resolve(undefined));
  });
}
