import { setTimeout as wait } from "node:timers/promises";
import type {
  AdapterLog,
  AdapterModule,
  ClusterAdapter,
  ClusterMessage,
  DeadLetter,
  NodeId,
  OnState,
  Receive,
} from "../adapter.js";
import { Adoption, handOver } from "./ipc/adoption.js";
import { Folder, listens } from "./ipc/folder.js";
import { Frame, readContent } from "./ipc/frames.js";
import type { Inbound } from "./ipc/inbound.js";
import { Lanes } from "./ipc/lanes.js";
import { Letters } from "./ipc/letters.js";
import { Mesh } from "./ipc/mesh.js";
import { type IpcOptions, ipcOptions } from "./ipc/options.js";

/** ms between two looks at how another's adoption is getting on. */
const LOOK = 50;

/**
 * For processes of one machine: each is connected with each over Unix domain sockets, and there is no broker. A message is
 * kept by its sender until the other node has received it, so that what a dead node held is still there for its heir.
 */
export class IpcAdapter implements ClusterAdapter {
  readonly #folder: Folder;
  readonly #letters: Letters;
  readonly #adoptions = new Map<NodeId, Adoption>();
  readonly #working = new Set<Promise<number>>();
  #mesh: Mesh | undefined;
  #lanes: Lanes | undefined;
  #state: OnState = () => undefined;
  #starting: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;
  #sent = 0;

  constructor(
    private readonly options: IpcOptions,
    private readonly log: AdapterLog,
  ) {
    this.#folder = new Folder(options.folder);
    this.#letters = new Letters(this.#folder.letters, options.deadLetters);
  }

  async start(self: NodeId, receive: Receive, state: OnState): Promise<void> {
    if (this.#starting || this.#stopping) throw new Error("an adapter is started once");
    this.#starting = this.#start(self, receive, state);
    await this.#starting;
    state("up");
  }

  send(to: NodeId | "*", key: string, body: Uint8Array): Promise<void> {
    const mesh = this.#mesh;
    if (!mesh || this.#stopping !== undefined) return Promise.reject(notRunning());
    this.#sent += 1;
    // A character may take three bytes.
    const size = 3 * key.length + body.length;
    if (to === "*") return this.#sendToAll(mesh, this.#sent, key, body, size);
    const peer = mesh.peer(to);
    const refusal = peer.refusal(size);
    return refusal ? Promise.reject(refusal) : peer.send(this.#sent, key, body, false);
  }

  async adopt(dead: NodeId, receive: Receive): Promise<number> {
    const work = this.#adopt(this.#running(), dead, receive);
    this.#working.add(work);
    try {
      return await work;
    } finally {
      this.#working.delete(work);
    }
  }

  async deadLetters(limit: number): Promise<DeadLetter[]> {
    this.#running();
    return this.#letters.list(limit);
  }

  async dropDeadLetter(id: string): Promise<boolean> {
    this.#running();
    return this.#letters.drop(id);
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Ends as if the process had died. */
  async crash(): Promise<void> {
    this.#stopping = Promise.resolve();
    this.#lanes?.abandon();
    await this.#mesh?.crash(new Error("the node has crashed"));
  }

  async #start(self: NodeId, receive: Receive, state: OnState): Promise<void> {
    await this.#folder.prepare();
    this.#lanes = this.#newLanes(self, receive);
    const mesh: Mesh = new Mesh(
      self,
      this.#folder,
      this.options,
      this.log,
      (inbound, n, type, bytes, at, end) => this.#take(mesh, inbound, n, type, bytes, at, end),
      () => void this.#lookForSelf(mesh),
    );
    await mesh.open();
    this.#mesh = mesh;
    this.#state = state;
  }

  async #stop(): Promise<void> {
    await this.#starting?.catch(() => undefined);
    await Promise.allSettled(this.#working);
    const mesh = this.#mesh;
    if (!mesh) return;
    const { leaveTimeout } = this.options;
    await mesh.leave(leaveTimeout);
    await this.#lanes?.idle();
    // What was sent is to be received, or adopted, while this node is there to keep it.
    await mesh.watch.until(() => !mesh.isNeeded, leaveTimeout);
    await mesh.close(notRunning());
  }

  async #sendToAll(mesh: Mesh, id: number, key: string, body: Uint8Array, size: number): Promise<void> {
    const peers = mesh.others.filter(({ alive }) => alive);
    for (const peer of peers) {
      const refusal = peer.refusal(size);
      if (refusal) throw refusal;
    }
    await Promise.all(peers.map((peer) => peer.send(id, key, body, true)));
  }

  #take(mesh: Mesh, inbound: Inbound, n: number, type: number, bytes: Buffer, at: number, end: number): void {
    const { from } = inbound;
    if (type === Frame.Message) {
      this.#receive(inbound, n, bytes, at, end);
      return;
    }
    if (type === Frame.Inherit) {
      const contentAt = at + 4 + bytes.readUInt32BE(at);
      const adoption = this.#adoptions.get(bytes.toString("utf8", at + 4, contentAt));
      if (adoption) adoption.add(inbound, n, bytes, contentAt, end);
      else this.#receive(inbound, n, bytes, contentAt, end);
      return;
    }
    const node = bytes.toString("utf8", at, end);
    if (type === Frame.Adopt) handOver(mesh, node, from);
    else if (type === Frame.Handed) this.#adoptions.get(node)?.handed(from);
    else if (type === Frame.Adopted) mesh.shut(node);
    inbound.done(n);
  }

  #receive(inbound: Inbound, n: number, bytes: Buffer, at: number, end: number): void {
    const { from } = inbound;
    const { id, key, body } = readContent(bytes, at, end);
    this.#lanes?.add({ id: `${from}-${id}`, from, key, body }, inbound, n);
  }

  async #adopt(mesh: Mesh, dead: NodeId, receive: Receive): Promise<number> {
    const { self } = mesh;
    if (dead === self) throw new Error("a node cannot adopt itself");
    for (let generation = 1; await this.#folder.has(dead); ) {
      const heir = await this.#folder.claim(dead, self, generation);
      if (heir === undefined) return this.#inherit(mesh, dead, receive);
      if (heir !== self && !(await listens(this.#folder.socket(heir)))) generation += 1;
      else {
        await wait(LOOK);
        this.#running();
      }
    }
    return 0;
  }

  async #inherit(mesh: Mesh, dead: NodeId, receive: Receive): Promise<number> {
    if (!(await this.#folder.has(dead))) {
      await this.#folder.remove(dead);
      return 0;
    }
    const adoption = new Adoption(dead, mesh, this.#newLanes(dead, receive));
    this.#adoptions.set(dead, adoption);
    try {
      return await adoption.run();
    } finally {
      this.#adoptions.delete(dead);
    }
  }

  #newLanes(node: NodeId, receive: Receive): Lanes {
    const bury = (message: ClusterMessage, reason: unknown) => this.#letters.put(node, message, reason);
    return new Lanes(this.options, receive, bury, (error) =>
      this.log.warn({ err: error }, "a dead letter could not be written; it is tried again"),
    );
  }

  /** Others who thought this node dead have adopted what was sent to it, and do not hear it any more. */
  async #lookForSelf(mesh: Mesh): Promise<void> {
    try {
      if (this.#mesh !== mesh || this.#stopping || (await this.#folder.has(mesh.self))) return;
    } catch (error) {
      this.log.warn({ err: error }, "the folder of the nodes cannot be read");
      return;
    }
    if (this.#stopping !== undefined) return;
    const error = new Error("the others took this node for dead");
    await this.crash();
    this.#state("gone", error);
  }

  #running(): Mesh {
    if (!this.#mesh || this.#stopping !== undefined) throw notRunning();
    return this.#mesh;
  }
}

const notRunning = () => new Error("the adapter is not running");

export const adapter: AdapterModule<IpcOptions> = {
  name: "ipc",
  options: ipcOptions,
  create: (options, log) => new IpcAdapter(options, log),
};
