import { join } from "node:path";
import { built, nodeArguments } from "./command.js";
import type { Peer, Running, StartOptions } from "./peer.js";
import { ServerProcess } from "./server-process.js";

/** Bytes from socket to socket, nothing else: what all others are compared with. */
export const relay = relayPeer("relay");

/** @param flags of relay.js. */
export function relayPeer(name: string, ...flags: string[]): Peer {
  return {
    name,
    protocol: "relay",
    node: true,
    archives: false,
    install: "nothing to install",
    available: async () => `Node ${process.versions.node}`,
    start: (_users, options) => start(flags, options),
  };
}

async function start(flags: readonly string[], options: StartOptions): Promise<Running> {
  const server = new ServerProcess({
    command: [process.execPath, ...nodeArguments(options), join(built, "relay.js"), ...flags],
    spread: options.spread,
  });
  const port = await server.portSaid(/listening on 127\.0\.0\.1:(\d+)/);
  return { port, pids: () => [server.pid], stop: () => server.stop() };
}
