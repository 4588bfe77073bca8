/**
 * How `sluice` commands reach the running server: a Unix socket in the data folder, readable by its owner alone. One line
 * of JSON asks, one answers.
 */
import { createHash } from "node:crypto";
import { chmod, rm } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Logger } from "../log.js";
import { AdminError } from "./admin-error.js";

export interface ControlRequest {
  command: string;
  [argument: string]: unknown;
}

export type ControlHandler = (request: ControlRequest) => Promise<unknown>;

/** Bytes of one request; more is no request of ours. */
const MAX_REQUEST = 64 * 1024;
/** The operating system's limit on the path of a socket, with room to spare. */
const MAX_PATH = 100;

export function controlPath(data: string): string {
  const path = join(data, "control.sock");
  if (Buffer.byteLength(path) <= MAX_PATH) return path;
  return join(tmpdir(), `sluice-${createHash("sha256").update(path).digest("hex").slice(0, 24)}.sock`);
}

export class ControlServer {
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  constructor(
    private readonly path: string,
    private readonly handler: ControlHandler,
    private readonly log: Logger,
  ) {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  async start(): Promise<void> {
    // What a killed server left behind; one that runs still holds the database's port or file.
    if (!(await isAlive(this.path))) await rm(this.path, { force: true });
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(this.path, resolve);
    });
    await chmod(this.path, 0o600);
  }

  async stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#open.add(socket);
    let text = "";
    socket.setEncoding("utf8");
    socket.on("error", (error) => this.log.debug({ err: error }, "control connection failed"));
    socket.on("close", () => this.#open.delete(socket));
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (text.length > MAX_REQUEST) socket.destroy();
      else if (text.endsWith("\n")) void this.#answer(socket, text);
    });
  }

  async #answer(socket: Socket, text: string): Promise<void> {
    let answer: unknown;
    try {
      answer = { ok: (await this.handler(JSON.parse(text) as ControlRequest)) ?? null };
    } catch (error) {
      if (!(error instanceof AdminError)) this.log.error({ err: error }, "a command failed");
      answer = { error: (error as Error).message };
    }
    socket.end(`${JSON.stringify(answer)}\n`);
  }
}

async function isAlive(path: string): Promise<boolean> {
  const socket = await open(path);
  socket?.destroy();
  return socket !== undefined;
}

function open(path: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => resolve(socket));
    socket.once("error", () => resolve(undefined));
  });
}

/**
 * Asks the running server.
 * @returns undefined when none runs, otherwise its answer.
 * @throws AdminError with what the server refused.
 */
export async function askServer(data: string, request: ControlRequest): Promise<{ ok: unknown } | undefined> {
  const socket = await open(controlPath(data));
  if (!socket) return undefined;
  socket.write(`${JSON.stringify(request)}\n`);
  for await (const line of createInterface({ input: socket })) {
    const answer = JSON.parse(line) as { ok?: unknown; error?: string };
    if (answer.error !== undefined) throw new AdminError(answer.error);
    return { ok: answer.ok };
  }
  throw new AdminError("The server closed the connection without an answer; see its log.");
}
