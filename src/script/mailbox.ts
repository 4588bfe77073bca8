import type { Element } from "../xml/element.js";
import { StepError } from "./failure.js";
import { prettyLines } from "./pretty.js";

/** What a client can be told by its server, in the order it came. */
export type Received =
  | { kind: "header"; element: Element }
  | { kind: "element"; element: Element }
  | { kind: "footer" }
  | { kind: "closed" }
  /** Something that is no XML stream. */
  | { kind: "broken"; why: string };

/** A script that leaves more than this unread has gone wrong. */
const UNREAD_MAX = 10_000;

/** Keeps what came until the script asks for it. */
export class Mailbox {
  readonly #unread: Received[] = [];
  #waiting: (() => void) | undefined;

  put(received: Received): void {
    // The connection's end is told only once, and never pushed out.
    if (this.#unread.length >= UNREAD_MAX && received.kind === "element") return;
    this.#unread.push(received);
    this.#waiting?.();
  }

  /** What came and was not asked for. */
  get unread(): readonly Received[] {
    return this.#unread;
  }

  /** Forgets what came. */
  clear(): void {
    this.#unread.length = 0;
  }

  /**
   * The next thing, which stays in the box.
   * @param deadline milliseconds to wait for it.
   * @throws StepError when nothing comes.
   */
  async peek(deadline: number): Promise<Received> {
    if (this.#unread.length === 0) await this.#arrival(deadline);
    return this.#unread[0];
  }

  /** As peek, and takes it. @throws StepError when nothing comes. */
  async take(deadline: number): Promise<Received> {
    const next = await this.peek(deadline);
    this.#unread.shift();
    return next;
  }

  async #arrival(deadline: number): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#waiting = undefined;
      };
      const timer = setTimeout(() => {
        done();
        reject(new StepError(`nothing came within ${deadline} ms`));
      }, deadline);
      this.#waiting = () => {
        done();
        resolve();
      };
    });
  }
}

/** What came, for a message that says it should not have. */
export function describe(received: Received): string {
  switch (received.kind) {
    case "element":
      return `this came instead:\n${prettyLines(received.element, "    ").join("\n")}`;
    case "header":
      return "a stream header came instead";
    case "footer":
      return "the server closed the stream";
    case "closed":
      return "the connection was closed";
    case "broken":
      return `the server sent something that is no XML stream: ${received.why}`;
  }
}
