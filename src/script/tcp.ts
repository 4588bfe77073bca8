import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { ScriptTransport } from "./target.js";

/**
 * A TCP connection for a script's client.
 * @throws the system's error when nobody listens there.
 */
export async function openTcp(port: number, host = "127.0.0.1"): Promise<ScriptTransport> {
  const socket = connect({ host, port });
  await new Promise<void>((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
  return new TcpTransport(socket);
}

class TcpTransport implements ScriptTransport {
  #socket: Socket;
  #data: (bytes: Buffer) => void = () => undefined;
  #close: () => void = () => undefined;
  readonly #onData = (bytes: Buffer): void => this.#data(bytes);
  readonly #onClose = (): void => this.#close();

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen(socket);
  }

  write(text: string): void {
    this.#socket.write(text);
  }

  onData(fn: (bytes: Buffer) => void): void {
    this.#data = fn;
  }

  onClose(fn: () => void): void {
    this.#close = fn;
  }

  end(): void {
    this.#socket.end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** The certificate is not verified: scripts test a server's words, not who it is. */
  async startTls(): Promise<void> {
    const bare = this.#socket;
    bare.off("data", this.#onData);
    bare.off("close", this.#onClose);
    const secure = connectTls({ socket: bare, rejectUnauthorized: false });
    await new Promise<void>((resolve, reject) => {
      secure.once("secureConnect", resolve);
      secure.once("error", reject);
    });
    this.#socket = secure;
    this.#listen(secure);
  }

  #listen(socket: Socket): void {
    socket.on("data", this.#onData);
    socket.on("close", this.#onClose);
    // An error is always followed by "close", which is what scripts can ask for.
    socket.on("error", () => undefined);
  }
}
