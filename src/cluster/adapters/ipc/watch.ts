/** Conditions that somebody waits for; whoever changes something that one may depend on says so. */
export class Watch {
  readonly #waiting = new Set<() => void>();

  /** Looks at the conditions anew. */
  changed(): void {
    for (const look of this.#waiting) look();
  }

  /**
   * Resolves when the condition holds.
   * @param limit ms after which it is given up
   * @returns whether it holds.
   */
  until(condition: () => boolean, limit?: number): Promise<boolean> {
    if (condition()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (holds: boolean) => {
        this.#waiting.delete(look);
        clearTimeout(timer);
        resolve(holds);
      };
      const look = () => {
        if (condition()) end(true);
      };
      const timer = limit === undefined ? undefined : setTimeout(() => end(false), limit);
      this.#waiting.add(look);
    });
  }
}
