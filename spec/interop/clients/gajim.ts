import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Child } from "../support/child.js";
import type { Desktop } from "../support/desktop.js";
import type { Login } from "../support/protocol.js";
import { sources } from "../support/repository.js";
import { until } from "../support/waiting.js";
import { PYTHON } from "./drivers.js";

const PATIENCE_MS = 30_000;
/** What is waited for, and what helps to understand a failure. */
const LOG = "gajim=INFO,gajim.c.ged=DEBUG,gajim.gtk.add_contact=DEBUG";

export interface ArchivedMessage {
  /** Bare: the other side. */
  jid: string;
  kind: "received" | "sent" | string;
  message: string;
}

/** Gajim on a desktop, used by mouse and keyboard. Its files survive a restart. */
export class Gajim {
  readonly #settings: string;
  #running: Child | undefined;

  /** `home`: the folder for its files. */
  constructor(
    private readonly desktop: Desktop,
    home: string,
  ) {
    this.#settings = join(home, "gajim");
  }

  /** Writes its settings, while it does not run: it will start with that account and trust the certificate. */
  async configure(login: Login): Promise<void> {
    await this.#python("gajim_settings.py", JSON.stringify(settingsFor(login)));
  }

  /** Starts Gajim; resolves when its window is there and its account online. */
  async start(): Promise<void> {
    this.#running = this.desktop.launch("gajim", "-c", this.#settings, "-l", LOG);
    await this.#logs(/Raise event: signed-in/);
    await this.desktop.focused("Gajim");
  }

  /** Opens the dialog that adds a contact, at its second page. */
  async beginToAdd(jid: string): Promise<void> {
    await this.#follow(`xmpp:${jid}?roster`);
    await this.desktop.focused("Add Contact");
    await this.desktop.press("Return");
    // The dialog asks the server about the address first. A contact is told from a room or gateway by the answer, and
    // from an account that does not exist by the error.
    await this.#logs(/add_contact.*(Disco Info received|Error received)/);
  }

  /** Leaves the dialog by its button "Add Contact". */
  async finishToAdd(): Promise<void> {
    await this.desktop.press("Return");
    await this.desktop.focused("Gajim");
  }

  /** Shows the chat that a message of that contact began, ready to type in. */
  async openChat(jid: string): Promise<void> {
    await this.#follow(`xmpp:${jid}?message`);
    await this.desktop.focused("Gajim");
  }

  /** Types a message into the open chat and sends it. */
  async write(text: string): Promise<void> {
    await this.desktop.type(text);
    await this.desktop.press("Return");
  }

  /** Waits until a message is in Gajim's archive. */
  async archived(wanted: ArchivedMessage): Promise<void> {
    const read = () => this.#python("gajim_archive.py");
    const look = async () => {
      const rows = JSON.parse(await read()) as ArchivedMessage[];
      return rows.find((row) => JSON.stringify(row) === JSON.stringify(wanted));
    };
    await until(`${JSON.stringify(wanted)} in Gajim's archive`, PATIENCE_MS, look, read);
  }

  /** Closes Gajim the way a person does and waits until it is gone. */
  async quit(): Promise<void> {
    await this.desktop.press("ctrl+q");
    await this.#running?.ended(PATIENCE_MS);
  }

  /** Opens an XMPP link; the Gajim that runs takes it over. */
  async #follow(link: string): Promise<void> {
    await this.desktop.run("gajim", ["-c", this.#settings, link]);
  }

  async #logs(expected: RegExp): Promise<void> {
    if (this.#running === undefined) throw new Error("Gajim was not started");
    await this.#running.waitForLine(
      String(expected),
      PATIENCE_MS,
      (line) => expected.test(line) || undefined,
    );
  }

  async #python(script: string, input?: string): Promise<string> {
    // Handed over as text: Gajim's user may not be allowed into the folder of this repository.
    const program = await readFile(join(sources, "clients", script), "utf8");
    return this.desktop.run(PYTHON, ["-c", program, this.#settings], input);
  }
}

/** For gajim_settings.py; the names are Gajim's own. */
function settingsFor({ jid, password, host, port, directTls, certificate }: Login) {
  const [name, hostname] = jid.split("@");
  const size = { mainwin_width: 1000, mainwin_height: 600, save_main_window_position: false };
  const quiet = { check_for_update: false, sounds_on: false, autoaway: false, autoxa: false };
  return {
    name,
    certificate,
    app: { ...size, ...quiet, use_keyring: false, show_trayicon: false, action_on_close: "quit" },
    account: {
      active: true,
      name,
      hostname,
      resource: "gajim",
      savepass: true,
      password,
      use_custom_host: true,
      custom_host: host,
      custom_port: port,
      custom_type: directTls ? "DIRECT TLS" : "START TLS",
    },
  };
}
