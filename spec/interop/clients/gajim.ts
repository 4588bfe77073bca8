import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Child } from "../support/child.js";
import type { Desktop } from "../support/desktop.js";
import type { Person } from "../support/person.js";
import type { Login } from "../support/protocol.js";
import { sources } from "../support/repository.js";
import { until } from "../support/waiting.js";
import { PYTHON } from "./drivers.js";

/** Gajim's window on the message bus. */
const WINDOW = ["--dest", "org.gajim.Gajim", "--object-path", "/org/gajim/Gajim/window/1"];
const PATIENCE_MS = 30_000;
const SYSTEM_TRUST = "/etc/ssl/certs/ca-certificates.crt";
const OWN_SPACE = ["--user", "--map-root-user", "--mount"];
/**
 * Runs a program that finds another file in the place of the one with the certificates that the system trusts, which is
 * where GLib reads them whatever the environment says. No rights are needed for that in a name space of its own, where it is
 * in the end who it was before. $0: the certificates, $1 and $2: the ids of user and group.
 */
const TRUSTING = `
  mount --bind "$0" ${SYSTEM_TRUST}
  uid=$1 gid=$2; shift 2
  exec unshare --user --map-user="$uid" --map-group="$gid" "$@"`;
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
  /** PEM file, once it is configured. */
  #certificate = "";

  /** `home`: the folder for its files. */
  constructor(
    private readonly desktop: Desktop,
    private readonly person: Person,
    home: string,
  ) {
    this.#settings = join(home, "gajim");
  }

  /** Writes its settings, while it does not run: it will start with that account and trust the certificate. */
  async configure(login: Login): Promise<void> {
    this.#certificate = login.certificate;
    await this.#python("gajim_settings.py", JSON.stringify(settingsFor(login)));
  }

  /** Starts Gajim; resolves when its window is there and its account online. */
  async start(): Promise<void> {
    const [program, ...args] = [...(await this.#trusting()), "gajim", "-c", this.#settings, "-l", LOG];
    this.#running = this.desktop.launch(program, ...args);
    await this.#logs(/Raise event: signed-in/);
    await this.desktop.focused("Gajim");
  }

  /** Whether it trusts the server's certificate also where it asks nobody: for uploads. */
  trustsForUploads(): Promise<boolean> {
    const probe = this.desktop.run("unshare", [...OWN_SPACE, "test", "-f", SYSTEM_TRUST]);
    return probe.then(
      () => true,
      () => false,
    );
  }

  /** What to run Gajim with, so that it does; some systems do not allow it. */
  async #trusting(): Promise<string[]> {
    if (!(await this.trustsForUploads())) return [];
    const { uid = process.getuid?.(), gid = process.getgid?.() } = this.person;
    return ["unshare", ...OWN_SPACE, "sh", "-ec", TRUSTING, this.#certificate, `${uid}`, `${gid}`];
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

  /** Sends a file from the open chat. */
  async sendFile(path: string): Promise<void> {
    // As if it were dropped on the chat: the action is on the bus, and the file chooser is left out.
    const files = `[<['${pathToFileURL(path)}']>]`;
    const action = ["--method", "org.gtk.Actions.Activate", "send-file", files, "{}"];
    await this.desktop.run("gdbus", ["call", "--session", ...WINDOW, ...action]);
    await this.desktop.keep("gajim-6-file-chosen");
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
