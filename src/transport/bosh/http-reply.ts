import type { HttpResponse } from "../http-route.js";
import type { Reply } from "./answer.js";

/** The response to one HTTP request. */
export class HttpReply implements Reply {
  constructor(private readonly response: HttpResponse) {}

  send(
    status: number,
    contentType: string,
    body: string,
    sent: (ok: boolean) => void = () => undefined,
  ): void {
    const { response } = this;
    if (response.destroyed || response.headersSent) {
      sent(false);
      return;
    }
    let told = false;
    const tell = (ok: boolean) => {
      if (told) return;
      told = true;
      sent(ok);
    };
    response.once("finish", () => tell(true));
    response.once("close", () => tell(false));
    // What is left of a body is not read, so nothing else can come over this connection.
    if (!response.req.complete) response.setHeader("Connection", "close");
    response.writeHead(status, { "Content-Type": contentType, "Content-Length": Buffer.byteLength(body) });
    response.end(body);
  }

  cut(): void {
    this.response.destroy();
  }

  onLost(fn: () => void): void {
    if (this.response.destroyed) fn();
    else
      this.response.once("close", () => {
        if (!this.response.writableEnded) fn();
      });
  }
}
