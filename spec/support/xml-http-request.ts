/** As much of a browser's XMLHttpRequest as strophe.js wants of one, which Node does not have. WHATWG XMLHttpRequest */
export class XmlHttpRequest {
  readyState = 0;
  status = 0;
  responseText = "";
  responseXML: unknown = null;
  onreadystatechange: () => void = () => undefined;
  #url = "";
  readonly #headers: Record<string, string> = {};
  readonly #abort = new AbortController();

  open(_method: "POST", url: string): void {
    this.#url = url;
    this.#change(1);
  }

  setRequestHeader(name: string, value: string): void {
    this.#headers[name] = value;
  }

  getAllResponseHeaders(): string {
    return "";
  }

  send(body: string): void {
    void this.#post(body);
  }

  abort(): void {
    this.#abort.abort();
  }

  async #post(body: string): Promise<void> {
    const { signal } = this.#abort;
    try {
      const response = await fetch(this.#url, { method: "POST", headers: this.#headers, body, signal });
      this.responseText = await response.text();
      this.status = response.status;
      this.responseXML = parse(this.responseText);
    } catch {
      // A request that failed has the status 0, which is all that a page is told.
      this.status = 0;
    }
    this.#change(4);
  }

  #change(state: number): void {
    this.readyState = state;
    this.onreadystatechange();
  }
}

/** strophe.js brings a DOM along where there is none. */
function parse(text: string): unknown {
  const { DOMParser } = globalThis as unknown as {
    DOMParser: new () => { parseFromString(text: string, type: string): unknown };
  };
  return new DOMParser().parseFromString(text, "text/xml");
}
