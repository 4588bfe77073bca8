/** Entries that have a place of their own. Nearly all are gone before as many others have come. */
const PLACES = 4093;

/**
 * What is known by a number for a short while. A Map would be remade with every few of them, see docs/architecture.md, "One
 * turn, one write"; here each has a place by its number, and only those whose place is needed for another go into a Map.
 */
export class Places<T> {
  readonly #numbers = new Float64Array(PLACES);
  readonly #values = new Array<T | undefined>(PLACES);
  readonly #late = new Map<number, T>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param number an integer; one that is there already is there twice, until it was deleted as often */
  add(number: number, value: T): void {
    const place = number % PLACES;
    const before = this.#values[place];
    if (before !== undefined) this.#late.set(this.#numbers[place], before);
    this.#numbers[place] = number;
    this.#values[place] = value;
    this.#size += 1;
  }

  get(number: number): T | undefined {
    const place = number % PLACES;
    const found = this.#numbers[place] === number ? this.#values[place] : undefined;
    return found ?? (this.#late.size > 0 ? this.#late.get(number) : undefined);
  }

  delete(number: number): void {
    const place = number % PLACES;
    if (this.#numbers[place] === number && this.#values[place] !== undefined) this.#values[place] = undefined;
    else if (!this.#late.delete(number)) return;
    this.#size -= 1;
  }

  /** In the order of their numbers. */
  entries(): [number: number, value: T][] {
    const found = [...this.#late];
    for (const [place, value] of this.#values.entries())
      if (value !== undefined) found.push([this.#numbers[place], value]);
    return found.sort(([a], [b]) => a - b);
  }
}
