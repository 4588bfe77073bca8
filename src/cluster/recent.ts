/** Numbers that came of late: the last `most` of them at least, and no more than twice as many. */
export class Recent {
  #now = new Set<number>();
  #before: ReadonlySet<number> = new Set();

  constructor(private readonly most: number) {}

  add(number: number): void {
    if (this.#now.size >= this.most) {
      this.#before = this.#now;
      this.#now = new Set();
    }
    this.#now.add(number);
  }

  has(number: number): boolean {
    return this.#now.has(number) || this.#before.has(number);
  }
}
