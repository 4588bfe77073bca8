import assert from "node:assert/strict";
import { request } from "node:https";
import { buffer } from "node:stream/consumers";
import type { Browser } from "playwright-core";
import { message } from "../faults/wire-client.js";
import { stepByStep } from "../interop/support/steps.js";
import { startChromium, WatchedPage } from "./chromium.js";
import { JULIET, PASSWORD, Scene } from "./scene.js";

const HTTPS = { listen: ["c2s", "https"].map((type) => ({ type, port: 0 })) };

/** The page by the other ways on which it can reach the server: over TLS, and without WebSockets. */
for (const door of [
  { title: "over HTTPS", overrides: HTTPS, scheme: "https", script: "" },
  {
    title: "by BOSH, where there are no WebSockets",
    overrides: {},
    scheme: "http",
    script: "delete globalThis.WebSocket",
  },
  { title: "by BOSH over HTTPS", overrides: HTTPS, scheme: "https", script: "delete globalThis.WebSocket" },
]) {
  describe(`The web client in Chromium, ${door.title}`, function () {
    this.timeout(60_000);
    stepByStep();

    let scene: Scene;
    let browser: Browser;
    let juliet: WatchedPage;
    let origin: string;

    before("a server, and Romeo online as Juliet's contact", async function () {
      browser = await startChromium(this);
      scene = await Scene.begin(door.overrides);
      const web = scene.server.server.listening.find(({ type }) => type === door.scheme);
      origin = `${door.scheme}://localhost:${web?.port}`;
      juliet = await WatchedPage.open(browser, door.script);
    });

    after("no process or file is left", async () => {
      await browser?.close();
      await scene?.end();
    });

    it("logs in", async () => {
      await juliet.page.goto(`${origin}/`);
      const available = scene.presenceOfJuliet();
      await juliet.logIn("juliet", PASSWORD);
      assert.ok(await available);
    });

    it("exchanges messages with a client on TCP", async () => {
      await juliet.page.getByText("Romeo", { exact: true }).first().click();
      const first = scene.bodyOf(/How camest thou hither/);
      await juliet.say("How camest thou hither? 🌹");
      assert.equal((await first)?.getChildText("body"), "How camest thou hither? 🌹");
      scene.romeo.write(message(JULIET, "m1", "With love's light wings."));
      await juliet.said("With love's light wings.").waitFor();
    });

    it("sends a file, which is found where the other client is told", async () => {
      const told = scene.bodyOf(/^http/);
      await juliet.sendFile({ name: "letter.txt", mimeType: "text/plain", buffer: Buffer.from("adieu") });
      const address = (await told)?.getChildText("body") ?? "";
      assert.ok(address.startsWith(`${origin}/upload/localhost/`), address);
      assert.equal(await contentOf(address), "adieu");
    });

    it("keeps its session, or comes back with another, when the page is loaded again", async () => {
      await juliet.page.reload();
      scene.romeo.write(message(JULIET, "m2", "Alack, there lies more peril in thine eye."));
      await juliet.said("more peril in thine eye").waitFor();
      await juliet.said("With love's light wings.").waitFor();
    });

    it("has gone through this door alone, and done nothing that it must not", () => {
      assert.deepEqual([...juliet.origins], [origin]);
      const usesBosh = door.script !== "";
      assert.equal(juliet.paths.has("/http-bind"), usesBosh);
      assert.deepEqual([...juliet.sockets], usesBosh ? [] : [`${origin.replace("http", "ws")}/ws`]);
      assert.deepEqual(juliet.troubles, []);
    });
  });
}

async function contentOf(address: string): Promise<string> {
  if (address.startsWith("http:")) return (await fetch(address)).text();
  const response = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
    request(address, { rejectUnauthorized: false }, resolve).on("error", reject).end();
  });
  return (await buffer(response)).toString();
}
