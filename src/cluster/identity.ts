import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { NodeRow, Storage } from "../storage/types.js";
import type { NodeId } from "./adapter.js";

/** Fresh at each start; the host's name is for those who read logs. */
export function newNodeId(): NodeId {
  const host = hostname()
    .replace(/[^a-z0-9-]/gi, "")
    .slice(0, 40);
  return `${host || "node"}-${randomBytes(4).toString("hex")}`;
}

/** Makes this node a member. @returns its number, which no other node that is there has */
export async function slotOf(storage: Storage, self: NodeId): Promise<number> {
  const rows = await storage.nodes.join(self);
  return (rows.find(({ id }) => id === self) as NodeRow).slot;
}
