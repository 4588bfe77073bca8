/**
 * A PostgreSQL and a MariaDB of our own, each in a temporary folder and behind a socket in it, so that no port is taken
 * and no server of the machine is touched. Each is started when a spec first asks for it and stopped at the end of the run.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chown, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import createKnex, { type Knex } from "knex";
import { knexLog } from "../../src/storage/knex/knex-log.js";
import { silentLog } from "./silent-log.js";

const run = promisify(execFile);

export const USER = "sluice";
export const PASSWORD = "juliet's balcony";
const READY_MS = 60_000;

export type ServerName = "postgres" | "mysql";

/** Whom a program is run as. Database servers refuse to run as root. */
export interface Person {
  uid?: number;
  gid?: number;
}

interface Kind {
  title: string;
  /** The user that the Debian package has made. */
  user: string;
  driver: "pg" | "mysql2";
  /** The folder of its programs, or undefined when it is not installed. */
  programs(): Promise<string | undefined>;
  /** Fills `folder` with a database system that has one user. */
  init(programs: string, folder: string, person: Person): Promise<void>;
  command(programs: string, folder: string): string[];
  url(folder: string, database: string): string;
  /** The database that is there from the start. */
  firstDatabase: string;
  /** The signal on which it ends at once and in order. */
  stop: NodeJS.Signals;
}

const KINDS: Record<ServerName, Kind> = {
  postgres: {
    title: "PostgreSQL",
    user: "postgres",
    driver: "pg",
    programs: async () => {
      const versions = await folders("/usr/lib/postgresql");
      const newest = versions.sort((a, b) => Number(b) - Number(a))[0];
      return newest === undefined ? undefined : join("/usr/lib/postgresql", newest, "bin");
    },
    init: async (programs, folder, person) => {
      const password = join(folder, "password");
      await writeFile(password, PASSWORD);
      // An order by language, as most systems have it: what is compared exactly must not depend on that.
      const order = ["--locale=C.UTF-8", "--locale-provider=icu", "--icu-locale=en-US"];
      const options = ["--encoding=UTF8", "--auth=scram-sha-256", "--no-sync", ...order];
      const access = [`--username=${USER}`, `--pwfile=${password}`];
      await run(join(programs, "initdb"), [...options, ...access, join(folder, "data")], person);
    },
    command: (programs, folder) => [
      join(programs, "postgres"),
      ...["-D", join(folder, "data"), "-k", folder, "-c", "listen_addresses=", "-c", "fsync=off"],
    ],
    url: (folder, database) =>
      `postgres://${USER}:${encodeURIComponent(PASSWORD)}@localhost/${database}?host=${encodeURIComponent(folder)}`,
    firstDatabase: "postgres",
    stop: "SIGINT",
  },
  mysql: {
    title: "MariaDB",
    user: "mysql",
    driver: "mysql2",
    programs: async () => ((await folders("/usr/sbin")).includes("mariadbd") ? "/usr" : undefined),
    init: async (programs, folder, person) => {
      const options = ["--no-defaults", `--datadir=${join(folder, "data")}`, "--skip-test-db"];
      const access = ["--auth-root-authentication-method=normal"];
      await run(join(programs, "bin/mariadb-install-db"), [...options, ...access], person);
      const password = PASSWORD.replaceAll("'", "''");
      await writeFile(
        join(folder, "init.sql"),
        `create user '${USER}'@'localhost' identified by '${password}';\ngrant all on *.* to '${USER}'@'localhost';\n`,
      );
    },
    command: (programs, folder) => [
      join(programs, "sbin/mariadbd"),
      "--no-defaults",
      `--datadir=${join(folder, "data")}`,
      `--socket=${join(folder, "socket")}`,
      `--pid-file=${join(folder, "pid")}`,
      `--init-file=${join(folder, "init.sql")}`,
      "--skip-networking",
      "--innodb-flush-log-at-trx-commit=0",
    ],
    url: (folder, database) =>
      `mysql://${USER}:${encodeURIComponent(PASSWORD)}@localhost/${database}?socketPath=${encodeURIComponent(join(folder, "socket"))}`,
    firstDatabase: "mysql",
    stop: "SIGTERM",
  },
};

/** A database server that a spec may stop and start again. */
export interface DatabaseServer {
  /** Makes an empty database and gives its address. */
  createDatabase(tablespace?: string): Promise<string>;
  /** For orders that the server alone understands. */
  ask(question: (db: Knex) => Promise<unknown>): Promise<void>;
  /** Who the server runs as: whoever has to be able to write into folders that it is to use. */
  readonly person: Person;
  /** Ends it at once, in order; its data stay. */
  halt(): Promise<void>;
  /** Kills one of its processes with SIGKILL, as a system does that has run out of memory. PostgreSQL ends all others then and goes on. */
  killOne(): Promise<void>;
  /** Starts it again after `halt`. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  stop(): Promise<void>;
}

class Server implements DatabaseServer {
  /** The last that it said, for the message of a failure. */
  #said = "";
  #databases = 0;
  #process: ChildProcess | undefined;

  private constructor(
    private readonly kind: Kind,
    private readonly programs: string,
    private readonly folder: string,
    readonly person: Person,
  ) {}

  static async start(kind: Kind, programs: string): Promise<Server> {
    const person = await personFor(kind.user);
    const folder = await mkdtemp(join(tmpdir(), "sluice-db-"));
    await mkdir(join(folder, "data"));
    for (const path of [folder, join(folder, "data")]) {
      if (person.uid !== undefined && person.gid !== undefined) await chown(path, person.uid, person.gid);
    }
    await kind.init(programs, folder, { ...person });
    const server = new Server(kind, programs, folder, person);
    await server.restart();
    return server;
  }

  async restart(): Promise<void> {
    const { kind, programs, folder, person } = this;
    const [program, ...options] = kind.command(programs, folder);
    const child = spawn(program, options, { ...person, cwd: folder });
    this.#process = child;
    const hear = (text: Buffer) => {
      this.#said = (this.#said + text).slice(-4000);
    };
    child.stdout.on("data", hear);
    child.stderr.on("data", hear);
    // Whatever ends the run, the server does not stay behind.
    const end = () => child.kill(kind.stop);
    process.once("exit", end);
    child.once("exit", () => process.off("exit", end));
    await this.#ready();
  }

  async createDatabase(tablespace?: string): Promise<string> {
    const name = `spec${++this.#databases}`;
    const where = tablespace === undefined ? "" : ` tablespace ${tablespace}`;
    await this.ask((db) => db.raw(`create database ??${where}`, [name]));
    return this.kind.url(this.folder, name);
  }

  async halt(): Promise<void> {
    const child = this.#process;
    if (!child || !this.#runs) return;
    const gone = once(child, "exit");
    child.kill(this.kind.stop);
    await gone;
  }

  async killOne(): Promise<void> {
    await this.ask(async (db) => {
      const { rows } = await db.raw("select pg_backend_pid() as pid");
      process.kill(rows[0].pid, "SIGKILL");
    });
    await this.#ready();
  }

  async stop(): Promise<void> {
    await this.halt();
    await rm(this.folder, { recursive: true, force: true });
  }

  get #runs(): boolean {
    return this.#process?.exitCode === null && this.#process.signalCode === null;
  }

  async #ready(): Promise<void> {
    const deadline = Date.now() + READY_MS;
    for (;;) {
      try {
        await this.ask((db) => db.raw("select 1"));
        return;
      } catch (error) {
        if (this.#runs && Date.now() < deadline) {
          await new Promise((resolve) => setTimeout(resolve, 100));
          continue;
        }
        await this.stop();
        throw new Error(`${this.kind.title} does not start: ${error}\n${this.#said}`, { cause: error });
      }
    }
  }

  async ask(question: (db: Knex) => Promise<unknown>): Promise<void> {
    const { driver, firstDatabase } = this.kind;
    const url = this.kind.url(this.folder, firstDatabase);
    const db = createKnex({
      client: driver,
      connection: driver === "pg" ? { connectionString: url } : ({ uri: url } as Knex.MySql2ConnectionConfig),
      pool: { min: 0, max: 1 },
      log: knexLog(silentLog),
    });
    try {
      await question(db);
    } finally {
      await db.destroy();
    }
  }
}

const running = new Map<ServerName, Promise<Server>>();

/**
 * The address of an empty database, for a `before` hook. Where the server is not installed the spec is skipped, loudly;
 * with CI=true it fails instead, as nothing may go untested there.
 */
export async function emptyDatabase(context: Mocha.Context, name: ServerName): Promise<string> {
  const { kind, programs } = await installed(context, name);
  const server = running.get(name) ?? Server.start(kind, programs);
  running.set(name, server);
  return (await server).createDatabase();
}

/** A server of the spec's own, which it has to stop. Skipped in the same way. */
export async function ownDatabaseServer(context: Mocha.Context, name: ServerName): Promise<DatabaseServer> {
  const { kind, programs } = await installed(context, name);
  return Server.start(kind, programs);
}

async function installed(
  context: Mocha.Context,
  name: ServerName,
): Promise<{ kind: Kind; programs: string }> {
  context.timeout(2 * READY_MS);
  const kind = KINDS[name];
  const programs = await kind.programs();
  if (programs === undefined) {
    const reason = `${kind.title} is not installed (scripts/test-setup.sh adds it)`;
    if (process.env.CI === "true") throw new Error(reason);
    process.stderr.write(`\n*** SKIPPED: ${reason}\n\n`);
    context.skip();
  }
  return { kind, programs };
}

// Outside of any describe: at the end of the whole run.
after("stops the database servers", async function () {
  this.timeout(READY_MS);
  for (const result of await Promise.allSettled(running.values())) {
    if (result.status === "fulfilled") await result.value.stop();
  }
});

async function personFor(user: string): Promise<Person> {
  if (process.getuid?.() !== 0) return {};
  const number = async (option: string) => Number((await run("id", [option, user])).stdout);
  return { uid: await number("-u"), gid: await number("-g") };
}

async function folders(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
