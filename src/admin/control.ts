/**
 * How `sluice` commands reach the running server: a Unix socket in the data folder, readable by its owner alone. One line
 * of JSON asks, one answers.
 */
import { createHash } from "node:crypto";
import { rm, stat } from "node:fs/promises";
import { connect, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { SetupError } from "../config/setup-error.js";
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
/** ms without an answer. */
const ANSWER_TIMEOUT = 30_000;

/** In the data folder, or, where that would be too long a path, among the temporary files. */
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

  /** @throws SetupError when another server has the data folder. */
  async start(): Promise<void> {
    try {
      await this.#listen();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
      if (await isAlive(this.path)) throw inUse(this.path);
      // What a killed server left behind.
      await rm(this.path, { force: true });
      await this.#listen();
    }
  }

  async stop(): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async #listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      // The socket is there, with its mode, when listen() returns: at no moment may others open it.
      const before = process.umask(0o177);
      this.#server.listen(this.path, resolve);
      process.umask(before);
    });
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
      const known = error instanceof AdminError;
      answer = { error: known ? error.message : "The server could not do it; its log says why." };
    }
    socket.end(`${JSON.stringify(answer)}\n`);
  }
}

/** Whether a server runs with this data folder. @throws SetupError when only its owner may know. */
export function isServed(data: string): Promise<boolean> {
  return isAlive(controlPath(data));
}

/** @throws SetupError when a server runs with this data folder. */
export async function refuseIfServed(data: string): Promise<void> {
  if (await isServed(data)) throw inUse(data);
}

function inUse(what: string): SetupError {
  return new SetupError(
    `A server is running already with ${what}. Stop it, or give this one another folder with data: in the configuration.`,
  );
}

async function isAlive(path: string): Promise<boolean> {
  const socket = await open(path);
  socket?.destroy();
  return socket !== undefined;
}

/** @returns undefined where no server listens. @throws SetupError */
async function open(path: string): Promise<Socket | undefined> {
  const socket = connect(path);
  try {
    await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    return socket;
  } catch (error) {
    const { code = "" } = error as NodeJS.ErrnoException;
    // No such file or folder; or a file that a killed server left behind.
    if (["ENOENT", "ENOTDIR", "ECONNREFUSED"].includes(code)) return undefined;
    throw new SetupError(
      `The running server cannot be asked: ${path} cannot be opened (${code}). Do this as the user that the server runs as.`,
    );
  }
}

/**
 * Among the temporary files anybody might have put a socket of that name, to learn passwords.
 * @throws SetupError
 */
async function trust(data: string, path: string): Promise<void> {
  if (path.startsWith(data)) return;
  const [socket, folder] = await Promise.all([stat(path), stat(data)]);
  if (socket.uid === folder.uid) return;
  throw new SetupError(`The socket ${path} does not belong to the owner of ${data}. Remove it.`);
}

/**
 * Asks the running server.
 * @returns its answer.
 * @throws AdminError with what the server refused, SetupError when it does not answer.
 */
export async function askServer(data: string, request: ControlRequest): Promise<unknown> {
  const path = controlPath(data);
  const socket = await open(path);
  if (!socket) throw new SetupError("The server has just stopped. Try again.");
  try {
    await trust(data, path);
    return await converse(socket, request);
  } finally {
    socket.destroy();
  }
}

async function converse(socket: Socket, request: ControlRequest): Promise<unknown> {
  let reason = "closed the connection without an answer";
  socket.on("error", (error) => {
    reason = `could not be asked (${error.message})`;
  });
  socket.setTimeout(ANSWER_TIMEOUT, () => {
    reason = `did not answer within ${ANSWER_TIMEOUT / 1000} seconds`;
    socket.destroy();
  });
  socket.write(`${JSON.stringify(request)}\n`);
  for await (const line of createInterface({ input: socket })) {
    const answer = JSON.parse(line) as { ok?: unknown; error?: string };
    if (answer.error !== undefined) throw new AdminError(answer.error);
    return answer.ok;
  }
  throw new SetupError(`The server ${reason}; see its log.`);
}
