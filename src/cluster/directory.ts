import { createHash } from "node:crypto";
import type { Registry } from "../session/registry.js";
import type { Resource } from "../session/session.js";
import { StreamError } from "../xmpp/errors.js";
import { Jid } from "../xmpp/jid.js";
import type { NodeId } from "./adapter.js";
import { type Item, type Row, resourceOf, rowOf } from "./envelope.js";

/** Sessions that are told of at a time. */
const PORTION = 100;

/**
 * Which node has which session. Each node is the authority for its own and announces them; all keep the whole table, in
 * the registry.
 */
export class Directory {
  /** Sessions of nodes that are telling of all, and have not told of these. */
  readonly #untold = new Map<NodeId, Set<string>>();
  /** Full JIDs of which only the node that a session came from has told where it went, and that node. */
  readonly #hearsay = new Map<string, NodeId>();

  constructor(
    private readonly self: NodeId,
    private readonly registry: Registry,
    /** To all other nodes. */
    announce: (item: Item) => void,
  ) {
    registry.listen({
      changed: (before, after) => {
        if (after?.node === self) announce(["row", rowOf(after)]);
        else if (before?.node === self && after)
          announce(["moved", before.jid.text, after.node, after.boundAt]);
        else if (before?.node === self && !after) announce(["end", before.jid.text, before.boundAt]);
      },
    });
  }

  /** All sessions of this node, bit by bit; what changes meanwhile is announced as always. */
  *snapshot(): Generator<Item> {
    yield ["begin"];
    let rows: Row[] = [];
    for (const resource of this.registry.ofNode(this.self)) {
      if (rows.push(rowOf(resource)) < PORTION) continue;
      yield ["rows", rows];
      rows = [];
    }
    yield ["rows", rows];
    yield ["all"];
  }

  /** The same on two nodes when they have the same table; for admins and tests, since it looks at every row. */
  digest(): string {
    const rows = [...this.registry.rows()].map((resource) => {
      const [jid, presence, priority, interested, flags, boundAt] = rowOf(resource);
      return JSON.stringify([jid, resource.node, presence, priority, interested, flags.sort(), boundAt]);
    });
    return createHash("sha256").update(rows.sort().join("\n")).digest("base64");
  }

  /** Another node begins to tell of all its sessions. */
  begin(node: NodeId): void {
    this.#untold.set(node, new Set([...this.registry.ofNode(node)].map(({ jid }) => jid.text)));
  }

  /** It has told of all: others it has not. */
  all(node: NodeId): void {
    const untold = this.#untold.get(node) ?? [];
    this.#untold.delete(node);
    for (const full of untold) this.registry.withdrawn(Jid.parse(full), node);
  }

  put(row: Row, node: NodeId): void {
    const resource = resourceOf(row, node);
    this.#untold.get(node)?.delete(resource.jid.text);
    this.#hearsay.delete(resource.jid.text);
    const rivals = this.#rivals(resource.jid, node);
    // It has moved on, and that was heard of first.
    if (rivals.some((one) => isLater(one, resource))) return;
    this.#forget(rivals);
    this.registry.announced(resource);
    this.#settleConflict(resource);
  }

  end(full: string, node: NodeId, boundAt: number): void {
    const jid = Jid.parse(full);
    this.#hearsay.delete(jid.text);
    this.registry.withdrawn(jid, node);
    this.#forget(this.#rivals(jid, node).filter((one) => one.boundAt < boundAt));
  }

  /**
   * Until the other node announces it itself, it stays known.
   * @param boundAt from when on it is the other node's
   * @returns the session, where the other node is gone already and nobody else can tell of its end
   */
  moved(full: string, from: NodeId, to: NodeId, boundAt: number): Resource | undefined {
    const jid = Jid.parse(full);
    const row = this.registry.of(jid).find((one) => one.node === from && one.jid.equals(jid));
    // It has been there, and may be back.
    if (!row || row.boundAt >= boundAt) return undefined;
    this.registry.withdrawn(jid, from);
    if (to === this.self) return undefined;
    const after = { ...row, node: to, boundAt };
    if (!this.registry.nodes.alive.includes(to)) return after;
    if (!this.#rivals(jid, to).some((one) => isLater(one, after))) {
      this.registry.announced(after);
      this.#hearsay.set(jid.text, from);
    }
    return undefined;
  }

  /** The same address elsewhere. */
  #rivals(jid: Jid, node: NodeId): Resource[] {
    return this.registry.of(jid).filter((one) => one.node !== node && one.jid.equals(jid));
  }

  /** What other nodes said is out of date. */
  #forget(rows: readonly Resource[]): void {
    for (const { jid, node, session } of rows) if (!session) this.registry.withdrawn(jid, node);
  }

  /**
   * A node is gone. It may have died before a session that it gave away arrived: of those nobody knows until the other node has
   * announced them.
   * @returns what it had, and what it had given away without anybody else's having said so yet.
   */
  drop(node: NodeId): Resource[] {
    this.#untold.delete(node);
    const rows = [...this.registry.ofNode(node), ...this.#saidBy(node)];
    for (const row of rows) {
      this.#hearsay.delete(row.jid.text);
      this.registry.withdrawn(row.jid, row.node);
    }
    return rows;
  }

  #saidBy(node: NodeId): Resource[] {
    const rows: Resource[] = [];
    for (const [full, from] of this.#hearsay) {
      if (from !== node) continue;
      this.#hearsay.delete(full);
      const row = this.registry.named(full);
      if (row && row.node !== this.self && row.node !== node) rows.push(row);
    }
    return rows;
  }

  /** Two clients bound one address at once, on two nodes: the later one keeps it. RFC 6120 §7.7.2.2 */
  #settleConflict(theirs: Resource): void {
    const own = this.registry
      .of(theirs.jid)
      .find(({ session, jid }) => session !== undefined && jid.equals(theirs.jid));
    if (!own) return;
    if (isLater(theirs, own)) own.session?.close(new StreamError("conflict"));
  }
}

/** A session that moves is later at each node; where two began at once, all nodes choose the same. */
function isLater(one: Resource, other: Resource): boolean {
  return one.boundAt === other.boundAt ? one.node > other.node : one.boundAt > other.boundAt;
}
