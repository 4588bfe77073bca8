import { mkdtempSync, rmSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { stringify } from "yaml";
import { type Outcome, SluiceProcess, sluice } from "./sluice-process.js";

type Options = Record<string, unknown>;

/** Logins that need no certificate, and cost little. */
const BASE: Options = {
  listen: [{ type: "c2s", port: 0 }],
  tls: { required: false },
  auth: { plainWithoutTls: true, iterations: 4096 },
  log: { format: "json" },
};

/** A folder with a configuration and a data folder of its own, and the servers that were started there. */
export class Place {
  readonly path = mkdtempSync(join(tmpdir(), "sluice-admin-"));
  readonly data = join(this.path, "data");
  readonly config = join(this.path, "sluice.yaml");
  readonly #started: SluiceProcess[] = [];

  /** @param options sections that take the place of those of this spec. */
  configure(options: Options = {}): Promise<void> {
    return writeFile(this.config, stringify({ ...BASE, data: this.data, ...options }));
  }

  /** Runs a command to its end. */
  run(args: readonly string[], input = ""): Promise<Outcome> {
    return sluice([...args, "--config", this.config], input, { cwd: this.path });
  }

  async addUser(jid: string, password: string): Promise<void> {
    const { code, stderr } = await this.run(["user", "add", jid, "--password-stdin"], `${password}\n`);
    if (code !== 0) throw new Error(stderr);
  }

  /** Resolves when it serves. */
  async start(...args: string[]): Promise<SluiceProcess> {
    const server = this.launch(...args);
    await server.says(/^Sluice serves .*$/m);
    return server;
  }

  /** The same with environment variables. */
  async startWith(env: NodeJS.ProcessEnv): Promise<SluiceProcess> {
    const server = this.#launch([], env);
    await server.says(/^Sluice serves .*$/m);
    return server;
  }

  launch(...args: string[]): SluiceProcess {
    return this.#launch(args, {});
  }

  #launch(args: readonly string[], env: NodeJS.ProcessEnv): SluiceProcess {
    const options = { cwd: this.path, env };
    const server = new SluiceProcess(["start", "--config", this.config, ...args], options);
    this.#started.push(server);
    return server;
  }

  async remove(): Promise<void> {
    await Promise.all(this.#started.map((server) => server.kill()));
    rmSync(this.path, { recursive: true, force: true });
  }
}
