import { type IncomingMessage, ServerResponse } from "node:http";

/** @param ms after which a connection is cut that takes nothing of its answer, whatever the route. */
export function responsesThatStallFor(ms: number): typeof ServerResponse<IncomingMessage> {
  return class extends ServerResponse<IncomingMessage> {
    constructor(request: IncomingMessage) {
      super(request);
      // Before the server sets the time to wait for the next request.
      this.once("finish", () => this.setTimeout(0));
    }

    /** A request may be held for long, but from its first byte on an answer is to be taken. */
    override writeHead(...all: unknown[]): this {
      this.setTimeout(ms);
      return super.writeHead(...(all as [number]));
    }
  };
}
