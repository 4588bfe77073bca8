import assert from "node:assert/strict";
import { Life } from "../../plugins/last/life.js";
import { secondsSince } from "../../plugins/last.js";
import { Place } from "../cli/place.js";
import { RawClient } from "../cli/raw-client.js";
import { memoryStore } from "../support/memory-store.js";

describe("The last activity of XEP-0012", () => {
  it("is told in whole seconds that have passed", () => {
    assert.equal(secondsSince(1_000_000, 1_903_999), 903);
    assert.equal(secondsSince(1_000_000, 1_000_999), 0);
  });

  it("is never in the future, not even when the clock was set back", () => {
    assert.equal(secondsSince(2_000_000, 1_000_000), 0);
  });

  it("is known of who was online when the server was killed", async () => {
    const place = new Place();
    try {
      await place.configure();
      for (const name of ["romeo", "juliet"]) await place.addUser(`${name}@localhost`, "secret");
      const server = await place.start();
      const port = await server.port();
      const romeo = await RawClient.online(port, { name: "romeo" });
      const juliet = await RawClient.online(port, { name: "juliet" });
      juliet.write("<presence to='romeo@localhost' type='subscribe'/>");
      await romeo.receives(/type="subscribe"/);
      romeo.write("<presence to='juliet@localhost' type='subscribed'/>");
      await juliet.receives(/<presence from="romeo@localhost\/spec"/);
      await server.kill();
      romeo.drop();
      juliet.drop();

      const again = await place.start();
      const asking = await RawClient.online(await again.port(), { name: "juliet" });
      asking.write("<iq type='get' id='last' to='romeo@localhost'><query xmlns='jabber:iq:last'/></iq>");
      await asking.receives(/id="last"[\s\S]*<\/iq>/);
      assert.match(asking.text, /<query [^>]*seconds="\d"/);
      asking.drop();
    } finally {
      await place.remove();
    }
  });
});

describe("A run of the server", () => {
  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  it("gives signs of life once somebody is there, until it ends in order", async () => {
    const signs = memoryStore<number>();
    const life = new Life(signs, (error) => assert.fail(String(error)), 5);
    await pause(20);
    assert.equal(await life.lastSign(life.name), undefined);
    life.begin();
    life.begin();
    await pause(50);
    const sign = (await life.lastSign(life.name)) as number;
    assert.ok(Date.now() - sign < 1000);
    await life.end();
    await pause(20);
    assert.deepEqual(await signs.keys(undefined, 10), []);
  });
});
