import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { xmppJs } from "./clients/drivers.js";
import { type RunningServer, startServer } from "./server.js";
import { DrivenClient } from "./support/driven-client.js";
import { missingPrograms, need } from "./support/need.js";
import { stepByStep } from "./support/steps.js";
import { JULIET, loginFor, passwordOf, ROMEO, USERS } from "./support/story.js";
import { type TempFolder, tempFolder } from "./support/temp-folder.js";
import { Terminal } from "./support/terminal.js";

/** Juliet uses Profanity in a terminal; Romeo is scripted. */
describe("interop: Profanity", function () {
  this.timeout(60_000);
  stepByStep();

  let home: TempFolder;
  let server: RunningServer;
  let romeo: DrivenClient;
  let profanity: Terminal;

  before("a server with two accounts, and Romeo online", async function () {
    need(this, "Profanity", missingPrograms(["profanity", "tmux"]));
    home = await tempFolder("profanity");
    server = await startServer({ users: USERS });
    romeo = await DrivenClient.login(xmppJs, loginFor(server, "romeo", "starttls"));
  });

  after("no process or file is left", async () => {
    await profanity?.close();
    await romeo?.stop();
    await server?.stop();
    await home?.remove();
  });

  // COMPAT: Profanity calls TLS from the first byte "legacy".
  async function connect(port: number, tls: "force" | "legacy"): Promise<void> {
    await profanity.type(`/connect ${JULIET} server 127.0.0.1 port ${port} tls ${tls}`);
    await profanity.shows(/Enter password:/);
    await profanity.type(passwordOf("juliet"));
  }

  it("shows the server's own certificate, and logs in over STARTTLS once it is accepted", async () => {
    profanity = await Terminal.open("profanity", "profanity", home.path);
    await profanity.shows(/Profanity\. Type \/help/);
    await connect(server.port, "force");
    const [, shown] = await profanity.shows(/Fingerprint +: ([0-9a-f]{40})/);
    assert.equal(shown, await fingerprint(server.certificate));
    await profanity.keep("1-certificate");
    await profanity.type("/tls always");
    await profanity.shows(/logged in successfully, online/);
    await profanity.keep("2-online");
  });

  it("adds a contact who accepts and adds back", async () => {
    await profanity.type(`/sub request ${ROMEO}`);
    await romeo.sees("request", { from: JULIET });
    romeo.send({ do: "accept", jid: JULIET });
    romeo.send({ do: "add", jid: JULIET });
    await profanity.shows(/Received authorization request from romeo@localhost/);
    await profanity.type(`/sub allow ${ROMEO}`);
    await romeo.sees("contact", { jid: JULIET, subscription: "both" });
    await romeo.sees("presence", { from: JULIET, available: true });
    await profanity.keep("3-contact");
  });

  it("chats both ways", async () => {
    await profanity.type(`/msg ${ROMEO} Wherefore art thou Römeo? <&>`);
    const asked = await romeo.sees("message", { from: JULIET });
    assert.deepEqual(asked, { ...asked, body: "Wherefore art thou Römeo? <&>", delayed: false });
    romeo.send({ do: "message", to: JULIET, body: "Call me but love & <3" });
    await profanity.shows(/Call me but love & <3/);
    await profanity.keep("4-chat");
  });

  it("goes offline", async () => {
    await profanity.type("/quit");
    await profanity.closed();
    await romeo.sees("presence", { from: JULIET, available: false });
  });

  it("comes back over direct TLS and shows the message kept for it, and the contact online", async () => {
    romeo.send({ do: "message", to: JULIET, body: "Parting is such sweet sorrow" });
    profanity = await Terminal.open("profanity", "profanity", home.path);
    await profanity.shows(/Profanity\. Type \/help/);
    await connect(server.tlsPort, "legacy");
    await profanity.shows(/logged in successfully, online/);
    await romeo.sees("presence", { from: JULIET, available: true });
    await profanity.type(`/msg ${ROMEO}`);
    await profanity.shows(/Parting is such sweet sorrow/);
    await profanity.shows(/romeo@localhost \[online\]/);
    await profanity.keep("5-kept-message");
  });
});

/** SHA-1 in lower case without separators, the way Profanity shows it. */
async function fingerprint(certificate: string): Promise<string> {
  return new X509Certificate(await readFile(certificate)).fingerprint.replaceAll(":", "").toLowerCase();
}
