/** Places at first, as a power of two. */
const BITS = 10;
/** The golden ratio in 32 bits: numbers that follow one another come to stand far apart. */
const SCATTER = 0x9e3779b1;

/**
 * What is known by a number for a short while. A Map would be remade with every few of them, see docs/architecture.md, "One
 * turn, one write"; here each stands at the place that its number gives, or at the next that was free, and there are always at
 * least twice as many places as numbers.
 */
export class Places<T> {
  #bits = BITS;
  #numbers = new Float64Array(2 ** BITS);
  #values: (T | undefined)[] = new Array(2 ** BITS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** @param number an integer; one that is there already is there twice, until it was deleted as often */
  add(number: number, value: T & {}): void {
    if (2 * this.#size >= this.#values.length) this.#remake(this.#bits + 1);
    this.#put(number, value);
    this.#size += 1;
  }

  get(number: number): T | undefined {
    return this.#values[this.#find(number)];
  }

  delete(number: number): void {
    let gap = this.#find(number);
    if (this.#values[gap] === undefined) return;
    this.#size -= 1;
    const last = this.#values.length - 1;
    // Those behind it that would have stood there, or further in front, move up: nobody looks behind a free place.
    for (let place = (gap + 1) & last; ; place = (place + 1) & last) {
      const value = this.#values[place];
      if (value === undefined) break;
      if (((place - this.#home(this.#numbers[place])) & last) < ((place - gap) & last)) continue;
      this.#numbers[gap] = this.#numbers[place];
      this.#values[gap] = value;
      gap = place;
    }
    this.#values[gap] = undefined;
    if (this.#size === 0 && this.#bits > BITS) this.#remake(BITS);
  }

  clear(): void {
    this.#values.fill(undefined);
    this.#size = 0;
  }

  /** In the order of their numbers. */
  entries(): [number: number, value: T][] {
    const found: [number, T][] = [];
    for (const [place, value] of this.#values.entries())
      if (value !== undefined) found.push([this.#numbers[place], value]);
    return found.sort(([a], [b]) => a - b);
  }

  #home(number: number): number {
    return Math.imul(number, SCATTER) >>> (32 - this.#bits);
  }

  /** The place where it stands, or the free one where it would. */
  #find(number: number): number {
    const last = this.#values.length - 1;
    let place = this.#home(number);
    while (this.#values[place] !== undefined && this.#numbers[place] !== number) place = (place + 1) & last;
    return place;
  }

  #put(number: number, value: T): void {
    const last = this.#values.length - 1;
    let place = this.#home(number);
    while (this.#values[place] !== undefined) place = (place + 1) & last;
    this.#numbers[place] = number;
    this.#values[place] = value;
  }

  #remake(bits: number): void {
    const [numbers, values] = [this.#numbers, this.#values];
    this.#bits = bits;
    this.#numbers = new Float64Array(2 ** bits);
    this.#values = new Array(2 ** bits);
    for (const [place, value] of values.entries()) if (value !== undefined) this.#put(numbers[place], value);
  }
}
