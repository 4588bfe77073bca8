import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Requests of one connection without an answer. Browsers send one at a time, BOSH clients a few. */
const MAX_REQUESTS = 9;

interface Turn {
  response: ServerResponse;
  /** Its answer may wait for a later request. */
  held: boolean;
  begin(): void;
}

/**
 * Has the requests of each connection dealt with one after the other. RFC 9112 §9.3.2 lets a client send any number at
 * once and wants the answers in their order, so all of them but the first would only wait in memory.
 */
export class HttpTurns {
  readonly #bySocket = new WeakMap<Socket, Pipeline>();

  /** A request of this connection has no answer yet. */
  isBusy(socket: Socket): boolean {
    return (this.#bySocket.get(socket)?.size ?? 0) > 0;
  }

  /** @param turn begins when its time has come, which may be never. */
  take(socket: Socket, turn: Turn): void {
    let pipeline = this.#bySocket.get(socket);
    if (!pipeline) {
      pipeline = new Pipeline(socket);
      this.#bySocket.set(socket, pipeline);
    }
    pipeline.add(turn);
  }
}

/** The requests of one connection. */
class Pipeline {
  readonly #underWay = new Set<Turn>();
  #waiting: Turn[] = [];

  constructor(private readonly socket: Socket) {
    socket.once("close", () => this.#lost());
  }

  get size(): number {
    return this.#underWay.size + this.#waiting.length;
  }

  add(turn: Turn): void {
    if (this.socket.destroyed) return;
    this.#waiting.push(turn);
    if (this.size > MAX_REQUESTS) this.socket.destroy();
    else this.#advance();
  }

  #advance(): void {
    while (this.#waiting.length > 0 && this.#mayBegin(this.#waiting[0]))
      this.#begin(this.#waiting.shift() as Turn);
  }

  #mayBegin({ held }: Turn): boolean {
    if (this.socket.destroyed) return false;
    return this.#underWay.size === 0 || (held && [...this.#underWay].every((one) => one.held));
  }

  #begin(turn: Turn): void {
    this.#underWay.add(turn);
    turn.response.once("close", () => {
      this.#underWay.delete(turn);
      this.#advance();
    });
    turn.begin();
  }

  #lost(): void {
    this.#waiting = [];
    // COMPAT: Node.js tells only the answer that it was about to send.
    for (const { response } of this.#underWay) {
      if (response.socket) continue;
      response.destroy();
      response.emit("close");
    }
  }
}
