import { createServer, type Server, type Socket } from "node:net";
import type { NodeId } from "../../adapter.js";
import type { Folder } from "./folder.js";

/** Where other nodes connect. */
export class Entrance {
  readonly #server: Server;

  constructor(
    private readonly folder: Folder,
    accept: (socket: Socket) => void,
  ) {
    this.#server = createServer(accept);
  }

  /**
   * The socket appears under its name only when it is listened on: so where a socket is and nobody listens, somebody has
   * died.
   * @throws Error when there is a node of that name.
   */
  async open(node: NodeId): Promise<void> {
    const draft = `${this.folder.socket(node)}.new`;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      const before = process.umask(0o177);
      this.#server.listen(draft, resolve);
      process.umask(before);
    });
    try {
      await this.folder.publish(draft, node);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** Resolves when all who have come have gone. */
  async close(): Promise<void> {
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
