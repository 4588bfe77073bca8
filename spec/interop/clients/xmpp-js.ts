/** The driver of @xmpp/client: a program, see support/protocol.ts. NODE_EXTRA_CA_CERTS names the server's certificate. */
import { randomUUID } from "node:crypto";
import { createInterface } from "node:readline";
import { type Client, client, type XmlElement, xml } from "@xmpp/client";
import type { Command, Happening, Login } from "../support/protocol.js";

const ROSTER = "jabber:iq:roster";
const DELAY = "urn:xmpp:delay";
const MARKERS = "urn:xmpp:chat-markers:0";

let xmpp: Client | undefined;

const bare = (address = "") => address.split("/")[0];

function tell(happening: Happening): void {
  process.stdout.write(`${JSON.stringify(happening)}\n`);
}

function tellContacts(query: XmlElement | undefined): void {
  for (const { attrs } of query?.getChildren("item") ?? []) {
    tell({ saw: "contact", jid: attrs.jid ?? "", subscription: attrs.subscription ?? "none" });
  }
}

function tellMessage(stanza: XmlElement): void {
  const marker = stanza.getChild("displayed", MARKERS);
  if (marker) tell({ saw: "displayed", from: bare(stanza.attrs.from), id: marker.attrs.id ?? "" });
  const body = stanza.getChildText("body");
  if (body === null || stanza.attrs.type === "error") return;
  const delayed = stanza.getChild("delay", DELAY) !== undefined;
  tell({ saw: "message", from: bare(stanza.attrs.from), body, delayed });
}

function tellPresence({ attrs }: XmlElement): void {
  const from = bare(attrs.from);
  if (attrs.type === "subscribe") tell({ saw: "request", from });
  if (attrs.type === undefined || attrs.type === "unavailable") {
    tell({ saw: "presence", from, available: attrs.type === undefined });
  }
}

async function login({ jid, password, host, port, directTls, resumes }: Login): Promise<void> {
  const [username, domain] = jid.split("@");
  // The certificate is for the domain: with direct TLS this library compares it with the host of the address.
  const service = directTls ? `xmpps://${domain}:${port}` : `xmpp://${host}:${port}`;
  xmpp = client({ service, domain, username, password, resource: "xmpp.js" });
  if (resumes) {
    // Errors are those of the lost connection, and of attempts that come too early.
    xmpp.on("error", (error) => console.error(`${error}`));
    xmpp.on("disconnect", () => tell({ saw: "cut" }));
    xmpp.streamManagement.on("resumed", () => tell({ saw: "resumed" }));
  } else {
    // A spec that loses its connection has failed.
    xmpp.reconnect.stop();
    xmpp.on("error", (error) => tell({ saw: "trouble", why: String(error) }));
  }
  xmpp.on("offline", () => tell({ saw: "offline" }));
  xmpp.on("stanza", (stanza: XmlElement) => {
    if (stanza.is("message")) tellMessage(stanza);
    if (stanza.is("presence")) tellPresence(stanza);
  });
  xmpp.iqCallee.set(ROSTER, "query", ({ element }) => {
    tellContacts(element);
    return {};
  });
  const address = await xmpp.start();
  tellContacts(await xmpp.iqCaller.get(xml("query", { xmlns: ROSTER })));
  await xmpp.send(xml("presence"));
  tell({ saw: "online", jid: address.toString() });
}

async function obey(command: Command): Promise<void> {
  if (command.do === "login") return login(command);
  if (xmpp === undefined) throw new Error("not logged in");
  if (command.do === "add") return xmpp.send(xml("presence", { to: command.jid, type: "subscribe" }));
  if (command.do === "accept") return xmpp.send(xml("presence", { to: command.jid, type: "subscribed" }));
  if (command.do === "message") {
    const { to, body, id } = command;
    const markable = id === undefined ? [] : [xml("markable", { xmlns: MARKERS })];
    const attrs = { to, type: "chat", id: id ?? randomUUID() };
    return xmpp.send(xml("message", attrs, xml("body", {}, body), ...markable));
  }
  await xmpp.send(xml("presence", { type: "unavailable" }));
  await xmpp.stop();
  process.stdin.destroy();
}

createInterface(process.stdin).on("line", (line) => {
  obey(JSON.parse(line) as Command).catch((error) => tell({ saw: "trouble", why: String(error) }));
});
