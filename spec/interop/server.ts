/** The server that the clients talk to: a Sluice of its own for each spec, with a fresh data folder and free ports. */
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { shownCertificate } from "./support/certificate.js";
import { Child } from "./support/child.js";
import { repository } from "./support/repository.js";
import { type TempFolder, tempFolder } from "./support/temp-folder.js";

const START_MS = 20_000;
const COMMAND_MS = 20_000;
const PROGRAM = join(repository, "bin", "sluice.js");

/** Free ports; the rest is as shipped. */
const CONFIG = `
domains:
  localhost: {}
listen:
  - { type: c2s, port: 0 }
  - { type: c2s-tls, port: 0 }
  - { type: http, port: 0 }
  - { type: https, port: 0 }
`;

export interface RunningServer {
  domain: "localhost";
  /** STARTTLS, on 127.0.0.1. */
  port: number;
  /** Direct TLS, on 127.0.0.1. */
  tlsPort: number;
  /** PEM file with the server's self-signed certificate, which everybody may read. */
  certificate: string;
  /** Ends the server and removes its files. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  users: readonly { name: string; password: string }[];
  /** Options other than those shipped, as `key=value`. */
  settings?: readonly string[];
}

/** Resolves when the server listens. Throws an Error with its log when it does not come up. */
export async function startServer({ users, settings = [] }: ServerOptions): Promise<RunningServer> {
  // Open to all, as Gajim runs under another user and reads the certificate; the data is in a folder that is not.
  const folder = await tempFolder("server", 0o755);
  const config = join(folder.path, "sluice.yaml");
  await writeFile(config, CONFIG);
  const set = [`data=${join(folder.path, "data")}`, ...settings].flatMap((setting) => ["--set", setting]);
  const common = ["--config", config, ...set];
  let server: Child | undefined;
  try {
    for (const user of users) await addUser(common, user);
    server = new Child(process.execPath, [PROGRAM, "start", ...common]);
    const [port, tlsPort] = await Promise.all([listening(server, "c2s"), listening(server, "c2s-tls")]);
    const certificate = await keepCertificate(folder, tlsPort);
    return { domain: "localhost", port, tlsPort, certificate, stop: () => stop(folder, server) };
  } catch (error) {
    await stop(folder, server);
    throw error;
  }
}

async function addUser(common: string[], { name, password }: ServerOptions["users"][number]): Promise<void> {
  const args = [PROGRAM, "user", "add", `${name}@localhost`, "--password-stdin", ...common];
  const command = new Child(process.execPath, args);
  try {
    command.endInput(password);
    if ((await command.ended(COMMAND_MS)) !== 0) throw command.failure(`could not add ${name}`);
  } finally {
    await command.stop();
  }
}

function listening(server: Child, type: string): Promise<number> {
  return server.waitForLine(`line that tells the port for ${type}`, START_MS, (line) => portIn(line, type));
}

/** The port, if this line says that a listener of that type is open. */
function portIn(line: string, type: string): number | undefined {
  const [, open, port] = /^(\S+) listening on 127\.0\.0\.1:(\d+)$/.exec(line) ?? [];
  return open === type ? Number(port) : undefined;
}

async function keepCertificate(folder: TempFolder, tlsPort: number): Promise<string> {
  const file = join(folder.path, "certificate.pem");
  await writeFile(file, await shownCertificate(tlsPort, "localhost"));
  await chmod(file, 0o644);
  return file;
}

async function stop(folder: TempFolder, server: Child | undefined): Promise<void> {
  await server?.stop();
  await folder.remove();
}
