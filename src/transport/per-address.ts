import { networkOf } from "./network.js";

/** How many of something each network address has now, and no more than a limit. */
export class PerAddress {
  readonly #counts = new Map<string, number>();

  /** @param limit 0 = none */
  constructor(private readonly limit: number) {}

  /** @returns false where the address has as many as it may; otherwise `leave` is to be called once in the end. */
  enter(address: string): boolean {
    const network = networkOf(address);
    const count = this.#counts.get(network) ?? 0;
    if (this.limit > 0 && count >= this.limit) return false;
    this.#counts.set(network, count + 1);
    return true;
  }

  leave(address: string): void {
    const network = networkOf(address);
    const left = (this.#counts.get(network) ?? 1) - 1;
    if (left > 0) this.#counts.set(network, left);
    else this.#counts.delete(network);
  }
}
