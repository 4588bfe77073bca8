import { type ChildProcess, fork } from "node:child_process";
import type { Socket } from "node:net";
import { AdminError } from "../admin/admin-error.js";
import type { ControlRequest } from "../admin/control.js";
import type { FromWorker, ToWorker } from "./worker-protocol.js";

interface Asked {
  resolve(answer: unknown): void;
  reject(error: Error): void;
}

export interface Ended {
  /** It has served. */
  wasReady: boolean;
  /** Null when a signal has ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** One run of one worker, seen from the supervisor. */
export class WorkerProcess {
  /** Connections may be given to it. */
  serves = false;
  /** Its name in the cluster, once it has served. */
  node: string | undefined;
  /** Resolves when it is ready, or has ended. */
  readonly begun: Promise<void>;
  readonly ended: Promise<Ended>;
  readonly #process: ChildProcess;
  readonly #asked = new Map<number, Asked>();
  #questions = 0;

  /** @param onReady when it can be given connections */
  constructor(
    readonly slot: number,
    args: readonly string[],
    ports: number[],
    onReady: () => void,
  ) {
    const child = fork(process.argv[1], ["worker", String(slot), ...args], { serialization: "json" });
    this.#process = child;
    let wasReady = false;
    let begun: () => void = () => undefined;
    this.begun = new Promise((resolve) => {
      begun = resolve;
    });
    child.on("message", (news: FromWorker) => {
      if (news.tells === "ready") {
        wasReady = true;
        this.serves = true;
        this.node = news.node;
        begun();
        onReady();
      } else if (news.tells === "leaving") this.serves = false;
      else this.#answered(news);
    });
    this.ended = new Promise((resolve) => {
      const end = (code: number | null, signal: NodeJS.Signals | null) => {
        this.serves = false;
        for (const { reject } of this.#asked.values()) reject(new Error(`worker ${slot} has ended`));
        this.#asked.clear();
        begun();
        resolve({ wasReady, code, signal });
      };
      child.once("exit", end);
      child.on("error", () => {
        // What cannot be sent any more is told by its end; one that was not even made has none.
        if (child.pid === undefined) end(1, null);
      });
    });
    this.#send({ tells: "ports", ports });
  }

  give(listener: number, socket: Socket): void {
    this.#process.send({ tells: "connection", listener } satisfies ToWorker, socket, {}, (error) => {
      if (error) socket.destroy();
    });
  }

  /** @throws AdminError, or Error when it ends meanwhile */
  ask(request: ControlRequest): Promise<unknown> {
    this.#questions += 1;
    const id = this.#questions;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, { resolve, reject });
      this.#send({ tells: "control", id, request });
    });
  }

  /** The process of another worker has ended. */
  buries(node: string): void {
    this.#send({ tells: "dead", node });
  }

  signal(name: NodeJS.Signals): void {
    this.#process.kill(name);
  }

  #send(news: ToWorker): void {
    this.#process.send(news, () => undefined);
  }

  #answered(news: Extract<FromWorker, { id: number }>): void {
    const asked = this.#asked.get(news.id);
    this.#asked.delete(news.id);
    if (news.tells === "answer") asked?.resolve(news.ok);
    else if (news.tells === "refusal") asked?.reject(new AdminError(news.message));
    else asked?.reject(new Error("a command failed; see the worker's log"));
  }
}
