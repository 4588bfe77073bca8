import { xml } from "../xml/element.js";
import type { ScriptClient } from "./client.js";
import type { Stage } from "./stage.js";

/**
 * Every client's words were answered, so that nothing is under way any more.
 * @param last whose barrier comes after all the others', because what they caused is for this one.
 */
export async function settle(stage: Stage, last: ScriptClient): Promise<void> {
  for (const client of stage.clients) await client.barrier();
  await stage.settled?.();
  await last.barrier();
}

/** Forgets what came for these clients, and what is still on its way to them. */
export async function discard(clients: ScriptClient[], stage: Stage): Promise<void> {
  for (const client of clients) {
    await settle(stage, client);
    client.mailbox.clear();
  }
}

/** One asks for the other's presence and is granted it: RFC 6121 §3.1. What comes of it is forgotten. */
export async function subscribe(one: ScriptClient, other: ScriptClient, stage: Stage): Promise<void> {
  one.send(xml("presence", { to: other.person.jid, type: "subscribe" }));
  await settle(stage, other);
  other.send(xml("presence", { to: one.person.jid, type: "subscribed" }));
  await settle(stage, one);
  await discard([one, other], stage);
}
