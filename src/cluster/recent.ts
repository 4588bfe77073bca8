import { Places } from "./places.js";

/** Numbers that came of late: the last `most` of them at least, and no more than twice as many. */
export class Recent {
  #now = new Places<true>();
  #before = new Places<true>();

  constructor(private readonly most: number) {}

  add(number: number): void {
    if (this.#now.get(number) === true) return;
    if (this.#now.size >= this.most) {
      const oldest = this.#before;
      this.#before = this.#now;
      this.#now = oldest;
      oldest.clear();
    }
    this.#now.add(number, true);
  }

  has(number: number): boolean {
    return this.#now.get(number) === true || this.#before.get(number) === true;
  }
}
