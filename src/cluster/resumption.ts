import { atMost } from "../at-most.js";
import type { Hooks } from "../hooks.js";
import type { Binder } from "../session/binder.js";
import type { ClientSession, Outlet } from "../session/client-session.js";
import type { Luggage } from "../session/handover.js";
import type { ManagedOptions, ManagedOutlet } from "../session/managed.js";
import type { Account } from "../storage/types.js";
import { StreamError } from "../xmpp/errors.js";
import { Jid } from "../xmpp/jid.js";
import type { Cluster } from "./cluster.js";

/** ms that a client waits for a node to hand its session over. */
const PATIENCE = 5000;
/** ms that this node does, unless the other is gone before: what was given away must not get lost on its way. */
const DEADLINE = 24 * 3600 * 1000;

/** What a client that resumes brings along, and where the session is to go on. */
type Wish = [
  id: string,
  account: Account,
  h: number,
  hooks: Hooks,
  outlet: Outlet & ManagedOutlet,
  options: ManagedOptions,
];
type Request = [id: string, account: string, h: number];
type Answer = Luggage | { tooHigh: number } | null;
type Found = ClientSession | { tooHigh: number } | undefined;

/** A session that others were asked for. */
interface Wanted {
  coming: Promise<Found>;
  /** Connections of its client that wait for it. */
  waiting: number;
  /** Its client was told that it is not there. */
  isGivenUp: boolean;
}

/** A client may resume its session on any node: XEP-0198 §5. */
export class Resumption {
  readonly #wanted = new Map<string, Wanted>();

  constructor(
    private readonly cluster: Cluster,
    private readonly binder: Binder,
    private readonly patience = PATIENCE,
  ) {
    cluster.answers("resume", async (payload, node) => {
      const [id, account, h] = payload as Request;
      // It may be on its way to here.
      const wanted = this.#wanted.get(nameOf(id, account));
      if (wanted) await atMost(wanted.coming, this.patience);
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
   * @throws StreamError when somebody may have it who does not answer: its client is to come again
   */
  async fetch(...wish: Wish): Promise<Found> {
    const [id, account] = wish;
    const name = nameOf(id, account.jid.text);
    const wanted = this.#wanted.get(name) ?? {
      coming: Promise.resolve(undefined),
      waiting: 0,
      isGivenUp: false,
    };
    wanted.waiting += 1;
    if (!this.#wanted.has(name)) {
      this.#wanted.set(name, wanted);
      wanted.coming = this.#bring(wanted, wish).finally(() => this.#wanted.delete(name));
    }
    let found: Found | "nothing yet" = "nothing yet";
    try {
      const coming = wanted.coming.then((one) => {
        found = one;
      });
      await atMost(coming, this.patience);
    } finally {
      wanted.waiting -= 1;
    }
    if (found !== "nothing yet") return found;
    // While the broker is away those who are here go on: the client may log in anew.
    if (this.cluster.isCutOff) {
      wanted.isGivenUp = true;
      return undefined;
    }
    throw new StreamError("remote-connection-failed", "the node of your session does not answer; try again");
  }

  async #bring(wanted: Wanted, [id, account, h, hooks, outlet, options]: Wish): Promise<Found> {
    const request: Request = [id, account.jid.text, h];
    const others = this.cluster.alive.filter((node) => node !== this.cluster.self);
    const found = await firstOf(
      others.map(async (node) => {
        const answer = (await this.cluster.ask(node, "resume", request, DEADLINE)) as Answer;
        return answer === null ? undefined : { node, answer };
      }),
    );
    if (!found || "tooHigh" in found.answer) return found?.answer as { tooHigh: number } | undefined;
    const { answer, node } = found;
    const session = await this.binder.takeIn(answer, id, account, node, hooks, outlet, options, this.cluster);
    if (!session || wanted.waiting > 0) return session;
    // Its client has not waited. It may come back once more; or it has begun anew, and what this one has is to go to the new one.
    if (wanted.isGivenUp) await this.binder.unbind(session, hooks, "came too late");
    else this.binder.hibernate(session);
    return wanted.isGivenUp ? undefined : session;
  }
}

const nameOf = (id: string, account: string) => `${account} ${id}`;

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
