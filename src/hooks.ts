import type { Resource, Session } from "./session/session.js";
import type { Account } from "./storage/types.js";
import type { StreamInfo } from "./stream/info.js";
import type { Element } from "./xml/element.js";
import type { Jid } from "./xmpp/jid.js";
import type { Stanza } from "./xmpp/stanza.js";

/**
 * Every hook point, in the order a stanza meets them. A plugin adds points of its own by
 * `declare module "sluice/hooks" { interface HookMap { … } }`.
 */
export interface HookMap {
  /** A stream is about to offer its features, on the node that has it, each time it does. Add to `offer`. */
  "stream:features": { stream: StreamInfo; offer: Element };
  /** An iq came before authentication. Handled = it was answered; otherwise the stream ends (RFC 6120 §4.9.3.12). */
  "stream:unauthenticated": { stream: StreamInfo; iq: Element; reply(answer: Element): void };
  /** A resource was bound, on its node, once, before its first stanza. */
  "session:bound": { session: Session };
  /**
   * A session lost its connection and waits for its client to resume it (XEP-0198 §5): on its node, each time. What it
   * was sent and has not acknowledged may have got lost on the way.
   */
  "session:detached": { session: Session; unacknowledged: readonly Stanza[] };
  /**
   * A session ended, for whatever reason, on its node, once, after its last stanza. It is no longer in the directory;
   * `session.resource` is its last row.
   */
  "session:unbound": { session: Session; reason: string };
  /**
   * A node died with a session on it: one of the others, once. It is no longer in the directory. Nobody on the dead node
   * has told of its end.
   */
  "session:lost": { resource: Resource };
  /**
   * A session goes on on another node: on the one that had it. What a plugin has noted about it and wants to have there
   * it puts into `notes`, under its own name, as JSON can say it.
   */
  "session:leaving": { session: Session; notes: Record<string, unknown> };
  /** It has arrived: on the node that has it now, before anything is sent to it. */
  "session:arrived": { session: Session; notes: Readonly<Record<string, unknown>> };
  /** A client sent a stanza: entry node, once, `from` stamped. Handled = not routed. */
  "stanza:received": { session: Session; stanza: Stanza };
  /** A stanza goes to an account of this domain: entry node, once for each recipient account. Handled = not delivered. */
  "stanza:deliver": { account: Jid; stanza: Stanza };
  /**
   * A message is of a kind that belongs in archives (`router/archivable.ts`): entry node, once for each of its sender and
   * recipient that is an account here, and once for both where they are the same. Handled = it goes into that account's
   * archive; a domain where nobody is hooked has no archives. `peer` is the other side.
   */
  "message:archiving": { account: Account; peer: Jid; stanza: Stanza };
  /**
   * No session took a message: entry node. Handled = kept or answered; otherwise the sender gets the error of RFC 6121
   * §8.5. Whoever keeps it may set `shown`: the message as the account's resources see it.
   */
  "message:undelivered": { account: Jid; stanza: Stanza; shown?: Stanza };
  /**
   * A message went to others of an account's resources, or to its store, and passed by resources that have flags
   * (`Sessions.flag`): entry node, once, after its delivery. Nothing comes of it for accounts without such resources.
   */
  "message:missed": { account: Jid; stanza: Stanza; missed: readonly Resource[] };
  /**
   * A client's message has gone its way, or was refused: entry node, once, after its delivery. `stanza` has the name that
   * its sender's archive gave it, if that has it. `others` are the account's other resources that have flags; nothing
   * comes of it for accounts without any.
   */
  "message:sent": { session: Session; stanza: Stanza; others: readonly Resource[] };
  /** A message waits in the store, since nobody takes it: the node that put it there, once each time. */
  "message:kept": { account: Account; stanza: Stanza };
  /** The last word before the bytes: the session's node, once for each receiving session. Handled = not sent. */
  "stanza:sending": { session: Session; stanza: Stanza };
  /**
   * An account is about to be removed, with all that `storage` keeps for it: the node that does it, once. Its sessions
   * end afterwards. What is thrown keeps the account.
   */
  "account:removing": { account: Account };
}

export type HookPoint = keyof HookMap;
/** true = handled, stop here. */
export type Verdict = boolean | void;
export type HookFunction<K extends HookPoint> = (event: HookMap[K]) => Verdict | Promise<Verdict>;

export const hookPoints: readonly HookPoint[] = [
  "stream:features",
  "stream:unauthenticated",
  "session:bound",
  "session:detached",
  "session:unbound",
  "session:lost",
  "session:leaving",
  "session:arrived",
  "stanza:received",
  "stanza:deliver",
  "message:archiving",
  "message:undelivered",
  "message:missed",
  "message:sent",
  "message:kept",
  "stanza:sending",
  "account:removing",
];

interface Registration {
  point: HookPoint;
  owner: string;
  priority: number;
  // biome-ignore lint/suspicious/noExplicitAny: one list holds functions of all points; `on` and `fire` keep them apart by type
  fn: HookFunction<any>;
}

/** The hooks of one domain. Lists are sorted once, when they change; a chain of synchronous hooks costs no promise. */
export class Hooks {
  readonly #lists = new Map<string, Registration[]>();

  /**
   * @param priority higher runs earlier; plugins default to 0, built-in features stand below.
   * @returns takes the hook away again.
   */
  on<K extends HookPoint>(point: K, owner: string, fn: HookFunction<K>, priority = 0): () => void {
    const registration: Registration = { point, owner, priority, fn };
    const before = this.#lists.get(point) ?? [];
    // A new array each time: a chain that is running keeps the one it started with.
    this.#lists.set(
      point,
      [...before, registration].sort((a, b) => b.priority - a.priority),
    );
    return () => {
      const list = this.#lists.get(point) ?? [];
      this.#lists.set(
        point,
        list.filter((r) => r !== registration),
      );
    };
  }

  /**
   * Runs the hooks of a point until one says it is handled.
   * @returns whether one did. What a hook throws is thrown as `HookError`, with the owner's name: fail closed.
   */
  fire<K extends HookPoint>(point: K, event: HookMap[K]): boolean | Promise<boolean> {
    const list = this.#lists.get(point);
    if (list === undefined || list.length === 0) return false;
    return this.#run(list, 0, event);
  }

  /** Whether anybody is hooked at a point: what only they need to know need not be found out otherwise. */
  has(point: HookPoint): boolean {
    return (this.#lists.get(point)?.length ?? 0) > 0;
  }

  /** Who is hooked where, in the order they run. */
  list(): { point: string; owner: string; priority: number }[] {
    const points = [...new Set<string>([...hookPoints, ...this.#lists.keys()])];
    return points.flatMap((point) =>
      (this.#lists.get(point) ?? []).map(({ owner, priority }) => ({ point, owner, priority })),
    );
  }

  #run(list: Registration[], start: number, event: unknown): boolean | Promise<boolean> {
    for (let i = start; i < list.length; i++) {
      const { fn, owner } = list[i];
      let verdict: Verdict | Promise<Verdict>;
      try {
        verdict = fn(event);
      } catch (error) {
        throw new HookError(owner, error);
      }
      if (verdict instanceof Promise) return this.#later(list, i, verdict, event);
      if (verdict === true) return true;
    }
    return false;
  }

  async #later(
    list: Registration[],
    at: number,
    waiting: Promise<Verdict>,
    event: unknown,
  ): Promise<boolean> {
    let verdict: Verdict;
    try {
      verdict = await waiting;
    } catch (error) {
      throw new HookError(list[at].owner, error);
    }
    return verdict === true || this.#run(list, at + 1, event);
  }
}

/** What was thrown in the end, where a hook's own work ran into another hook that threw. */
export function causeOf(error: unknown): unknown {
  let cause = error;
  while (cause instanceof HookError) cause = cause.cause;
  return cause;
}

/** A hook threw. `cause` is what it threw: a StanzaError is meant for the sender, anything else is a fault of the owner. */
export class HookError extends Error {
  constructor(
    readonly owner: string,
    override readonly cause: unknown,
  ) {
    super(`hook of ${owner} failed: ${cause instanceof Error ? cause.message : String(cause)}`);
    this.name = "HookError";
  }
}
