import assert from "node:assert/strict";
import type { Browser } from "playwright-core";
import { message } from "../faults/wire-client.js";
import { stepByStep } from "../interop/support/steps.js";
import { startChromium, WatchedPage } from "./chromium.js";
import { drawBalcony } from "./picture.js";
import { JULIET, PASSWORD, Scene } from "./scene.js";

/** Juliet uses the web client in a real browser; Romeo has a client of the simplest kind over TCP. */
describe("The web client in Chromium", function () {
  this.timeout(60_000);
  stepByStep();

  let scene: Scene;
  let browser: Browser;
  let juliet: WatchedPage;
  let picture: Buffer;

  before("a server without TLS, and Romeo online as Juliet's contact", async function () {
    browser = await startChromium(this);
    scene = await Scene.begin();
    juliet = await WatchedPage.open(browser);
  });

  after("no process or file is left", async () => {
    await browser?.close();
    await scene?.end();
  });

  it("shows a login form", async () => {
    const { page } = juliet;
    await page.goto(`http://localhost:${scene.server.webPort}/`);
    await page.locator("input[name=password]").waitFor();
    await page.locator("converse-footer a").waitFor();
    picture = await drawBalcony(page);
    await juliet.keep("1-login");
  });

  it("logs in with a user name alone", async () => {
    const { page } = juliet;
    const available = scene.presenceOfJuliet();
    await juliet.logIn("juliet", PASSWORD);
    assert.ok(await available);
    await page.getByText("Romeo", { exact: true }).first().waitFor();
    await juliet.keep("2-online");
  });

  it("exchanges messages with a client on TCP", async () => {
    const { page } = juliet;
    await page.getByText("Romeo", { exact: true }).first().click();
    const first = scene.bodyOf(/How camest thou hither/);
    await juliet.say("How camest thou hither, tell me, and wherefore? 🌹");
    assert.equal((await first)?.getChildText("body"), "How camest thou hither, tell me, and wherefore? 🌹");
    scene.romeo.write(message(JULIET, "m1", "With love's light wings did I o'er-perch these walls."));
    await juliet.said("o'er-perch these walls").waitFor();
    await juliet.keep("3-messages");
  });

  it("sends a file, which the other client finds at the address it is told", async () => {
    const told = scene.bodyOf(/^http/);
    await juliet.sendFile({ name: "the orchard wall.png", mimeType: "image/png", buffer: picture });
    const address = (await told)?.getChildText("body") ?? "";
    assert.match(
      address,
      new RegExp(
        `^http://localhost:${scene.server.webPort}/upload/localhost/[0-9a-f]{40}/the%20orchard%20wall\\.png$`,
      ),
    );
    const response = await fetch(address);
    assert.equal(response.headers.get("content-type"), "image/png");
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), picture);
  });

  it("shows the picture where it was sent", async () => {
    const image = juliet.messages().locator("img[src*='/upload/']").last();
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
    const before = scene.resourcesOfJuliet();
    await page.reload();
    scene.romeo.write(message(JULIET, "m2", "Alack, there lies more peril in thine eye."));
    await juliet.said("more peril in thine eye").waitFor();
    await juliet.said("o'er-perch these walls").waitFor();
    const answer = scene.bodyOf(/I would not for the world/);
    await juliet.say("I would not for the world they saw thee here.");
    assert.ok(await answer);
    assert.deepEqual(scene.resourcesOfJuliet(), before);
    await juliet.keep("6-again");
  });

  it("logs out", async () => {
    const { page } = juliet;
    const gone = scene.presenceOfJuliet("unavailable");
    await page.locator("a.show-profile").click();
    await page.getByRole("button", { name: "Log out" }).click();
    await page.locator("converse-confirm-modal button[type=submit]").click();
    await page.locator("#converse-login input[name=password]").waitFor();
    await juliet.keep("7-out");
    assert.ok(await gone);
  });

  it("has asked nobody but this server, and done nothing that it must not", () => {
    assert.deepEqual([...juliet.origins], [`http://localhost:${scene.server.webPort}`]);
    assert.ok([...juliet.paths].some((path) => path.endsWith("/emoji.json")));
    assert.deepEqual(juliet.troubles, []);
  });
});
