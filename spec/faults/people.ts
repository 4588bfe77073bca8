import type { Element } from "../../src/xml/element.js";
import { numbersOf, readArchive } from "./archive-reader.js";
import { DOMAIN, PASSWORD, type Place } from "./place.js";
import { note } from "./story.js";
import { message, WireConnection } from "./wire-client.js";

/** Messages that a sender has under way without acknowledgement. */
const WINDOW = 5;
/** ms between two groups of them: the load, not the speed of the server, decides how much there is to count. */
const PACE = 20;
/** ms until somebody comes again whom the server could not let in. */
const AGAIN = 200;

/** ms without any message after which those that are missing are taken for lost. */
const SILENCE = 20_000;

/** Who keeps coming back, whatever happens to the server, until told to stop. */
abstract class Person {
  protected connection: WireConnection | undefined;
  #stopped = false;
  #loop: Promise<void> | undefined;

  constructor(
    readonly name: string,
    protected readonly place: Place,
  ) {}

  start(): void {
    this.#loop = this.#live();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.leave();
    await this.#loop;
  }

  protected get stopped(): boolean {
    return this.#stopped;
  }

  protected leave(): void {
    this.connection?.close();
  }

  /** Lives on one connection that has logged in, until it ends. */
  protected abstract session(connection: WireConnection): Promise<void>;

  async #live(): Promise<void> {
    while (!this.#stopped) {
      const port = await this.place.up();
      const connection = await WireConnection.open(port);
      if (!connection) continue;
      this.connection = connection;
      note(this.name, `connects to ${port}`);
      const isIn = await connection.login(this.name, DOMAIN, PASSWORD);
      if (isIn) await this.session(connection);
      else if (!connection.closed) await new Promise((resolve) => setTimeout(resolve, AGAIN));
      connection.drop();
      note(this.name, "connection over");
    }
  }
}

/** Writes numbered messages to one receiver and sends again what was not acknowledged. */
export class Sender extends Person {
  /** Numbers the server has acknowledged: all below. */
  acknowledged = 0;
  #next = 0;
  #most = Number.POSITIVE_INFINITY;
  #idle: (() => void)[] = [];

  constructor(
    name: string,
    readonly receiver: string,
    place: Place,
  ) {
    super(name, place);
  }

  /** Begins no further messages; resolves when all that were begun are acknowledged. */
  async finish(): Promise<void> {
    this.#most = this.#next;
    if (this.acknowledged < this.#next) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  protected async session(connection: WireConnection): Promise<void> {
    if ((await connection.bind("sender")) === undefined) return;
    note(this.name, "bound");
    // A new session counts from nought: what was not acknowledged on the old one is sent again.
    const base = this.acknowledged;
    let sent = base;
    let handled = base;
    for (;;) {
      while (sent < this.#most && sent - handled < WINDOW) {
        connection.write(
          message(`${this.receiver}@${DOMAIN}`, `${this.name}-${sent}`, `${this.name} ${sent}`),
        );
        sent += 1;
      }
      this.#next = Math.max(this.#next, sent);
      note(this.name, `sent up to ${sent - 1}`);
      connection.write("<r xmlns='urn:xmpp:sm:3'/>");
      const answer = await connection.next((element) => element.is("a", "urn:xmpp:sm:3"));
      if (!answer) return;
      await new Promise((resolve) => setTimeout(resolve, PACE));
      handled = base + Number(answer.attrs.h);
      note(this.name, `acknowledged below ${handled}`);
      this.acknowledged = Math.max(this.acknowledged, handled);
      if (this.acknowledged >= this.#most) for (const resolve of this.#idle.splice(0)) resolve();
      if (this.stopped) return;
      // With nothing to send, the next question waits for the next answer's turn of the loop.
      if (sent >= this.#most) await connection.next(() => true);
    }
  }
}

export type Habit = "online" | "offline" | "half-dead" | "resuming" | "archive-only";

/** Takes down what it gets, in order of arrival. */
export class Receiver extends Person {
  /** For each sender: numbers as they came, repetitions included. */
  readonly heard = new Map<string, number[]>();
  #handled = 0;
  #resumeId: string | undefined;
  #total = 0;
  #waiting: { check: () => boolean; resolve: () => void }[] = [];

  constructor(
    name: string,
    readonly habit: Habit,
    place: Place,
    private readonly random: () => number,
  ) {
    super(name, place);
  }

  get total(): number {
    return this.#total;
  }

  /** It has not been there, and reads what it missed in its archive. */
  async readArchive(senders: readonly string[]): Promise<void> {
    const bodies = await readArchive(this.name, this.place);
    for (const sender of senders) this.heard.set(sender, numbersOf(sender, bodies));
  }

  /** Resolves when it has heard all below `count` from a sender, or nothing at all any more: then something is lost. */
  async hasHeard(sender: string, count: number): Promise<void> {
    const check = () => new Set(this.heard.get(sender)).size >= count;
    const all = new Promise<void>((resolve) => this.#waiting.push({ check, resolve }));
    for (let before = -1; !check() && before < this.#total; ) {
      before = this.#total;
      await Promise.race([all, new Promise((resolve) => setTimeout(resolve, SILENCE).unref())]);
    }
  }

  protected async session(connection: WireConnection): Promise<void> {
    connection.onElement = (element) => this.#hear(element, connection);
    if (!(await this.#comeOnline(connection))) return;
    if (this.habit === "half-dead" || this.habit === "resuming") {
      const limit = this.#total + 50 + Math.floor(this.random() * 200);
      await this.#until(() => this.#total >= limit, connection);
      if (this.habit === "half-dead" && !this.stopped) {
        // Silent, but not gone: the server believes in it until it asks in vain.
        connection.freeze();
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
      connection.drop();
      return;
    }
    await connection.next(() => false);
  }

  async #comeOnline(connection: WireConnection): Promise<boolean> {
    if (this.#resumeId !== undefined) {
      const h = await connection.resume(this.#resumeId, this.#handled);
      note(this.name, `resume with h ${this.#handled}: ${h}`);
      if (h === false) return false;
      if (h !== undefined) return true;
    }
    this.#handled = 0;
    this.#resumeId = await connection.bind(`r${Math.floor(this.random() * 1e9)}`);
    this.#handled = 0;
    if (this.#resumeId === undefined) return false;
    note(this.name, "bound");
    connection.write("<presence/>");
    return true;
  }

  #hear(element: Element, connection: WireConnection): void {
    if (element.is("r", "urn:xmpp:sm:3")) {
      connection.write(`<a xmlns='urn:xmpp:sm:3' h='${this.#handled}'/>`);
      return;
    }
    if (!["message", "presence", "iq"].includes(element.name)) return;
    this.#handled += 1;
    const [sender, number] = (element.getChildText("body") ?? "").split(" ");
    if (number === undefined) return;
    const list = this.heard.get(sender) ?? [];
    this.heard.set(sender, list);
    list.push(Number(number));
    const id = element.getChild("stanza-id")?.attrs.id;
    note(this.name, `hears ${sender} ${number} id ${id}${element.getChild("delay") ? " delayed" : ""}`);
    this.#total += 1;
    const ready = this.#waiting.filter(({ check }) => check());
    this.#waiting = this.#waiting.filter((one) => !ready.includes(one));
    for (const { resolve } of ready) resolve();
  }

  async #until(check: () => boolean, connection: WireConnection): Promise<void> {
    const told = new Promise<void>((resolve) =>
      this.#waiting.push({ check: () => check() || this.stopped, resolve }),
    );
    await Promise.race([told, connection.next(() => false)]);
  }
}
