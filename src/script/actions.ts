import { escapeAttribute } from "../xml/element.js";
import type { ScriptClient } from "./client.js";
import { StepError } from "./failure.js";
import { parseFragment } from "./fragment.js";
import { authenticate, bind, logIn, startTls } from "./login.js";
import type { Phrase } from "./phrases.js";
import {
  expectations,
  expectClosed,
  expectNothing,
  receive,
  receiveAnyOrder,
  receiveHeader,
  receiveStreamError,
} from "./receiving.js";
import type { Step } from "./script.js";
import { clientNamed, type Stage } from "./stage.js";
import { discard, subscribe } from "./together.js";

type Action = (client: ScriptClient, step: Step, stage: Stage) => Promise<void> | void;

/** One function per phrase. Each throws StepError when things go otherwise than written. */
export const actions: Record<Phrase, Action> = {
  connects: async (client, _, stage) => {
    await openConnection(client, stage);
    await logIn(client);
  },
  "comes online": (client, _, stage) => comeOnline(client, stage),
  disconnects: (client) => disconnect(client),
  drops: async (client) => {
    // What was said before is heard: a dropped connection takes along what is not sent yet.
    await client.barrier();
    client.drop();
  },
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
  "subscribes to": (client, step, stage) => subscribe(client, clientNamed(step.argument, stage), stage),
  befriends: async (client, step, stage) => {
    const friend = clientNamed(step.argument, stage);
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
