import { Child, type ChildOptions } from "./child.js";
import type { Command, Happening, Kind, Login, Saw } from "./protocol.js";

const PATIENCE_MS = 20_000;
const MAX_UNSEEN = 1000;

/** How to start the driver of a client library. */
export type Driver = (login: Login) => { command: string; args: string[] } & ChildOptions;

interface Waiter {
  take(happening: Happening): boolean;
  fail(why: Error): void;
}

/** A client in a process of its own. What it sees is kept in order until a spec asks for it, and given out once. */
export class DrivenClient {
  readonly #child: Child;
  readonly #unseen: Happening[] = [];
  readonly #waiters = new Set<Waiter>();

  private constructor(child: Child) {
    this.#child = child;
    child.onLine((line) => this.#hear(line));
  }

  /** Starts the driver and logs in; resolves when the client is available to others. */
  static async login(driver: Driver, login: Login): Promise<DrivenClient> {
    const { command, args, ...options } = driver(login);
    const client = new DrivenClient(new Child(command, args, options));
    client.send({ do: "login", ...login });
    try {
      await client.sees("online");
    } catch (error) {
      await client.stop();
      throw error;
    }
    return client;
  }

  send(command: Command): void {
    this.#child.writeLine(JSON.stringify(command));
  }

  /**
   * The oldest happening of that kind, and with those fields, that was not yet given out. One that came before it
   * stays for others to ask. Throws an Error when it does not come in time or the client fails.
   */
  sees<K extends Kind>(kind: K, fields: Partial<Saw<K>> = {}): Promise<Saw<K>> {
    const wanted = { ...fields, saw: kind };
    const index = this.#unseen.findIndex((happening) => matches(happening, wanted));
    if (index >= 0) return Promise.resolve(this.#unseen.splice(index, 1)[0] as Saw<K>);
    return this.#waitFor<Saw<K>>(wanted);
  }

  /** Logs out in good order and waits for the end of the stream. */
  async logout(): Promise<void> {
    this.send({ do: "logout" });
    await this.sees("offline");
    await this.#child.ended(PATIENCE_MS);
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }

  #waitFor<T extends Happening>(wanted: Record<string, unknown>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const settle = (act: () => void) => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        act();
        return true;
      };
      const waiter: Waiter = {
        take: (happening) => matches(happening, wanted) && settle(() => resolve(happening as T)),
        fail: (why) => settle(() => reject(why)),
      };
      const late = () => waiter.fail(this.#failure(`never saw ${JSON.stringify(wanted)}`));
      const timer = setTimeout(late, PATIENCE_MS);
      this.#waiters.add(waiter);
      if (!this.#child.running) waiter.fail(this.#failure("is not running"));
    });
  }

  #hear(line: string): void {
    const happening = readHappening(line);
    if (happening === undefined) return;
    if (happening.saw === "trouble") {
      const why = this.#failure(happening.why);
      for (const waiter of [...this.#waiters]) waiter.fail(why);
      return;
    }
    for (const waiter of this.#waiters) if (waiter.take(happening)) return;
    this.#unseen.push(happening);
    if (this.#unseen.length > MAX_UNSEEN) this.#unseen.shift();
  }

  #failure(what: string): Error {
    return this.#child.failure(what);
  }
}

/** Libraries write warnings of their own; only the lines of the driver are JSON objects. */
function readHappening(line: string): Happening | undefined {
  return line.startsWith('{"saw"') ? (JSON.parse(line) as Happening) : undefined;
}

function matches(happening: Happening, wanted: Record<string, unknown>): boolean {
  const seen: Record<string, unknown> = happening;
  return Object.entries(wanted).every(([field, value]) => seen[field] === value);
}
