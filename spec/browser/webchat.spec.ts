import assert from "node:assert/strict";
import type { Browser, Locator } from "playwright-core";
import { Jid } from "../../src/xmpp/jid.js";
import { message, WireConnection } from "../faults/wire-client.js";
import { stepByStep } from "../interop/support/steps.js";
import { startTestServer, type TestServer } from "../support/server.js";
import { startChromium, WatchedPage } from "./chromium.js";
import { drawBalcony } from "./picture.js";

const PASSWORD = "wherefore art thou";
const ROMEO = "romeo@localhost";
const JULIET = "juliet@localhost";

/** Juliet uses the web client in a real browser; Romeo has a client of the simplest kind over TCP. */
describe("The web client in Chromium", function () {
  this.timeout(60_000);
  stepByStep();

  let server: TestServer;
  let browser: Browser;
  let juliet: WatchedPage;
  let romeo: WireConnection;
  let picture: Buffer;

  before("a server without TLS, and Romeo online as Juliet's contact", async function () {
    browser = await startChromium(this);
    server = await startTestServer();
    for (const jid of [ROMEO, JULIET]) await server.createAccount(Jid.parse(jid), PASSWORD);
    romeo = await online("romeo", "orchard");
    await makeFriends();
    juliet = await WatchedPage.open(browser);
  });

  after("no process or file is left", async () => {
    await browser?.close();
    romeo?.drop();
    await server?.stop();
  });

  async function online(name: string, resource: string): Promise<WireConnection> {
    const connection = await WireConnection.open(server.port);
    assert.ok(connection && (await connection.login(name, "localhost", PASSWORD)));
    await connection.bind(resource);
    // Who has asked for the roster is told when it changes.
    connection.write("<iq type='get' id='roster'><query xmlns='jabber:iq:roster'/></iq><presence/>");
    return connection;
  }

  /** With another client of Juliet's, that goes again. */
  async function makeFriends(): Promise<void> {
    const other = await online("juliet", "balcony");
    const pushed = (who: WireConnection) =>
      who.next((element) => element.getChild("query")?.getChild("item")?.attrs.subscription === "both");
    const both = Promise.all([pushed(romeo), pushed(other)]);
    const named = `<query xmlns='jabber:iq:roster'><item jid='${ROMEO}' name='Romeo'/></query>`;
    other.write(`<iq type='set' id='name'>${named}</iq>`);
    other.write(`<presence to='${ROMEO}' type='subscribed'/><presence to='${ROMEO}' type='subscribe'/>`);
    romeo.write(`<presence to='${JULIET}' type='subscribed'/><presence to='${JULIET}' type='subscribe'/>`);
    assert.ok((await both).every(Boolean));
    other.close();
  }

  const chat = () => juliet.page.locator("converse-chat-message");
  const said = (text: string): Locator => chat().filter({ hasText: text }).last();
  const bodyOf = (text: RegExp) =>
    romeo.next((element) => element.is("message") && text.test(element.getChildText("body") ?? ""));
  const presenceOfJuliet = (type?: string) =>
    romeo.next(
      (element) =>
        element.is("presence") &&
        element.attrs.type === type &&
        /^juliet@.*\/converse/.test(element.attrs.from),
    );

  const resourcesOfJuliet = () => server.server.registry.of(Jid.parse(JULIET)).map(({ jid }) => jid.text);

  async function say(text: string): Promise<void> {
    const field = juliet.page.locator("textarea.chat-textarea");
    await field.fill(text);
    await field.press("Enter");
  }

  it("shows a login form", async () => {
    const { page } = juliet;
    await page.goto(`http://localhost:${server.webPort}/`);
    await page.locator("input[name=password]").waitFor();
    await page.locator("converse-footer a").waitFor();
    picture = await drawBalcony(page);
    await juliet.keep("1-login");
  });

  it("logs in with a user name alone", async () => {
    const { page } = juliet;
    const available = presenceOfJuliet();
    await page.fill("input[name=jid]", "juliet");
    await page.fill("input[name=password]", PASSWORD);
    await page.click("#converse-login button[type=submit]");
    assert.ok(await available);
    await page.getByText("Romeo", { exact: true }).first().waitFor();
    await juliet.keep("2-online");
  });

  it("exchanges messages with a client on TCP", async () => {
    const { page } = juliet;
    await page.getByText("Romeo", { exact: true }).first().click();
    const first = bodyOf(/How camest thou hither/);
    await say("How camest thou hither, tell me, and wherefore? 🌹");
    assert.equal((await first)?.getChildText("body"), "How camest thou hither, tell me, and wherefore? 🌹");
    romeo.write(message(JULIET, "m1", "With love's light wings did I o'er-perch these walls."));
    await said("o'er-perch these walls").waitFor();
    await juliet.keep("3-messages");
  });

  it("sends a file, which the other client finds at the address it is told", async () => {
    const { page } = juliet;
    const told = bodyOf(/^http/);
    await page
      .locator("input[type=file]")
      .first()
      .setInputFiles({ name: "the orchard wall.png", mimeType: "image/png", buffer: picture });
    const address = (await told)?.getChildText("body") ?? "";
    assert.match(
      address,
      new RegExp(
        `^http://localhost:${server.webPort}/upload/localhost/[0-9a-f]{40}/the%20orchard%20wall\\.png$`,
      ),
    );
    const response = await fetch(address);
    assert.equal(response.headers.get("content-type"), "image/png");
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), picture);
  });

  it("shows the picture where it was sent", async () => {
    const image = chat().locator("img[src*='/upload/']").last();
    await image.waitFor();
    const width = await image.evaluate(async (node) => {
      const shown = node as unknown as { decode(): Promise<void>; naturalWidth: number };
      await shown.decode();
      return shown.naturalWidth;
    });
    assert.equal(width, 480);
    await juliet.keep("4-picture");
  });

  it("has its emoji at hand", async () => {
    const { page } = juliet;
    await page.locator("converse-emoji-dropdown button").first().click();
    await page.locator("converse-emoji-picker").getByText("😀").first().waitFor();
    await juliet.keep("5-emoji");
    await page.keyboard.press("Escape");
  });

  it("resumes its session when the page is loaded again", async () => {
    const { page } = juliet;
    const before = resourcesOfJuliet();
    await page.reload();
    romeo.write(message(JULIET, "m2", "Alack, there lies more peril in thine eye."));
    await said("more peril in thine eye").waitFor();
    await said("o'er-perch these walls").waitFor();
    const answer = bodyOf(/I would not for the world/);
    await say("I would not for the world they saw thee here.");
    assert.ok(await answer);
    assert.deepEqual(resourcesOfJuliet(), before);
    await juliet.keep("6-again");
  });

  it("logs out", async () => {
    const { page } = juliet;
    const gone = presenceOfJuliet("unavailable");
    await page.locator("a.show-profile").click();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.locator("converse-confirm-modal button[type=submit]").click();
    await page.locator("#converse-login input[name=password]").waitFor();
    await juliet.keep("7-out");
    assert.ok(await gone);
  });

  it("has asked nobody but this server, and done nothing that it must not", () => {
    assert.deepEqual([...juliet.origins], [`http://localhost:${server.webPort}`]);
    assert.ok([...juliet.paths].some((path) => path.endsWith("/emoji.json")));
    assert.deepEqual(juliet.troubles, []);
  });
});
