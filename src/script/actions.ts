import type { Element } from "../xml/element.js";
import { escapeAttribute } from "../xml/element.js";
import { describe, type ScriptClient } from "./client.js";
import { StepError } from "./failure.js";
import { NS_STREAM, parseFragment } from "./fragment.js";
import { authenticate, bind, logIn, noteBinding, startTls } from "./login.js";
import { mismatch, unmatched } from "./matcher.js";
import type { Phrase } from "./phrases.js";
import { difference, listing } from "./pretty.js";
import type { Step } from "./script.js";
import type { ScriptTransport } from "./target.js";
import type { Template } from "./template.js";
import { discard, settle, subscribe } from "./together.js";

/** What a step may use of the run it is part of. */
export interface Stage {
  template: Template;
  clients: ScriptClient[];
  /** What does not fit is passed over as long as something that fits comes in time. */
  lenient: boolean;
  open(client: ScriptClient): Promise<ScriptTransport>;
}

type Action = (client: ScriptClient, step: Step, stage: Stage) => Promise<void> | void;

/** One function per phrase. Each throws StepError when things go otherwise than written. */
export const actions: Record<Phrase, Action> = {
  connects: async (client, _, stage) => {
    await openConnection(client, stage);
    await logIn(client);
  },
  "comes online": (client, _, stage) => comeOnline(client, stage),
  disconnects: (client) => disconnect(client),
  drops: (client) => client.drop(),
  "is disconnected": (client) => expectClosed(client),
  "opens a connection": (client, _, stage) => openConnection(client, stage),
  "opens a stream": async (client, _, stage) => {
    if (!client.connected) await openConnection(client, stage);
    client.openStream();
    await client.takeHeader();
  },
  "starts tls": async (client) => {
    await client.skipFeatures();
    await startTls(client);
  },
  authenticates: (client) => authenticate(client),
  binds: (client) => bind(client),
  "subscribes to": (client, step, stage) => subscribe(client, named(step.argument, stage), stage),
  befriends: async (client, step, stage) => {
    const friend = named(step.argument, stage);
    await subscribe(client, friend, stage);
    await subscribe(friend, client, stage);
  },
  "discards what came": (client, _, stage) => discard([client], stage),
  sends: (client, step, stage) => {
    for (const element of parseFragment(stage.template.fill(step.body, escapeAttribute)))
      client.send(element);
  },
  "sends raw": (client, step, stage) => client.writeRaw(stage.template.fill(step.body)),
  receives: async (client, step, stage) => {
    for (const wanted of expectations(step, stage)) await receive(client, wanted, stage);
  },
  "receives in any order": (client, step, stage) => receiveAnyOrder(client, expectations(step, stage), stage),
  "receives nothing": (client, _, stage) => expectNothing(client, stage),
  "receives stream header": (client, step, stage) => receiveHeader(client, step, stage),
  "receives stream error": (client, step) => receiveStreamError(client, step.argument),
};

function named(name: string, stage: Stage): ScriptClient {
  const found = stage.clients.find((client) => client.name === name);
  if (!found) throw new StepError(`there is no client called ${name}`);
  return found;
}

/** Logs in and says so; of the answers only the client's own presence is taken. */
async function comeOnline(client: ScriptClient, stage: Stage): Promise<void> {
  await openConnection(client, stage);
  await logIn(client);
  const [presence, echo] = parseFragment(
    `<presence/><presence from="${escapeAttribute(client.person.fullJid ?? "")}"/>`,
  );
  client.send(presence);
  await receive(client, echo, stage);
}

async function openConnection(client: ScriptClient, stage: Stage): Promise<void> {
  if (client.connected) throw new StepError(`${client.name} is connected already`);
  client.attach(await stage.open(client));
}

/** A client whom the server has left has nothing to close; scripts may say it nevertheless. */
async function disconnect(client: ScriptClient): Promise<void> {
  if (client.connected) await client.close();
}

function expectations(step: Step, stage: Stage): Element[] {
  const found = parseFragment(stage.template.fill(step.body, escapeAttribute));
  if (found.length === 0) throw new StepError("an element is expected in the block");
  return found;
}

/** The next element, past what the script need not mention: stream features, and requests for acknowledgement. */
async function nextElement(client: ScriptClient, wanted: readonly Element[]): Promise<Element> {
  for (;;) {
    const element = await client.takeElement();
    const skippable = element.is("features", NS_STREAM) || element.is("r", "urn:xmpp:sm:3");
    if (!skippable || wanted.some((one) => one.getName() === element.getName())) {
      noteBinding(client, element);
      return element;
    }
  }
}

async function receive(client: ScriptClient, wanted: Element, stage: Stage): Promise<void> {
  let first: StepError | undefined;
  for (;;) {
    const received = await nextElement(client, [wanted]).catch((error: unknown) => {
      if (!(error instanceof StepError)) throw error;
      throw first ?? new StepError(`${error.message}\n${listing("expected", [wanted])}`, { cause: error });
    });
    const reason = mismatch(wanted, received, stage.template.captures, stage.lenient);
    if (reason === undefined) return;
    first ??= new StepError(`${reason}\n${difference(wanted, received)}`);
    if (!stage.lenient) throw first;
  }
}

async function receiveAnyOrder(client: ScriptClient, wanted: Element[], stage: Stage): Promise<void> {
  const received: Element[] = [];
  while (received.length < wanted.length) {
    const next = await nextElement(client, wanted).catch((error: unknown) => {
      if (!(error instanceof StepError)) throw error;
      const lists = [listing("expected", wanted), listing("received", received)];
      throw new StepError([error.message, ...lists].join("\n"), { cause: error });
    });
    received.push(next);
  }
  const lost = unmatched(wanted, received, stage.template.captures);
  if (lost) {
    throw new StepError(
      `one of these did not come\n${listing("expected", [lost])}\n${listing("received", received)}`,
    );
  }
}

/** Nothing is under way either: every client's words were answered first, this one's last. */
async function expectNothing(client: ScriptClient, stage: Stage): Promise<void> {
  await settle(stage, client);
  const [next] = client.mailbox.unread;
  if (next && !(next.kind === "element" && next.element.is("r", "urn:xmpp:sm:3"))) {
    throw new StepError(describe(next));
  }
}

async function receiveHeader(client: ScriptClient, step: Step, stage: Stage): Promise<void> {
  // A header stands open; in the script it is written closed or open.
  const text = stage.template.fill(step.body, escapeAttribute).replace(/([^/])>\s*$/, "$1/>");
  const [wanted] = parseFragment(text);
  const received = await client.takeHeader();
  const reason = mismatch(wanted, received, stage.template.captures);
  if (reason !== undefined) throw new StepError(`${reason}\n${difference(wanted, received)}`);
}

/** RFC 6120 §4.9.1.1: the error, and the end of the stream at once. */
async function receiveStreamError(client: ScriptClient, condition: string): Promise<void> {
  await client.skipFeatures();
  const next = await client.mailbox.take(client.deadline);
  const wanted = `stream error "${condition}" expected; `;
  if (next.kind !== "element") throw new StepError(wanted + describe(next));
  if (
    !next.element.is("error", NS_STREAM) ||
    !next.element.getChild(condition, "urn:ietf:params:xml:ns:xmpp-streams")
  ) {
    throw new StepError(wanted + describe(next));
  }
  const end = await client.mailbox.take(client.deadline);
  if (end.kind !== "footer")
    throw new StepError(`</stream:stream> expected after the error; ${describe(end)}`);
}

async function expectClosed(client: ScriptClient): Promise<void> {
  let next = await client.mailbox.take(client.deadline);
  if (next.kind === "footer") next = await client.mailbox.take(client.deadline);
  if (next.kind !== "closed")
    throw new StepError(`the end of the connection was expected; ${describe(next)}`);
}
