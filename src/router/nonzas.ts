import type { NonzaHandler } from "../plugin/api.js";
import type { Element } from "../xml/element.js";

const keyOf = (ns: string, name: string) => `${ns} ${name}`;

/** First-level elements of bound streams that are no stanzas, and who deals with them. */
export class Nonzas {
  readonly #handlers = new Map<string, NonzaHandler>();

  /**
   * @returns takes the handler away again.
   * @throws Error when the element is taken.
   */
  add({ ns, name }: { ns: string; name: string }, handler: NonzaHandler): () => void {
    const key = keyOf(ns, name);
    if (this.#handlers.has(key)) throw new Error(`two plugins take ${key}`);
    this.#handlers.set(key, handler);
    return () => {
      this.#handlers.delete(key);
    };
  }

  find(element: Element): NonzaHandler | undefined {
    return this.#handlers.get(keyOf(element.getNS() ?? "", element.getName()));
  }
}
