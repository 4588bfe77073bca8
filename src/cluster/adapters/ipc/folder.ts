import { createHash } from "node:crypto";
import { chmod, link, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";
import type { NodeId } from "../../adapter.js";

/** Names that a file may have as they are, in small letters since some file systems tell no difference. */
const LEGAL = /^[a-z0-9][a-z0-9-]{0,35}$/;
const SOCKET = ".sock";
const HEIR = ".heir-";
/** Bytes of the longest name that is made here. */
const LONGEST = 36 + SOCKET.length + ".new".length;
/** The operating systems' limit on the path of a socket, with room to spare. */
const MAX_PATH = 100;

/** What nodes of one machine share: a folder with a socket for each of them, which is there while the node listens. */
export class Folder {
  readonly path: string;
  /** Where the sockets are: in the folder, or, where that would be too long a path, among the temporary files. */
  readonly #sockets: string;

  constructor(folder: string) {
    this.path = resolve(folder);
    const fits = Buffer.byteLength(this.path) + 1 + LONGEST <= MAX_PATH;
    this.#sockets = fits ? this.path : join(tmpdir(), `sluice-${hash(this.path).slice(0, 24)}`);
  }

  get letters(): string {
    return join(this.path, "dead-letters");
  }

  socket(node: NodeId): string {
    return join(this.#sockets, fileOf(node));
  }

  /** Makes the folders, for this user alone. @throws Error */
  async prepare(): Promise<void> {
    for (const folder of new Set([this.path, this.#sockets])) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      const { uid } = await stat(folder);
      // Among the temporary files anybody might have made a folder of that name.
      if (uid !== process.getuid?.()) throw new Error(`The folder ${folder} belongs to another user.`);
      await chmod(folder, 0o700);
    }
  }

  /** The paths of the sockets of all nodes. */
  async sockets(): Promise<string[]> {
    const names = await readdir(this.#sockets);
    return names.filter((name) => name.endsWith(SOCKET)).map((name) => join(this.#sockets, name));
  }

  async has(node: NodeId): Promise<boolean> {
    return exists(this.socket(node));
  }

  /** Makes a node that listens there be found. @throws Error when there is one of its name. */
  async publish(path: string, node: NodeId): Promise<void> {
    try {
      await link(path, this.socket(node));
    } catch (error) {
      if (!isThere(error)) throw error;
      throw new Error(`the node ${node} is there already`);
    } finally {
      await rm(path, { force: true });
    }
  }

  /** Removes the socket of a node, then what was written about its heirs. */
  remove(node: NodeId): Promise<void> {
    return this.removeSocket(this.socket(node));
  }

  async removeSocket(path: string): Promise<void> {
    await rm(path, { force: true });
    const start = `${basename(path)}${HEIR}`;
    for (const name of await this.#names())
      if (name.startsWith(start)) await rm(join(this.#sockets, name), { force: true });
  }

  /** Of a folder that somebody has removed nothing is left. */
  async #names(): Promise<string[]> {
    try {
      return await readdir(this.#sockets);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
      throw error;
    }
  }

  /**
   * Says who is to be the heir of a node. When an heir has died himself, the next is written beside him: nobody ever has
   * to take a file away that another might just have made.
   * @returns undefined when it is so; otherwise who was there first.
   */
  async claim(dead: NodeId, heir: NodeId, generation: number): Promise<NodeId | undefined> {
    const path = `${this.socket(dead)}${HEIR}${generation}`;
    const draft = `${path}-${fileOf(heir)}`;
    await writeFile(draft, heir, { mode: 0o600 });
    try {
      await link(draft, path);
      return undefined;
    } catch (error) {
      if (!isThere(error)) throw error;
      return await readFile(path, "utf8").catch(() => "");
    } finally {
      await rm(draft, { force: true });
    }
  }
}

/** Whether somebody listens there. */
export function listens(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // Other errors, such as too many who wait there, come from one that lives.
    socket.once("error", ({ code = "" }: NodeJS.ErrnoException) =>
      resolve(code !== "ENOENT" && code !== "ECONNREFUSED"),
    );
  });
}

function fileOf(node: NodeId): string {
  return `${LEGAL.test(node) ? node : `_${hash(node).slice(0, 32)}`}${SOCKET}`;
}

const hash = (text: string) => createHash("sha256").update(text).digest("hex");

async function exists(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return false;
    throw error;
  }
}

const isThere = (error: unknown) => (error as NodeJS.ErrnoException).code === "EEXIST";
