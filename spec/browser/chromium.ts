import { accessSync, constants } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { type Browser, chromium, type Locator, type Page } from "playwright-core";

const PROGRAM = "/usr/bin/chromium";
const SHOTS = "spec/browser/shots";
/** ms that anything in a page may take. */
const PATIENCE = 20_000;

/**
 * Debian's browser, that never asks anybody on its own behalf. Ends the spec when it is missing: with CI=true as a
 * failure, otherwise as a skip that says why.
 */
export async function startChromium(context: Mocha.Context): Promise<Browser> {
  try {
    accessSync(PROGRAM, constants.X_OK);
  } catch {
    const reason = `the web client cannot be tried, missing: ${PROGRAM} (scripts/browser-setup.sh adds it)`;
    if (process.env.CI === "true") throw new Error(reason);
    process.stderr.write(`\n*** SKIPPED: ${reason}\n\n`);
    context.skip();
  }
  return chromium.launch({
    executablePath: PROGRAM,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A page that notes what it asks for and what it is forbidden. */
export class WatchedPage {
  /** Web origins of all requests and WebSockets. */
  readonly origins = new Set<string>();
  /** Paths of all requests. */
  readonly paths = new Set<string>();
  /** Addresses of all WebSockets. */
  readonly sockets = new Set<string>();
  /** What the Content Security Policy stopped, and scripts that failed. */
  readonly troubles: string[] = [];

  private constructor(readonly page: Page) {
    page.setDefaultTimeout(PATIENCE);
    page.on("request", (request) => this.#note(request.url()));
    page.on("websocket", (socket) => {
      this.sockets.add(socket.url());
      this.#note(socket.url().replace(/^ws/, "http"));
    });
    page.on("console", (message) => {
      if (/Content Security Policy/.test(message.text())) this.troubles.push(message.text());
    });
    page.on("pageerror", (error) => this.troubles.push(String(error)));
    page.on("response", (response) => {
      if (response.status() >= 400) this.troubles.push(`${response.status()} ${response.url()}`);
    });
  }

  /** @param script runs in the page before anything of its own. */
  static async open(browser: Browser, script = ""): Promise<WatchedPage> {
    const page = await browser.newPage({
      viewport: { width: 1100, height: 640 },
      locale: "en",
      // Of a certificate that the server made itself; nothing is asked of anybody else.
      ignoreHTTPSErrors: true,
    });
    await page.addInitScript(script);
    return new WatchedPage(page);
  }

  /** On the form that is shown. */
  async logIn(name: string, password: string): Promise<void> {
    await this.page.fill("input[name=jid]", name);
    await this.page.fill("input[name=password]", password);
    await this.page.click("#converse-login button[type=submit]");
  }

  /** The messages that are shown. */
  messages(): Locator {
    return this.page.locator("converse-chat-message");
  }

  /** The last of them with a text. */
  said(text: string): Locator {
    return this.messages().filter({ hasText: text }).last();
  }

  /** In the chat that is open. */
  async say(text: string): Promise<void> {
    const field = this.page.locator("textarea.chat-textarea");
    await field.fill(text);
    await field.press("Enter");
  }

  /** To whom the chat that is open is with. */
  async sendFile(file: { name: string; mimeType: string; buffer: Buffer }): Promise<void> {
    await this.page.locator("input[type=file]").first().setInputFiles(file);
  }

  /** Keeps a picture of it in shots/. */
  async keep(name: string): Promise<void> {
    await mkdir(SHOTS, { recursive: true });
    await this.page.screenshot({ path: join(SHOTS, `${name}.png`), animations: "disabled" });
  }

  #note(url: string): void {
    const { origin, pathname, protocol } = new URL(url);
    if (protocol === "data:" || protocol === "blob:") return;
    this.origins.add(origin);
    this.paths.add(pathname);
  }
}
