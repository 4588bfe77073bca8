import { AdminError } from "./admin-error.js";
import type { Commands } from "./commands.js";

/** ms, where neither the command nor the configuration gives any. */
const USUAL = 30_000;

/** Who can hand its sessions over. */
export interface Drainable {
  readonly config: { readonly shutdown: { readonly drain: number } };
  readonly registry: { readonly size: number };
  /** The other nodes that are there; undefined on a server that is alone. */
  readonly cluster: { readonly alive: readonly string[] } | undefined;
  readonly isDraining: boolean;
  drain(time: number): Promise<void>;
}

export interface DrainBegun {
  sessions: number;
  /** ms that they have. */
  time: number;
}

/** `sluice drain` */
export function drainCommands(server: Drainable): Commands {
  return {
    drain: async ({ time }): Promise<DrainBegun> => {
      if ((server.cluster?.alive.length ?? 1) < 2) {
        throw new AdminError(
          "There is no other node that could take the sessions. Stop the server by SIGTERM.",
        );
      }
      if (server.isDraining) throw new AdminError("This server hands its sessions over already.");
      const own = typeof time === "number" ? time : server.config.shutdown.drain || USUAL;
      const { size } = server.registry;
      // Whoever started the server waits for the end of it, and stops the server then.
      void server.drain(own);
      return { sessions: size, time: own };
    },
  };
}
