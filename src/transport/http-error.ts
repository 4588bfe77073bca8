/** Thrown by a handler to have the request answered by a status and nothing else. */
export class HttpError extends Error {
  constructor(readonly status: number) {
    super(`HTTP ${status}`);
    this.name = "HttpError";
  }
}
