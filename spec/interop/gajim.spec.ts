import assert from "node:assert/strict";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { xmppJs } from "./clients/drivers.js";
import { Gajim } from "./clients/gajim.js";
import { type RunningServer, startServer } from "./server.js";
import { fetchTrusting } from "./support/certificate.js";
import { DESKTOP_PROGRAMS, Desktop } from "./support/desktop.js";
import { DrivenClient } from "./support/driven-client.js";
import { missingPrograms, need } from "./support/need.js";
import { folderOf, ordinaryPerson, type Person } from "./support/person.js";
import { stepByStep } from "./support/steps.js";
import { JULIET, loginFor, ROMEO, USERS } from "./support/story.js";
import type { TempFolder } from "./support/temp-folder.js";

/** Romeo uses Gajim on a desktop; Juliet is scripted. Pictures of the screen are kept in shots/. */
describe("interop: Gajim", function () {
  this.timeout(120_000);
  stepByStep();

  let person: Person | undefined;
  let home: TempFolder;
  let server: RunningServer;
  let desktop: Desktop;
  let juliet: DrivenClient;
  let gajim: Gajim;

  before("a server with two accounts, Juliet online, and Gajim on a desktop", async function () {
    person = await ordinaryPerson();
    const missing = missingPrograms(["gajim", "gdbus", ...DESKTOP_PROGRAMS]);
    need(this, "Gajim", person ? missing : [...missing, "an ordinary user to run it"]);
    home = await folderOf(person!, "gajim");
    server = await startServer({ users: USERS });
    juliet = await DrivenClient.login(xmppJs, loginFor(server, "juliet", "starttls"));
    desktop = await Desktop.start(person!, home.path);
    gajim = new Gajim(desktop, person!, home.path);
  });

  after("no process or file is left", async () => {
    await desktop?.stop();
    await juliet?.stop();
    await server?.stop();
    await home?.remove();
  });

  it("logs in over STARTTLS", async () => {
    await gajim.configure(loginFor(server, "romeo", "starttls"));
    await gajim.start();
    await desktop.keep("gajim-1-online");
  });

  it("adds a contact who accepts and adds back", async () => {
    await gajim.beginToAdd(JULIET);
    await desktop.keep("gajim-2-add-contact");
    await gajim.finishToAdd();
    await juliet.sees("request", { from: ROMEO });
    juliet.send({ do: "accept", jid: ROMEO });
    // The dialog's "Share Status" lets Gajim accept without asking once more.
    juliet.send({ do: "add", jid: ROMEO });
    await juliet.sees("contact", { jid: ROMEO, subscription: "both" });
    await juliet.sees("presence", { from: ROMEO, available: true });
    await desktop.keep("gajim-3-contact-added");
  });

  it("shows a message, and tells so", async () => {
    const body = "Wherefore art thou Römeo? <&> 😊";
    juliet.send({ do: "message", to: ROMEO, body, id: "asked" });
    await gajim.archived({ jid: JULIET, kind: "received", message: body });
    await gajim.openChat(JULIET);
    await juliet.sees("displayed", { from: ROMEO, id: "asked" });
    await desktop.keep("gajim-4-message-shown");
  });

  it("sends the answer that is typed", async () => {
    await gajim.write("Call me but love, & I'll be new baptized <3");
    const answer = await juliet.sees("message", { from: ROMEO });
    assert.equal(answer.body, "Call me but love, & I'll be new baptized <3");
    await desktop.keep("gajim-5-answer-sent");
  });

  it("uploads a file over HTTPS, which is found where the other client is told", async function () {
    const trusts = await gajim.trustsForUploads();
    need(this, "Gajim's uploads", trusts ? [] : ["user name spaces and /etc/ssl/certs/ca-certificates.crt"]);
    const letter = join(home.path, "letter.txt");
    await writeFile(letter, "Thus with a kiss I die.");
    await chmod(letter, 0o644);
    await gajim.sendFile(letter);
    const { body } = await juliet.sees("message", { from: ROMEO });
    assert.match(body, /^https:.*\/letter.txt$/);
    assert.equal(await fetchTrusting(server.certificate, body), "Thus with a kiss I die.");
    await desktop.keep("gajim-7-file-sent");
  });

  it("goes offline when it is closed", async () => {
    await gajim.quit();
    await juliet.sees("presence", { from: ROMEO, available: false });
  });

  it("comes back over direct TLS and shows the message kept for it", async () => {
    const body = "Parting is such sweet sorrow";
    juliet.send({ do: "message", to: ROMEO, body, id: "kept" });
    await gajim.configure(loginFor(server, "romeo", "tls"));
    await gajim.start();
    await juliet.sees("presence", { from: ROMEO, available: true });
    await gajim.archived({ jid: JULIET, kind: "received", message: body });
    await gajim.openChat(JULIET);
    // COMPAT: Gajim names the last message by time, which may be its own answer: the time of a kept message may be given
    // in whole seconds (XEP-0082), that of an answer is not.
    await juliet.sees("displayed", { from: ROMEO });
    await desktop.keep("gajim-8-kept-message-shown");
  });
});
