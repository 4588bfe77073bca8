/** Whether anything that was begun has not ended. */
export class Settled {
  #open = 0;
  #waiting: (() => void)[] = [];

  get settled(): boolean {
    return this.#open === 0;
  }

  begin(): void {
    this.#open += 1;
  }

  end(): void {
    this.#open -= 1;
    if (this.#open > 0) return;
    const told = this.#waiting;
    this.#waiting = [];
    for (const resolve of told) resolve();
  }

  async whenSettled(): Promise<void> {
    while (this.#open > 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}
