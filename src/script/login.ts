import { type Element, xml } from "../xml/element.js";
import type { ScriptClient } from "./client.js";
import { StepError } from "./failure.js";
import { describe } from "./mailbox.js";

const NS_SASL = "urn:ietf:params:xml:ns:xmpp-sasl";
const NS_TLS = "urn:ietf:params:xml:ns:xmpp-tls";
const NS_BIND = "urn:ietf:params:xml:ns:xmpp-bind";
const NS_SESSION = "urn:ietf:params:xml:ns:xmpp-session";

/** From a fresh connection to a bound resource. @throws StepError with what the server said instead. */
export async function logIn(client: ScriptClient): Promise<void> {
  let features = await openStream(client);
  if (features.getChild("starttls", NS_TLS)?.getChild("required")) {
    await startTls(client);
    features = await openStream(client);
  }
  await authenticate(client);
  features = await client.takeFeatures();
  await bind(client);
  const session = features.getChild("session", NS_SESSION);
  // RFC 3921 §3, which RFC 6121 Appendix E makes optional.
  if (session && !session.getChild("optional")) await startSession(client);
}

async function openStream(client: ScriptClient): Promise<Element> {
  client.openStream();
  await client.takeHeader();
  return client.takeFeatures();
}

/** RFC 6120 §5.4 */
export async function startTls(client: ScriptClient): Promise<void> {
  client.send(xml("starttls", { xmlns: NS_TLS }));
  await expect(client, "proceed", NS_TLS);
  await client.startTls();
}

/** SASL PLAIN (RFC 4616) and the new stream after it, up to its header. */
export async function authenticate(client: ScriptClient): Promise<void> {
  await client.skipFeatures();
  const { jid, spec } = client.person;
  const message = `\0${jid.slice(0, jid.indexOf("@"))}\0${spec.password}`;
  const text = Buffer.from(message).toString("base64");
  client.send(xml("auth", { xmlns: NS_SASL, mechanism: "PLAIN" }, text));
  await expect(client, "success", NS_SASL);
  client.openStream();
  await client.takeHeader();
}

/** RFC 6120 §7; the address is the client's from now on. */
export async function bind(client: ScriptClient): Promise<void> {
  await client.skipFeatures();
  client.send(bindRequest(client.person.spec.resource));
  const answer = await client.takeElement();
  const jid = answer.getChild("bind", NS_BIND)?.getChildText("jid");
  if (answer.attrs.type !== "result" || !jid)
    throw new StepError(describe({ kind: "element", element: answer }));
  noteBinding(client, answer);
}

/** The server's answer to a bind, or to the resumption of a session (XEP-0198 §5), that the script asked for itself. */
export function noteBinding(client: ScriptClient, answer: Element): void {
  if (answer.is("resumed", "urn:xmpp:sm:3")) client.bound = true;
  const jid = answer.getName() === "iq" && answer.getChild("bind", NS_BIND)?.getChildText("jid");
  if (!jid) return;
  client.person.fullJid = jid;
  client.bound = true;
}

async function startSession(client: ScriptClient): Promise<void> {
  client.send(xml("iq", { type: "set", id: "session" }, xml("session", { xmlns: NS_SESSION })));
  const answer = await client.takeElement();
  if (answer.attrs.type !== "result") throw new StepError(describe({ kind: "element", element: answer }));
}

async function expect(client: ScriptClient, name: string, xmlns: string): Promise<void> {
  const answer = await client.takeElement();
  if (!answer.is(name, xmlns)) throw new StepError(describe({ kind: "element", element: answer }));
}

/** `<iq type='set'><bind/></iq>` of RFC 6120 §7. */
function bindRequest(resource: string | undefined): Element {
  const wish = resource === undefined ? undefined : xml("resource", null, resource);
  return xml(
    "iq",
    { type: "set", id: "bind" },
    xml("bind", { xmlns: "urn:ietf:params:xml:ns:xmpp-bind" }, wish),
  );
}
