import { createHash } from "node:crypto";
import type { Registry } from "../session/registry.js";
import type { Resource } from "../session/session.js";
import { StreamError } from "../xmpp/errors.js";
import { Jid } from "../xmpp/jid.js";
import type { NodeId } from "./adapter.js";
import { type Item, type Row, resourceOf, rowOf } from "./envelope.js";

/**
 * Which node has which session. Each node is the authority for its own and announces them; all keep the whole table, in
 * the registry.
 */
export class Directory {
  constructor(
    private readonly self: NodeId,
    private readonly registry: Registry,
    /** To all other nodes. */
    announce: (item: Item) => void,
  ) {
    registry.listen({
      changed: (before, after) => {
        if (after?.node === self) announce(["row", rowOf(after)]);
        else if (before?.node === self && after) announce(["moved", before.jid.text, after.node]);
        else if (before?.node === self && !after) announce(["end", before.jid.text]);
      },
    });
  }

  /** All sessions of this node. */
  snapshot(): Item {
    return ["all", [...this.registry.ofNode(this.self)].map(rowOf)];
  }

  /**
   * The same on two nodes when they have the same table; for admins and tests, since it looks at every row.
   * @param nodes whose rows are in it
   */
  digest(nodes: readonly NodeId[]): string {
    const rows = nodes.flatMap((node) =>
      [...this.registry.ofNode(node)].map((resource) => {
        const [jid, presence, priority, interested, flags, boundAt] = rowOf(resource);
        return JSON.stringify([jid, node, presence, priority, interested, flags.sort(), boundAt]);
      }),
    );
    return createHash("sha256").update(rows.sort().join("\n")).digest("base64");
  }

  /** Another node tells of all its sessions. */
  replace(rows: readonly Row[], node: NodeId): void {
    const told = new Set(rows.map(([jid]) => jid));
    for (const { jid } of [...this.registry.ofNode(node)]) {
      if (!told.has(jid.text)) this.registry.withdrawn(jid, node);
    }
    for (const row of rows) this.put(row, node);
  }

  put(row: Row, node: NodeId): void {
    const resource = resourceOf(row, node);
    this.registry.announced(resource);
    this.#settleConflict(resource);
  }

  end(full: string, node: NodeId): void {
    this.registry.withdrawn(Jid.parse(full), node);
  }

  /** Until the other node announces it itself, it stays known. */
  moved(full: string, from: NodeId, to: NodeId): void {
    const row = this.registry.withdrawn(Jid.parse(full), from);
    if (!row || to === this.self) return;
    const isKnown = this.registry.of(row.jid).some((one) => one.node === to && one.jid.equals(row.jid));
    if (!isKnown) this.registry.announced({ ...row, node: to });
  }

  /** A node is gone. @returns what it had. */
  drop(node: NodeId): Resource[] {
    const rows = [...this.registry.ofNode(node)];
    for (const { jid } of rows) this.registry.withdrawn(jid, node);
    return rows;
  }

  /** Two clients bound one address at once, on two nodes: the later one keeps it. RFC 6120 §7.7.2.2 */
  #settleConflict(theirs: Resource): void {
    const own = this.registry
      .of(theirs.jid)
      .find(({ session, jid }) => session !== undefined && jid.equals(theirs.jid));
    if (!own) return;
    const theirsIsLater =
      theirs.boundAt === own.boundAt ? theirs.node > own.node : theirs.boundAt > own.boundAt;
    if (theirsIsLater) own.session?.close(new StreamError("conflict"));
  }
}
