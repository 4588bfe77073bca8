import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { built, nodeArguments, output } from "./command.js";
import type { Peer, Running, StartOptions, User } from "./peer.js";
import { ServerProcess } from "./server-process.js";
import { inTemporaryFolder } from "./temporary-folder.js";

/** What bin/sluice.js runs, from the same build as the benchmark. */
const program = join(built, "../src/main.js");

export const sluice: Peer = {
  name: "sluice",
  protocol: "xmpp",
  node: true,
  archives: true,
  install: "npm run build",
  available: async () => (existsSync(program) ? `Sluice on Node ${process.versions.node}` : undefined),
  start: (users, options) => inTemporaryFolder((folder) => start(folder, users, options, "c2s")),
};

/** The same server by its other door. */
export const sluiceWebSocket: Peer = {
  ...sluice,
  name: "sluice-ws",
  protocol: "websocket",
  start: (users, options) => inTemporaryFolder((folder) => start(folder, users, options, "http")),
};

async function start(
  folder: string,
  users: readonly User[],
  options: StartOptions,
  door: "c2s" | "http",
): Promise<Running> {
  const config = join(folder, "sluice.yaml");
  await writeFile(config, JSON.stringify(settings(folder, options, door), null, 2)); // JSON is YAML
  await importUsers(folder, config, users);
  const server = new ServerProcess({
    command: [process.execPath, ...nodeArguments(options), program, "start", "--config", config],
    cwd: folder,
    spread: options.spread,
  });
  const port = await server.portSaid(/(?:c2s|http) listening on 127\.0\.0\.1:(\d+)/);
  return { port, archive: join(folder, "data"), pids: () => [server.pid], stop: () => server.stop() };
}

function settings(folder: string, options: StartOptions, type: "c2s" | "http"): object {
  return {
    domains: { localhost: {} },
    data: join(folder, "data"),
    listen: [{ type, host: "127.0.0.1", port: 0 }],
    // The benchmark measures routing: no TLS, passwords in the clear on 127.0.0.1, quick logins.
    tls: { required: false },
    auth: { plainWithoutTls: true, iterations: 4096 },
    plugins: { mam: options.archive ? {} : false },
  };
}

async function importUsers(folder: string, config: string, users: readonly User[]): Promise<void> {
  const file = join(folder, "users.tsv");
  await writeFile(file, users.map(({ name, password }) => `${name}@localhost\t${password}\n`).join(""));
  await output(process.execPath, program, "user", "import", file, "--config", config);
}
