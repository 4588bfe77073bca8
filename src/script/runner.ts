import { randomInt } from "node:crypto";
import { Jid } from "../xmpp/jid.js";
import { actions } from "./actions.js";
import { ScriptClient } from "./client.js";
import { ScriptFailure, StepError } from "./failure.js";
import { parseScript } from "./parser.js";
import type { Script, Step } from "./script.js";
import { clientNamed, type Stage } from "./stage.js";
import type { ScriptTarget } from "./target.js";
import { Template } from "./template.js";

export interface RunOptions {
  /** Milliseconds to wait for anything the script expects. */
  deadline?: number;
  /** Pass over stanzas that the script does not mention, as scripts written for other servers may need. Default: fail. */
  lenient?: boolean;
}

/**
 * Plays a script against a server. The accounts are made first, under names of this run's own.
 * @param fileName for messages.
 * @throws ScriptFailure with file, line and, where stanzas differ, what was expected and what came.
 */
export async function runScript(
  text: string,
  fileName: string,
  target: ScriptTarget,
  options: RunOptions = {},
): Promise<void> {
  await playScript(parseScript(text, fileName), target, options);
}

/** As runScript, with a script that is parsed already. */
export async function playScript(
  script: Script,
  target: ScriptTarget,
  options: RunOptions = {},
): Promise<void> {
  const template = new Template(script.clients, `-${nonce()}`, target.domain);
  const deadline = options.deadline ?? 5000;
  const clients = script.clients.map(
    ({ name }, index) => new ScriptClient(template.person(name), index, deadline),
  );
  const stage: Stage = {
    template,
    clients,
    lenient: options.lenient ?? false,
    settled: target.settled && (() => (target.settled as () => Promise<void>)()),
    open: ({ name, index, person }) => target.open({ name, index, transport: person.spec.transport }),
  };
  await createAccounts(clients, target);
  try {
    for (const step of script.steps) await play(step, script, stage);
    await leave(script, clients);
  } finally {
    for (const client of clients) client.drop();
  }
}

async function createAccounts(clients: ScriptClient[], target: ScriptTarget): Promise<void> {
  const made = new Set<string>();
  for (const { person } of clients) {
    if (person.spec.account === "none" || made.has(person.jid)) continue;
    made.add(person.jid);
    await target.createAccount(Jid.parse(person.jid), person.spec.password);
  }
}

async function play(step: Step, script: Script, stage: Stage): Promise<void> {
  try {
    const client = clientNamed(step.client, stage);
    await settleOthers(client, stage);
    await actions[step.phrase](client, step, stage);
  } catch (cause) {
    if (!(cause instanceof StepError)) throw cause;
    throw new ScriptFailure(script.file, step.line, `${step.text} ${cause.message}`);
  }
}

/** Those who are still there close their streams in order. */
async function leave(script: Script, clients: ScriptClient[]): Promise<void> {
  const line = script.steps.at(-1)?.line ?? 1;
  for (const client of clients.filter(({ bound }) => bound)) {
    try {
      await client.close();
    } catch (cause) {
      if (!(cause instanceof StepError)) throw cause;
      throw new ScriptFailure(script.file, line, `at the end ${client.name} disconnects: ${cause.message}`);
    }
  }
}

/** What one client has said takes effect before another one speaks, as a reader of the script expects. */
async function settleOthers(speaker: ScriptClient, stage: Stage): Promise<void> {
  const busy = stage.clients.filter((other) => other !== speaker && other.busy);
  for (const other of busy) await other.barrier();
  await stage.settled?.();
}

/** Six characters that no other run is likely to have at the same time. */
function nonce(): string {
  return randomInt(36 ** 6)
    .toString(36)
    .padStart(6, "0");
}
