import { Cluster } from "../../src/cluster/cluster.js";
import { LINK_DEFAULTS } from "../../src/cluster/link.js";
import { Hooks } from "../../src/hooks.js";
import type { Logger } from "../../src/log.js";
import { ClientSession, type Outlet } from "../../src/session/client-session.js";
import { Registry } from "../../src/session/registry.js";
import type { Receipt, Resource } from "../../src/session/session.js";
import { MessageIds } from "../../src/storage/message-id.js";
import type { MessageRepository, NodeRepository, NodeRow } from "../../src/storage/types.js";
import type { Jid } from "../../src/xmpp/jid.js";
import type { Broker } from "./broker.js";
import { messageOf, presenceOf, unavailable } from "./model.js";

/** As the configuration has them unless it is told otherwise. */
const OPTIONS = { beat: 1000, deadAfter: 8000, link: LINK_DEFAULTS };
/** There are no more: `storage/message-id.ts`. No two ids are compared here. */
const SLOTS = 64;

const log: Logger = {
  trace: () => undefined,
  debug: () => undefined,
  info: () => undefined,
  warn: (about, text) => console.error(text, about),
  error: (about, text) => console.error(text, about),
  child: () => log,
  enabled: () => false,
};
const hooks = new Hooks();
const outlet: Outlet = {
  write: (_text, receipt) => receipt?.delivered(),
  close: () => undefined,
  standalone: false,
  secure: true,
  plainLocal: false,
  log,
  supersede: () => undefined,
};

/** The database's table of nodes. */
export function members(): NodeRepository {
  const rows = new Map<string, NodeRow>();
  return {
    join: async (id) => {
      rows.set(id, { id, slot: rows.size, heir: undefined });
      return [...rows.values()];
    },
    list: async () => [...rows.values()],
    inherit: async (dead, heir, alive) => {
      const row = rows.get(dead);
      if (!row || (row.heir !== undefined && alive.includes(row.heir))) return false;
      rows.set(dead, { ...row, heir });
      return true;
    },
    remove: async (id) => {
      rows.delete(id);
    },
  };
}

/** A node without clients: its cluster, links and directory are the server's own. */
export class Node {
  readonly cluster: Cluster;
  readonly registry: Registry;
  /** Presence that was to be sent to sessions of other nodes, one for each. */
  fannedOut = 0;

  constructor(
    readonly id: string,
    slot: number,
    private readonly nodes: NodeRepository,
    broker: Broker,
    /** The account's contacts. */
    private readonly contactsOf: (jid: Jid) => readonly Jid[],
  ) {
    this.cluster = new Cluster({
      self: id,
      adapter: broker.adapter(),
      nodes,
      messages: { releaseAll: async () => false } as unknown as MessageRepository,
      flushed: async () => undefined,
      ids: new MessageIds(slot % SLOTS),
      settle: () => undefined,
      options: OPTIONS,
      log,
    });
    this.registry = new Registry(id, this.cluster);
  }

  async start(): Promise<void> {
    await this.nodes.join(this.id);
    await this.cluster.start({
      registry: this.registry,
      given: (resource, stanza, receipt) => {
        if (resource?.session) resource.session.send(stanza, receipt);
        else receipt?.failed();
      },
      left: async ({ jid, presence }) => {
        if (presence) this.#tellContacts(jid, unavailable(jid));
      },
      lost: () => undefined,
      stored: () => undefined,
      look: () => undefined,
      gone: () => undefined,
      missed: () => undefined,
      inherit: async () => undefined,
      forget: () => undefined,
      told: () => undefined,
      newcomersHear: () => [],
      answer: () => undefined,
      fenced: () => undefined,
    });
  }

  /** As a session stands in the table once it is available; for those who are there from the beginning. */
  seat(jid: Jid): ClientSession {
    const session = this.#bind(jid);
    this.registry.flag(session, "carbons", true);
    this.registry.update(session, { interested: true });
    this.registry.update(session, { presence: presenceOf(jid), priority: 5 });
    return session;
  }

  /** All that a login has other nodes be told. Each step is a request of the client's. */
  async login(jid: Jid, step: () => Promise<void>): Promise<ClientSession> {
    await this.cluster.settled(jid);
    const session = this.#bind(jid);
    // As plugins/push.ts does.
    this.cluster.tell("push", { seen: jid.bareText });
    await step();
    this.registry.flag(session, "carbons", true);
    await step();
    this.registry.update(session, { interested: true });
    await step();
    this.present(session);
    return session;
  }

  present(session: ClientSession): void {
    const presence = presenceOf(session.jid);
    this.registry.update(session, { presence, priority: 5 });
    this.#tellContacts(session.jid, presence);
  }

  end(session: ClientSession): void {
    this.registry.remove(session);
    session.end();
    this.#tellContacts(session.jid, unavailable(session.jid));
  }

  message(session: ClientSession, to: Jid, id: number): void {
    const [resource] = this.registry.of(to);
    if (!resource) return;
    const receipt: Receipt = {
      delivered: () => undefined,
      failed: () => undefined,
      kept: { account: { id: 1, jid: to }, id },
    };
    this.registry.send(resource, messageOf(session.jid, to, `m${id}`), receipt);
  }

  #bind(jid: Jid): ClientSession {
    const account = { id: 1, jid: jid.bare };
    const session = new ClientSession(jid, account, false, this.id, hooks, outlet, () => undefined);
    this.registry.add(session);
    return session;
  }

  #tellContacts(jid: Jid, presence: Parameters<Registry["send"]>[1]): void {
    for (const contact of this.contactsOf(jid)) {
      for (const resource of this.registry.of(contact)) this.#tell(resource, presence.withTo(contact));
    }
  }

  #tell(resource: Resource, presence: Parameters<Registry["send"]>[1]): void {
    if (!resource.presence) return;
    if (!resource.session) this.fannedOut += 1;
    this.registry.send(resource, presence);
  }
}
