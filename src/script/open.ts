import { openBosh } from "./bosh.js";
import { StepError } from "./failure.js";
import type { ScriptTransport } from "./target.js";
import { openTcp } from "./tcp.js";
import { openWebSocket } from "./websocket.js";

/** Every transport that a script's client can ask for. */
export const transports = ["tcp", "websocket", "bosh"] as const;
export type TransportName = (typeof transports)[number];

/** Where a server on 127.0.0.1 listens. */
export interface Ports {
  /** Of a c2s listener. */
  port: number;
  /** Of an http listener. */
  webPort: number;
}

/** @throws StepError for a transport that does not exist. */
export async function openTransport(name: string, { port, webPort }: Ports): Promise<ScriptTransport> {
  switch (name) {
    case "tcp":
      return openTcp(port);
    case "websocket":
      return openWebSocket(`ws://127.0.0.1:${webPort}/ws`);
    case "bosh":
      return openBosh(`http://127.0.0.1:${webPort}/http-bind`);
    default:
      throw new StepError(`transport: ${transports.join(", ")}`);
  }
}
