import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { output, which } from "./command.js";
import type { Peer, Running, StartOptions, User } from "./peer.js";
import { freePort } from "./port.js";
import { ServerProcess } from "./server-process.js";
import { inTemporaryFolder } from "./temporary-folder.js";

/** As in the configuration that Debian ships, without TLS, rate limits, s2s, registration and administration. */
const MODULES = [
  ...[
    "disco",
    "roster",
    "saslauth",
    "blocklist",
    "bookmarks",
    "carbons",
    "pep",
    "private",
    "smacks",
    "vcard4",
  ],
  ...["vcard_legacy", "csi_simple", "ping", "time", "uptime", "version", "posix"],
];

export const prosody: Peer = {
  name: "prosody",
  protocol: "xmpp",
  node: false,
  archives: true,
  install: "apt-get install prosody lua-dbi-sqlite3",
  available: version,
  start: (users, options) => inTemporaryFolder((folder) => start(folder, users, options)),
};

async function version(): Promise<string | undefined> {
  if (which("prosody") === undefined || which("prosodyctl") === undefined) return undefined;
  return /^Prosody \d\S*/m.exec(await output("prosodyctl", "about"))?.[0] ?? "Prosody";
}

async function start(folder: string, users: readonly User[], options: StartOptions): Promise<Running> {
  const port = await freePort();
  const config = join(folder, "prosody.cfg.lua");
  await writeAccounts(join(folder, "data"), users);
  await writeFile(config, settings(folder, port, options));
  const command = ["prosody", "-F", "--config", config];
  const server = new ServerProcess({ command, cwd: folder, spread: options.spread });
  await server.portOpen(port);
  const archive = join(folder, "archive.sqlite");
  return { port, archive, pids: () => [server.pid], stop: () => server.stop() };
}

function settings(folder: string, port: number, options: StartOptions): string {
  const modules = options.archive ? [...MODULES, "mam"] : MODULES;
  return `
run_as_root = true
daemonize = false
pidfile = "${folder}/prosody.pid"
data_path = "${folder}/data"
log = { warn = "*console" }
plugin_paths = {}
interfaces = { "127.0.0.1" }
c2s_ports = { ${port} }
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
authentication = "internal_plain"
modules_enabled = { ${modules.map((name) => `"${name}"`).join("; ")} }
modules_disabled = { "s2s"; "tls" }
storage = { archive = "sql" }
sql = { driver = "SQLite3"; database = "${folder}/archive.sqlite" }
default_archive_policy = true
VirtualHost "localhost"
`;
}

/** The files that `prosodyctl register` would write, one process for each being too slow for thousands. */
async function writeAccounts(data: string, users: readonly User[]): Promise<void> {
  const folder = join(data, "localhost", "accounts");
  await mkdir(folder, { recursive: true });
  for (const { name, password } of users) {
    await writeFile(join(folder, `${name}.dat`), `return { ["password"] = "${password}"; };\n`);
  }
}
