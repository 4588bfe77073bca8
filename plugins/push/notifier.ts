import {
  type Account,
  isReceptive,
  type Jid,
  type PluginContext,
  type Stanza,
  StanzaError,
} from "../../src/plugin/api.js";
import { type News, newsOf } from "./news.js";
import { notification, type Summary } from "./notification.js";
import type { PushOptions } from "./options.js";
import { flagOf, type Registrations } from "./registrations.js";

const NS_HINTS = "urn:xmpp:hints";
/** Accounts and services of which something is remembered at the most; beyond them the one is forgotten that is oldest. */
const REMEMBERED_MAX = 10_000;

/** Errors that may pass: XEP-0357 §6.1. All others end the registration. */
const PASSING: ReadonlySet<string> = new Set([
  "internal-server-error",
  "recipient-unavailable",
  "remote-server-not-found",
  "remote-server-timeout",
  "resource-constraint",
  "service-unavailable",
]);

/** Publishes notifications: one at a time to each service of an account; what comes meanwhile goes into the next. */
export class Notifier {
  /** Messages of each account since it was last heard of, by bare JID. */
  readonly #unseen = new Map<string, number>();
  /** What each busy service is to be told next, by account and registration. */
  readonly #busy = new Map<string, Summary | undefined>();
  /** Failures in a row, likewise. */
  readonly #failures = new Map<string, number>();
  /** To which registrations a message was told. */
  readonly #told = new WeakMap<Stanza, Set<string>>();

  constructor(
    private readonly ctx: PluginContext,
    private readonly registrations: Registrations,
    private readonly options: PushOptions,
  ) {}

  /** A client of the account said something. */
  seen(account: string): void {
    if (this.#unseen.size > 0) this.#unseen.delete(account);
  }

  /** Tells all services of an account. */
  async tellAll(account: Account, message: Stanza): Promise<void> {
    try {
      const listed = this.registrations.list(account);
      const registered = listed instanceof Promise ? await listed : listed;
      this.tell(account, registered.keys(), [message]);
    } catch (error) {
      this.ctx.log.warn({ err: error, account: account.jid.text }, "services to notify could not be found");
    }
  }

  /**
   * Tells those services of an account whose clients have no session now, although others have one and get the message. Where
   * none has, it is kept: `tellAll`.
   */
  async tellAbsent(jid: Jid, message: Stanza): Promise<void> {
    // Nothing of it waits for anybody: XEP-0334 §4.2
    if (message.getChild("no-store", NS_HINTS)) return;
    try {
      const registered = await this.registrations.listOf(jid);
      const rows = this.ctx.sessions.of(jid);
      const isAbsent = (key: string) => !rows.some(({ flags }) => flags.has(flagOf(key)));
      const account = registered.size > 0 && rows.some(isReceptive) && (await this.ctx.account(jid));
      if (account) this.tell(account, [...registered.keys()].filter(isAbsent), [message]);
    } catch (error) {
      this.ctx.log.warn({ err: error, account: jid.bareText }, "services to notify could not be found");
    }
  }

  /** @param keys of registrations; those that are gone are passed over. */
  tell(account: Account, keys: Iterable<string>, stanzas: readonly Stanza[]): void {
    for (const key of keys) {
      for (const stanza of stanzas) {
        const last = newsOf(stanza);
        if (last && this.#isNews(account, key, stanza)) this.#tell(account, key, last);
      }
    }
  }

  /** A message that first waits for its session and then for its account is told once. */
  #isNews(account: Account, key: string, stanza: Stanza): boolean {
    const told = this.#told.get(stanza);
    if (!told) {
      this.#told.set(stanza, new Set([key]));
      remember(this.#unseen, account.jid.text, (this.#unseen.get(account.jid.text) ?? 0) + 1);
      return true;
    }
    return !told.has(key) && told.add(key).size > 0;
  }

  #tell(account: Account, key: string, last: News): void {
    const id = `${account.jid.text} ${key}`;
    const isBusy = this.#busy.has(id);
    if (!isBusy && this.#busy.size >= REMEMBERED_MAX) return;
    this.#busy.set(id, { count: this.#unseen.get(account.jid.text) ?? 1, last });
    if (!isBusy) void this.#run(id, account, key);
  }

  async #run(id: string, account: Account, key: string): Promise<void> {
    try {
      // What comes in one go is told in one.
      await undefined;
      for (;;) {
        const summary = this.#busy.get(id);
        if (!summary) return;
        this.#busy.set(id, undefined);
        await this.#publish(id, account, key, summary);
      }
    } catch (error) {
      this.ctx.log.warn({ err: error, account: account.jid.text }, "a service could not be notified");
    } finally {
      this.#busy.delete(id);
    }
  }

  async #publish(id: string, account: Account, key: string, summary: Summary): Promise<void> {
    const listed = this.registrations.list(account);
    const registration = (listed instanceof Promise ? await listed : listed).get(key);
    if (!registration) return;
    const request = notification(this.ctx.domain, registration, summary, this.options);
    try {
      await this.ctx.request(request, this.options.timeout);
      this.#failures.delete(id);
    } catch (error) {
      if (!(error instanceof StanzaError)) throw error;
      if (this.#mayPass(id, error)) return;
      this.ctx.log.info(
        { account: account.jid.text, service: registration.jid, condition: error.condition },
        "a service that cannot be notified is removed",
      );
      await this.registrations.remove(account, key);
    }
  }

  #mayPass(id: string, { condition, type }: StanzaError): boolean {
    if (type !== "wait" && !PASSING.has(condition)) return false;
    const failures = (this.#failures.get(id) ?? 0) + 1;
    this.#failures.delete(id);
    if (failures >= this.options.maxFailures) return false;
    remember(this.#failures, id, failures);
    return true;
  }
}

function remember(map: Map<string, number>, key: string, value: number): void {
  map.delete(key);
  map.set(key, value);
  if (map.size <= REMEMBERED_MAX) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    return;
  }
}
