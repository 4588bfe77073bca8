import {
  type FileHandle,
  mkdir,
  open,
  opendir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { z } from "../../src/plugin/api.js";
import { isId, type Place } from "./place.js";

/** What is kept of a file besides its bytes. */
export interface About extends Place {
  size: number;
  type: string;
  /** Bare JID. */
  owner: string;
  /** ms since 1970 */
  until: number;
}

const ABOUT: z.ZodType<About> = z.object({
  id: z.string(),
  name: z.string(),
  size: z.number(),
  type: z.string(),
  owner: z.string(),
  until: z.number(),
});

export interface Found {
  about: About;
  content: FileHandle;
}

/** There is such an upload already, or it is under way. */
export class TakenError extends Error {}

const PRIVATE_FOLDER = 0o700;
const PRIVATE_FILE = 0o600;

/**
 * Uploads on the disk. Each is a folder of two files, `<first two digits of the id>/<id>/{content,about.json}`. It is
 * written under `incoming`, and appears and vanishes as a whole by being renamed.
 */
export class UploadFolder {
  private constructor(private readonly root: string) {}

  static async open(root: string): Promise<UploadFolder> {
    await mkdir(join(root, "incoming"), { recursive: true, mode: PRIVATE_FOLDER });
    return new UploadFolder(root);
  }

  /**
   * Keeps a file once all of it is there and on the disk. Leaves nothing behind when it fails.
   * @param about `size` bytes have to come, no more and no less.
   * @throws TakenError, and whatever the stream or the disk fails with.
   */
  async add(about: About, content: Readable): Promise<void> {
    if (await exists(this.#place(about.id))) throw new TakenError();
    const draft = this.#draft(about.id);
    await mkdir(draft, { mode: PRIVATE_FOLDER }).catch(taken);
    try {
      await writeWhole(join(draft, "content"), content, about.size);
      await writeWhole(join(draft, "about.json"), JSON.stringify(about));
      await mkdir(join(this.root, about.id.slice(0, 2)), { recursive: true, mode: PRIVATE_FOLDER });
      // Fails where there is one: a folder that is not empty is never replaced.
      await rename(draft, this.#place(about.id)).catch(taken);
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      throw error;
    }
  }

  /** Whoever asks closes `content`. Undefined when there is none. */
  async find(id: string): Promise<Found | undefined> {
    const about = await this.about(id);
    if (!about) return undefined;
    const content = await open(join(this.#place(id), "content")).catch(absent);
    return content && { about, content };
  }

  /** Undefined when there is none, or none that can be understood. */
  async about(id: string): Promise<About | undefined> {
    const text = await readFile(join(this.#place(id), "about.json"), "utf8").catch(absent);
    return text === undefined ? undefined : parseAbout(text);
  }

  /** Whether an upload came before a time, ms since 1970. */
  async isOlder(id: string, before: number): Promise<boolean> {
    const found = await stat(this.#place(id)).catch(absent);
    return found !== undefined && found.mtimeMs < before;
  }

  async remove(id: string): Promise<void> {
    const gone = this.#draft(id);
    await rename(this.#place(id), gone).catch(absent);
    await rm(gone, { recursive: true, force: true });
  }

  /** The ids of all uploads, read from the disk as they are asked for. What else is there is not ours. */
  async *ids(): AsyncGenerator<string> {
    for await (const shelf of await opendir(this.root)) {
      if (!/^[0-9a-f]{2}$/.test(shelf.name)) continue;
      for await (const { name } of await opendir(join(this.root, shelf.name))) if (isId(name)) yield name;
    }
  }

  /** The ids of what was begun and never finished before a time, since the server died meanwhile. */
  async *leftOver(before: number): AsyncGenerator<string> {
    const incoming = join(this.root, "incoming");
    for await (const { name } of await opendir(incoming)) {
      const found = await stat(join(incoming, name)).catch(absent);
      if (found && found.mtimeMs < before) yield name;
    }
  }

  /** Removes what `leftOver` found. */
  async clear(id: string): Promise<void> {
    await rm(this.#draft(id), { recursive: true, force: true });
  }

  #place(id: string): string {
    return join(this.root, id.slice(0, 2), id);
  }

  #draft(id: string): string {
    return join(this.root, "incoming", id);
  }
}

async function writeWhole(path: string, content: Readable | string, size?: number): Promise<void> {
  const file = await open(path, "wx", PRIVATE_FILE);
  try {
    await writeFile(file, content);
    const { size: written } = await file.stat();
    if (size !== undefined && written !== size) throw new Error(`${written} bytes came instead of ${size}`);
    await file.datasync();
  } finally {
    await file.close();
  }
}

function parseAbout(text: string): About | undefined {
  try {
    return ABOUT.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

async function exists(path: string): Promise<boolean> {
  return (await stat(path).catch(absent)) !== undefined;
}

function absent(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}

function taken(error: NodeJS.ErrnoException): never {
  throw error.code === "EEXIST" || error.code === "ENOTEMPTY" ? new TakenError() : error;
}
