import { randomBytes } from "node:crypto";
import type { Hooks } from "../hooks.js";
import type { Logger } from "../log.js";
import type { Account } from "../storage/types.js";
import { StanzaError, StreamError } from "../xmpp/errors.js";
import { type Jid, JidError } from "../xmpp/jid.js";
import { ClientSession, type Outlet } from "./client-session.js";
import type { Registry } from "./registry.js";

export interface BinderOptions {
  resourcesPerAccount: number;
  conflict: "replace" | "refuse-new";
}

/** Makes and ends sessions: RFC 6120 §7. */
export class Binder {
  constructor(
    private readonly registry: Registry,
    private readonly options: BinderOptions,
    private readonly log: Logger,
  ) {}

  /**
   * @param wanted the resource the client asked for; undefined: the server chooses.
   * @throws StanzaError `bad-request`, `conflict`, `resource-constraint`: RFC 6120 §7.6.2, §7.7.2
   */
  async bind(
    account: Account,
    anonymous: boolean,
    wanted: string | undefined,
    hooks: Hooks,
    outlet: Outlet,
  ): Promise<ClientSession> {
    const jid = fullJid(account.jid, wanted);
    for (;;) {
      const rival = this.registry.get(jid);
      if (!rival) break;
      if (this.options.conflict === "refuse-new") throw new StanzaError("conflict");
      const { session } = rival;
      // RFC 6120 §7.7.2.2: the newer one wins, and begins when everybody knows that the older one is gone.
      session?.close(new StreamError("conflict"));
      await (session as ClientSession).ended;
    }
    if (this.registry.of(jid).length >= this.options.resourcesPerAccount) {
      throw new StanzaError("resource-constraint");
    }
    const session = new ClientSession(jid, account, anonymous, this.registry.node, hooks, outlet);
    this.registry.add(session);
    return session;
  }

  async unbind(session: ClientSession, hooks: Hooks, reason: string): Promise<void> {
    session.end();
    this.registry.remove(session);
    try {
      await hooks.fire("session:unbound", { session, reason });
    } catch (error) {
      this.log.error({ err: error }, "a session's end could not be told to everybody");
    } finally {
      session.everybodyWasTold();
    }
  }
}

function fullJid(bare: Jid, wanted: string | undefined): Jid {
  // RFC 6120 §7.6.1: unguessable, so that nobody can aim at a resource he was not shown.
  if (wanted === undefined) return bare.withResource(randomBytes(9).toString("base64url"));
  try {
    return bare.withResource(wanted);
  } catch (error) {
    if (error instanceof JidError) throw new StanzaError("bad-request", { text: error.message });
    throw error;
  }
}
