import { domainToASCII } from "node:url";
import { causeOf, type HookFunction, type HookPoint } from "../hooks.js";
import type { Logger } from "../log.js";
import type { Domain } from "../router/domain.js";
import type { Requests } from "../router/requests.js";
import type { Router } from "../router/router.js";
import type { Sessions } from "../session/session.js";
import type { AccountCache } from "../storage/account-cache.js";
import type { Account, Storage } from "../storage/types.js";
import type { HttpRoute, HttpRoutes } from "../transport/http-route.js";
import type { Element } from "../xml/element.js";
import { StanzaError } from "../xmpp/errors.js";
import type { Jid } from "../xmpp/jid.js";
import type { Stanza } from "../xmpp/stanza.js";
import type {
  Announced,
  ArchiveAccess,
  DiscoIdentity,
  IqHandler,
  IqRoute,
  KeyValueStore,
  NonzaHandler,
  PluginContext,
} from "./api.js";
import type { KeyedTurns } from "./keyed-turns.js";
import type { NodeNews } from "./node-news.js";

/** What the server hands to every plugin. */
export interface ContextParts {
  storage: Storage;
  sessions: Sessions;
  accounts: AccountCache;
  removal: { remove(jid: Jid): Promise<boolean> };
  router: Router;
  requests: Requests;
  turns: KeyedTurns;
  news: NodeNews;
  routes: HttpRoutes;
  archive: ArchiveAccess;
  webAddress(domain: string): string | undefined;
  localWebAddress(domain: string): string | undefined;
  dataFolder: string;
  /** SCRAM iteration count of new passwords. */
  iterations: number;
  log: Logger;
}

type Side = "server" | "account";

/** The server as one plugin on one domain sees it; remembers what has to be undone. */
export class DomainContext implements PluginContext {
  readonly log: Logger;
  readonly storage: Storage;
  readonly sessions: Sessions;
  readonly #undo = new Set<() => void | Promise<void>>();

  constructor(
    readonly name: string,
    private readonly host: Domain,
    private readonly parts: ContextParts,
  ) {
    this.log = parts.log.child({ area: name, domain: host.name });
    this.storage = parts.storage;
    this.sessions = parts.sessions;
  }

  get iterations(): number {
    return this.parts.iterations;
  }

  get domain(): string {
    return this.host.name;
  }

  hook<K extends HookPoint>(point: K, fn: HookFunction<K>, priority = 0): void {
    this.onStop(this.host.hooks.on(point, this.name, fn, priority));
  }

  iq(route: IqRoute, handler: IqHandler): void {
    this.onStop(this.host.iqs.add(route, handler));
  }

  http(route: HttpRoute): () => void {
    const takeBack = this.parts.routes.add(route, domainToASCII(this.domain));
    this.#undo.add(takeBack);
    return () => {
      this.#undo.delete(takeBack);
      takeBack();
    };
  }

  get webAddress(): string | undefined {
    return this.parts.webAddress(this.domain);
  }

  get localWebAddress(): string | undefined {
    return this.parts.localWebAddress(this.domain);
  }

  get archive(): ArchiveAccess {
    return this.parts.archive;
  }

  get dataFolder(): string {
    return this.parts.dataFolder;
  }

  nonza(kind: { ns: string; name: string }, handler: NonzaHandler): void {
    this.onStop(this.host.nonzas.add(kind, handler));
  }

  feature(namespace: string, of: Side = "server"): void {
    this.onStop(this.host.features[of].add(namespace));
  }

  identity(identity: DiscoIdentity, of: Side = "server"): void {
    this.onStop(this.host.identities[of].add(identity));
  }

  form(form: Element, of: Side = "server"): void {
    this.onStop(this.host.forms[of].add(form));
  }

  announced(of: Side): Announced {
    const { identities, features, forms } = this.host;
    return { identities: [...identities[of]], features: [...features[of]].sort(), forms: [...forms[of]] };
  }

  item(item: { jid: Jid; name?: string }): void {
    this.onStop(this.host.items.add(item));
  }

  items(): readonly { jid: Jid; name?: string }[] {
    return [...this.host.items];
  }

  async account(jid: Jid): Promise<Account | undefined> {
    return jid.domain === this.domain ? this.parts.accounts.find(jid) : undefined;
  }

  accountChanged(jid: Jid): void {
    this.parts.accounts.forget(jid);
  }

  async removeAccount({ jid }: Account): Promise<boolean> {
    return jid.domain === this.domain && this.parts.removal.remove(jid);
  }

  async route(stanza: Stanza): Promise<void> {
    try {
      await this.parts.router.route(stanza);
    } catch (error) {
      const cause = causeOf(error);
      throw cause instanceof StanzaError ? cause : error;
    }
  }

  request(iq: Stanza, timeout: number): Promise<Stanza> {
    return this.parts.requests.ask(iq, timeout, (asked) => this.route(asked));
  }

  tellOthers(news: unknown): void {
    this.parts.news.tell(this.#topic, news);
  }

  tellNewcomers(report: () => Iterable<unknown>): void {
    this.onStop(this.parts.news.report(this.#topic, report));
  }

  onTold(fn: (news: unknown) => void): void {
    this.onStop(this.parts.news.listen(this.#topic, fn));
  }

  get #topic(): string {
    return `${this.host.name}/${this.name}`;
  }

  inTurn<T>(key: string, work: () => Promise<T>): Promise<T> {
    return this.parts.turns.run(key, work);
  }

  store<T>(name: string): KeyValueStore<T> {
    const { keyValues } = this.storage;
    const store = `${this.name}/${name}`;
    // A value of the domain's, not an account's, carries the domain in its key.
    const keyOf = (account: Account | undefined, key: string) => (account ? key : `${this.domain} ${key}`);
    return {
      get: async (account, key) =>
        (await keyValues.get(account, store, keyOf(account, key))) as T | undefined,
      set: (account, key, value) => keyValues.set(account, store, keyOf(account, key), value),
      setAll: (account, values) => {
        const entries = [...values].map(([key, value]) => [keyOf(account, key), value] as const);
        return keyValues.setAll(account, store, new Map(entries));
      },
      replace: (account, key, before, value) =>
        keyValues.replace(account, store, keyOf(account, key), before, value),
      keys: (account, limit) => keyValues.keys(account, store, limit),
    };
  }

  onStop(fn: () => void | Promise<void>): void {
    this.#undo.add(fn);
  }

  /** Takes everything back, last first. What cannot be taken back is thrown when all else was. */
  async undo(): Promise<void> {
    const errors: unknown[] = [];
    const all = [...this.#undo].reverse();
    this.#undo.clear();
    for (const fn of all) {
      try {
        await fn();
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, `${this.name} did not stop cleanly`);
  }
}
