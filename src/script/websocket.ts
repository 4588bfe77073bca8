import { WebSocket } from "ws";
import type { Framing } from "./framing.js";
import type { Received } from "./mailbox.js";
import { MessageFraming } from "./message-framing.js";
import type { ScriptTransport } from "./target.js";

/**
 * A WebSocket for a script's client.
 * @throws the system's error when nobody listens there, or the server refuses.
 */
export async function openWebSocket(url: string): Promise<ScriptTransport> {
  const socket = new WebSocket(url, "xmpp", { rejectUnauthorized: false, perMessageDeflate: false });
  const transport = new WebSocketTransport(socket);
  await new Promise<void>((resolve, reject) => {
    socket.once("open", resolve);
    socket.once("error", reject);
  });
  return transport;
}

class WebSocketTransport implements ScriptTransport {
  #data: (bytes: Buffer) => void = () => undefined;
  #close: () => void = () => undefined;

  constructor(private readonly socket: WebSocket) {
    socket.on("message", (data) => this.#data(data as Buffer));
    socket.on("close", () => this.#close());
    // An error is always followed by "close", which is what scripts can ask for.
    socket.on("error", () => undefined);
  }

  framing(receive: (received: Received) => void): Framing {
    return new MessageFraming(receive);
  }

  write(text: string): void {
    this.socket.send(text);
  }

  onData(fn: (bytes: Buffer) => void): void {
    this.#data = fn;
  }

  onClose(fn: () => void): void {
    this.#close = fn;
  }

  end(): void {
    this.socket.close();
  }

  destroy(): void {
    this.socket.terminate();
  }
}
