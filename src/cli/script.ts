import { stringify } from "yaml";
import { AdminError } from "../admin/admin-error.js";
import { type LoadedConfig, loadConfig } from "../config/loader.js";
import { ScriptFailure } from "../script/failure.js";
import { openTransport } from "../script/open.js";
import { parseScript } from "../script/parser.js";
import { playScript } from "../script/runner.js";
import type { Script } from "../script/script.js";
import type { Server } from "../server.js";
import { readGiven } from "./given-file.js";
import { withThrowawayServer } from "./throwaway.js";

/**
 * Plays each file against a server of its own in this process: configured like the real one, with a database in memory.
 * @throws AdminError when one failed.
 */
export async function runScripts(files: string[], loaded: LoadedConfig): Promise<void> {
  let failed = 0;
  for (const file of files) {
    const failure = await play(file, loaded);
    if (failure) failed += 1;
    console.log(failure ? `${file}: failed\n${failure.message}` : `${file}: passed`);
  }
  if (failed > 0) throw new AdminError(`${failed} of ${files.length} scripts failed.`);
}

async function play(file: string, loaded: LoadedConfig): Promise<ScriptFailure | undefined> {
  try {
    const script = parseScript(await readGiven(file), file);
    const base = configFor(script, loaded);
    const changes = {
      tls: { ...base.config.tls, required: false },
      auth: { ...base.config.auth, plainWithoutTls: true },
    };
    const listen = (["c2s", "http"] as const).map((type) => ({ type, host: "127.0.0.1", port: 0 }));
    await withThrowawayServer(base, listen, changes, (server) => playScript(script, targetOf(server)));
  } catch (error) {
    if (error instanceof ScriptFailure) return error;
    throw error;
  }
  return undefined;
}

/** A `[Server]` section is a configuration of its own. */
function configFor(script: Script, loaded: LoadedConfig): LoadedConfig {
  return script.server === undefined
    ? loaded
    : loadConfig({ file: script.file, text: stringify(script.server) });
}

function targetOf(server: Server): Parameters<typeof playScript>[1] {
  const [domain] = server.domains.keys();
  return {
    domain,
    createAccount: (jid, password) => server.accounts.add(jid.text, password),
    open: ({ transport = process.env.SLUICE_SCRIPT_TRANSPORT ?? "tcp" }) =>
      openTransport(transport, { port: server.listening[0].port, webPort: server.listening[1].port }),
  };
}
