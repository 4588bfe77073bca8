import type { NodeId } from "../../adapter.js";
import { contentOf, Frame, isMessage, readContent } from "./frames.js";
import type { Inbound } from "./inbound.js";
import type { Entry } from "./kept.js";
import type { Lanes, Owner } from "./lanes.js";
import type { Mesh } from "./mesh.js";
import type { Peer } from "./peer.js";

/** What a node does as the heir of one that died: it asks all others for what they keep for the dead. */
export class Adoption {
  readonly #handed = new Set<NodeId>();
  readonly #senders = new Map<Inbound, Owner>();

  constructor(
    private readonly dead: NodeId,
    private readonly mesh: Mesh,
    private readonly lanes: Lanes,
  ) {}

  /** @returns how many messages there were. */
  async run(): Promise<number> {
    const { dead, mesh } = this;
    this.#addOwn(mesh.peer(dead).succeed());
    const asked = await this.#ask([]);
    await mesh.folder.remove(dead);
    // Whoever came meanwhile has seen the socket.
    asked.push(...(await this.#ask(asked)));
    for (const peer of asked) if (hears(peer)) peer.tell(Frame.Adopted, dead);
    mesh.shut(dead);
    await this.lanes.idle();
    return this.lanes.received;
  }

  /** The part of a frame that begins with the id. */
  add(inbound: Inbound, n: number, bytes: Buffer, at: number, end: number): void {
    let owner = this.#senders.get(inbound);
    if (!owner) {
      owner = { tails: new Map(), done: (number) => inbound.done(number) };
      this.#senders.set(inbound, owner);
    }
    const { from } = inbound;
    const { id, key, body } = readContent(bytes, at, end);
    this.lanes.add({ id: `${from}-${id}`, from, key, body }, owner, n);
  }

  /** This node has given all it had. */
  handed(by: NodeId): void {
    this.#handed.add(by);
    this.mesh.watch.changed();
  }

  async #ask(asked: readonly Peer[]): Promise<Peer[]> {
    const peers = this.mesh.others.filter(
      (peer) => peer.name !== this.dead && hears(peer) && !asked.includes(peer),
    );
    for (const peer of peers) peer.tell(Frame.Adopt, this.dead);
    // What one keeps that dies now is lost with it.
    await this.mesh.watch.until(() => peers.every((peer) => this.#handed.has(peer.name) || !hears(peer)));
    return peers;
  }

  #addOwn(entries: readonly Entry[]): void {
    const owner: Owner = { tails: new Map(), done: () => undefined };
    const { self: from } = this.mesh;
    for (const { n, frame, settle } of entries) {
      settle?.resolve();
      if (!isMessage(frame)) continue;
      const { id, key, body } = contentOf(frame);
      this.lanes.add({ id: `${from}-${id}`, from, key, body }, owner, n);
    }
  }
}

const hears = ({ state }: Peer) => state !== "gone" && state !== "closed";

/** Gives the heir what this node keeps for the dead one. */
export function handOver(mesh: Mesh, dead: NodeId, heir: NodeId): void {
  const peer = mesh.peer(heir);
  for (const entry of mesh.peer(dead).succeed()) if (isMessage(entry.frame)) peer.inherit(dead, entry);
  peer.tell(Frame.Handed, dead);
  // Another adoption may have waited for the one that is dead.
  mesh.watch.changed();
}
