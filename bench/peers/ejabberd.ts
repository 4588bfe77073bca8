import { readdirSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { which } from "./command.js";
import type { Peer, Running, StartOptions, User } from "./peer.js";
import { freePort } from "./port.js";
import { ServerProcess } from "./server-process.js";
import { inTemporaryFolder } from "./temporary-folder.js";

const LIBRARIES = "/usr/lib/x86_64-linux-gnu";
const READY = "bench accounts ready";

/** What a server with the usual features loads for messages between users. */
const MODULES = [
  ...[
    "mod_blocking",
    "mod_caps",
    "mod_carboncopy",
    "mod_client_state",
    "mod_disco",
    "mod_last",
    "mod_offline",
  ],
  ...["mod_ping", "mod_privacy", "mod_private", "mod_roster", "mod_stream_mgmt", "mod_vcard", "mod_version"],
];

export const ejabberd: Peer = {
  name: "ejabberd",
  protocol: "xmpp",
  node: false,
  archives: true,
  install: "apt-get install ejabberd erlang-p1-sqlite3",
  available: async () => (installed() === undefined || which("erl") === undefined ? undefined : installed()),
  start: (users, options) => inTemporaryFolder((folder) => start(folder, users, options)),
};

/** Debian's folder of it, such as "ejabberd-23.01". */
function installed(): string | undefined {
  try {
    return readdirSync(LIBRARIES).find((entry) => /^ejabberd-[\d.]+$/.test(entry));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** `erl` itself and not `ejabberdctl`: without Erlang's distribution no name server process is left behind. */
async function start(folder: string, users: readonly User[], options: StartOptions): Promise<Running> {
  const port = await freePort();
  const config = join(folder, "ejabberd.yml");
  await mkdir(join(folder, "mnesia"));
  await writeFile(config, JSON.stringify(settings(folder, port, options))); // JSON is YAML
  const accounts = join(folder, "users.term");
  await writeFile(
    accounts,
    users.map(({ name, password }) => `{<<"${name}">>, <<"${password}">>}.\n`).join(""),
  );
  const server = new ServerProcess({
    command: ["erl", ...erlangArguments(folder, accounts, options)],
    cwd: folder,
    env: { EJABBERD_CONFIG_PATH: config, EJABBERD_LOG_PATH: join(folder, "ejabberd.log"), HOME: folder },
    spread: options.spread,
  });
  await server.said(READY);
  await server.portOpen(port);
  const archive = join(folder, "archive.sqlite");
  return { port, archive, pids: () => [server.pid], stop: () => server.stop() };
}

function erlangArguments(folder: string, accounts: string, options: StartOptions): string[] {
  return [
    ...["-noinput", "+K", "true", "+P", "250000", "-pa", join(LIBRARIES, installed() ?? "", "ebin")],
    ...["-mnesia", "dir", `"${folder}/mnesia"`, "-eval", preparation(accounts, options)],
  ];
}

/** Erlang in which each step must match, or the server ends: an archive that cannot be kept would otherwise only be logged. */
function preparation(accounts: string, options: StartOptions): string {
  return `
    {ok, _} = application:ensure_all_started(ejabberd),
    ${options.archive ? "{ok, _} = application:ensure_all_started(sqlite3)," : ""}
    {ok, Users} = file:consult("${accounts}"),
    [ok = ejabberd_auth:try_register(Name, <<"localhost">>, Password) || {Name, Password} <- Users],
    io:format("${READY}~n").`;
}

function settings(folder: string, port: number, options: StartOptions): object {
  const modules: Record<string, object> = Object.fromEntries(MODULES.map((name) => [name, {}]));
  if (options.archive) modules.mod_mam = { db_type: "sql", default: "always", assume_mam_usage: true };
  return {
    hosts: ["localhost"],
    loglevel: "warning",
    listen: [{ port, ip: "127.0.0.1", module: "ejabberd_c2s", max_stanza_size: 262_144, access: "all" }],
    auth_method: "internal",
    auth_password_format: "plain",
    acme: { auto: false },
    ...(options.archive
      ? { sql_type: "sqlite", sql_database: join(folder, "archive.sqlite"), new_sql_schema: false }
      : {}),
    modules,
  };
}
