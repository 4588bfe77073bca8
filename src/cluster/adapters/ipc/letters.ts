import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { ClusterMessage, DeadLetter, NodeId } from "../../adapter.js";

const EXTENSION = ".json";

interface Stored extends Omit<DeadLetter, "at" | "body"> {
  at: string;
  /** Base64. */
  body: string;
}

/** Dead letters as files of a folder, one each: by name they are in order of time. */
export class Letters {
  #count = 0;
  /** One at a time: each looks how many there are. */
  #last: Promise<void> = Promise.resolve();

  /** @param limit of more than so many the oldest go. */
  constructor(
    private readonly folder: string,
    private readonly limit: number,
  ) {}

  put(to: NodeId, message: ClusterMessage, error: unknown): Promise<void> {
    const put = this.#last.then(() => this.#put(to, message, error));
    this.#last = put.catch(() => undefined);
    return put;
  }

  /** Oldest first. */
  async list(limit: number): Promise<DeadLetter[]> {
    const letters: DeadLetter[] = [];
    for (const name of await this.#names()) {
      if (letters.length >= limit) break;
      const letter = await this.#read(name);
      if (letter) letters.push(letter);
    }
    return letters;
  }

  /** @returns whether there was any. */
  async drop(id: string): Promise<boolean> {
    const end = endOf(id);
    let dropped = false;
    for (const name of (await this.#names()).filter((one) => one.endsWith(end)))
      dropped = (await this.#remove(name)) || dropped;
    return dropped;
  }

  async #put(to: NodeId, { id, from, key, body }: ClusterMessage, error: unknown): Promise<void> {
    const at = new Date();
    const reason = error instanceof Error ? error.message : String(error);
    const letter: Stored = { id, from, to, key, reason, at: at.toJSON(), body: text(body) };
    this.#count += 1;
    const place = `${pad(at.getTime(), 15)}-${pad(process.pid, 8)}-${pad(this.#count, 10)}`;
    const path = join(this.folder, `${place}${endOf(id)}`);
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const names = await this.#names();
    for (const name of names.slice(0, Math.max(0, names.length + 1 - this.limit))) await this.#remove(name);
    await writeFile(`${path}.new`, JSON.stringify(letter), { mode: 0o600 });
    await rename(`${path}.new`, path);
  }

  async #names(): Promise<string[]> {
    try {
      return (await readdir(this.folder)).filter((name) => name.endsWith(EXTENSION)).sort();
    } catch (error) {
      if (isAbsent(error)) return [];
      throw error;
    }
  }

  /** @returns undefined when somebody has just dropped it. */
  async #read(name: string): Promise<DeadLetter | undefined> {
    try {
      const stored = JSON.parse(await readFile(join(this.folder, name), "utf8")) as Stored;
      const body = Uint8Array.from(Buffer.from(stored.body, "base64"));
      return { ...stored, at: new Date(stored.at), body };
    } catch (error) {
      if (isAbsent(error)) return undefined;
      throw error;
    }
  }

  async #remove(name: string): Promise<boolean> {
    try {
      await rm(join(this.folder, name));
      return true;
    } catch (error) {
      if (isAbsent(error)) return false;
      throw error;
    }
  }
}

const pad = (value: number, digits: number) => String(value).padStart(digits, "0");
const text = ({ buffer, byteOffset, length }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, length).toString("base64");
const endOf = (id: string) => `-${createHash("sha256").update(id).digest("hex").slice(0, 32)}${EXTENSION}`;

function isAbsent(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === "ENOENT";
}
