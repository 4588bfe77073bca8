import { type Element, escapeAttribute } from "../xml/element.js";
import type { ScriptClient } from "./client.js";
import { StepError } from "./failure.js";
import { NS_STREAM, parseFragment } from "./fragment.js";
import { noteBinding } from "./login.js";
import { describe } from "./mailbox.js";
import { mismatch, unmatched } from "./matcher.js";
import { difference, listing } from "./pretty.js";
import type { Step } from "./script.js";
import type { Stage } from "./stage.js";
import { settle } from "./together.js";

export function expectations(step: Step, stage: Stage): Element[] {
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

export async function receive(client: ScriptClient, wanted: Element, stage: Stage): Promise<void> {
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

export async function receiveAnyOrder(client: ScriptClient, wanted: Element[], stage: Stage): Promise<void> {
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
export async function expectNothing(client: ScriptClient, stage: Stage): Promise<void> {
  if (!client.bound) throw new StepError("only a client with a bound resource can know that nothing came");
  await settle(stage, client);
  const [next] = client.mailbox.unread;
  if (next && !(next.kind === "element" && next.element.is("r", "urn:xmpp:sm:3"))) {
    throw new StepError(describe(next));
  }
}

export async function receiveHeader(client: ScriptClient, step: Step, stage: Stage): Promise<void> {
  // A header stands open; in the script it is written closed or open.
  const text = stage.template.fill(step.body, escapeAttribute).replace(/([^/])>\s*$/, "$1/>");
  const [wanted] = parseFragment(text);
  const received = await client.takeHeader();
  const reason = mismatch(wanted, received, stage.template.captures);
  if (reason !== undefined) throw new StepError(`${reason}\n${difference(wanted, received)}`);
}

/** RFC 6120 §4.9.1.1: the error, and the end of the stream at once. */
export async function receiveStreamError(client: ScriptClient, condition: string): Promise<void> {
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

export async function expectClosed(client: ScriptClient): Promise<void> {
  let next = await client.mailbox.take(client.deadline);
  if (next.kind === "footer") next = await client.mailbox.take(client.deadline);
  if (next.kind !== "closed")
    throw new StepError(`the end of the connection was expected; ${describe(next)}`);
}
