/** A managed session that goes on on another node: XEP-0198 §5, where the client comes back elsewhere. */
import type { Hooks } from "../hooks.js";
import type { Account } from "../storage/types.js";
import { Jid } from "../xmpp/jid.js";
import { Stanza } from "../xmpp/stanza.js";
import { ClientSession, type Outlet } from "./client-session.js";
import { Handled } from "./handled.js";
import { Managed, type ManagedOptions, type ManagedOutlet } from "./managed.js";
import type { Receipt } from "./session.js";
import { Unacked } from "./unacked.js";

/** A stanza that the client has not acknowledged, as text; the number of its receipt, and the kept message's account and id; see `Sent`. */
type Left = [
  stanza: string,
  number: number,
  accountId: number,
  messageId: number,
  since: number,
  written: boolean,
];

/** What one node tells another of a session that moves; JSON. */
export interface Luggage {
  full: string;
  /** From when on it is the other node's, ms since 1970: always later than before, so that old news of it are known as such. */
  boundAt: number;
  /** As text. */
  presence: string | null;
  priority: number;
  interested: boolean;
  flags: string[];
  /** Stanzas of the client that were handled. */
  handled: number;
  /** Stanzas to the client that it has acknowledged. */
  acknowledged: number;
  /** ms that it outlives its connection. */
  resumeTimeout: number;
  left: Left[];
  /** What plugins noted about it: `session:leaving`. */
  notes: Record<string, unknown>;
}

/** Receipts across nodes: what the one lends, the other borrows. */
export interface ReceiptDesk {
  lend(node: string, receipt: Receipt): number;
  borrowed(origin: string, number: number, kept: Receipt["kept"]): Receipt;
}

/**
 * Takes all out of a session; it is over here then, without anybody hearing of an end.
 * @param leave makes it that node's, and says from when on; undefined when it cannot go there any more
 * @returns undefined when it stays, as it is
 */
export async function pack(
  session: ClientSession,
  managed: Managed,
  hooks: Hooks,
  node: string,
  desk: ReceiptDesk,
  leave: () => number | undefined,
): Promise<Luggage | undefined> {
  const notes: Record<string, unknown> = {};
  await hooks.fire("session:leaving", { session, notes });
  const boundAt = leave();
  if (boundAt === undefined) return undefined;
  // What a valve kept back goes into the queue of what is not acknowledged.
  session.setValve(undefined);
  const { presence, priority, interested, flags } = session.resource;
  const { acknowledged } = managed.unacked;
  const left = session.takeAll().map(({ stanza, receipt, since, written }): Left => {
    const number = receipt ? desk.lend(node, receipt) : 0;
    return [stanza.text(), number, receipt?.kept?.account.id ?? 0, receipt?.kept?.id ?? 0, since, written];
  });
  return {
    full: session.jid.text,
    boundAt,
    presence: presence?.text() ?? null,
    priority,
    interested,
    flags: [...flags],
    handled: managed.handled.h,
    acknowledged,
    resumeTimeout: managed.resumeTimeout,
    left,
    notes,
  };
}

/** The session as it was, on a stream of this node. It is not in the registry yet. */
export function unpack(
  luggage: Luggage,
  id: string,
  account: Account,
  from: string,
  node: string,
  hooks: Hooks,
  outlet: Outlet & ManagedOutlet,
  options: ManagedOptions,
  lost: (stanza: Stanza) => void,
  desk: ReceiptDesk,
): ClientSession {
  const jid = Jid.parse(luggage.full);
  const session = new ClientSession(jid, account, false, node, hooks, outlet, lost, luggage.boundAt);
  session.arrived = true;
  const unacked = new Unacked(luggage.acknowledged);
  for (const [text, number, accountId, messageId, since, written] of luggage.left) {
    const kept = messageId === 0 ? undefined : { account: { id: accountId, jid: jid.bare }, id: messageId };
    const stanza = Stanza.ofText(text);
    const receipt = number === 0 ? undefined : desk.borrowed(from, number, kept);
    unacked.push(stanza, receipt, text.length, written, since);
  }
  const handled = new Handled(luggage.handled);
  session.managed = new Managed(options, luggage.resumeTimeout, outlet, { id, handled, unacked });
  // Until its client has been told that it is back.
  session.detach();
  const { presence, priority, interested, flags } = luggage;
  session.resource = {
    ...session.resource,
    presence: presence === null ? undefined : Stanza.ofText(presence),
    priority,
    interested,
    flags: new Set(flags),
  };
  return session;
}
