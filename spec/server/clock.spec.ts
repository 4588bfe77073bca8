import assert from "node:assert/strict";
import { Place } from "../cli/place.js";
import { RawClient } from "../cli/raw-client.js";

const HOUR = 3_600_000;

/** For NODE_OPTIONS: the wall clock of a process is so many ms ahead. */
function clockAhead(ms: number): string {
  const shim = `const R=Date,n=R.now;globalThis.Date=class extends R{constructor(...a){if(a.length)super(...a);else super(n()+${ms})}static now(){return n()+${ms}}}`;
  return `--import data:text/javascript,${encodeURIComponent(shim)}`;
}

describe("A server whose clock was set back since its last run", function () {
  this.timeout(60_000);
  let place: Place;
  beforeEach(async () => {
    place = new Place();
    await place.configure();
    for (const name of ["romeo", "juliet", "nurse"]) await place.addUser(`${name}@localhost`, "secret");
  });
  afterEach(() => place.remove());

  /** One run of the server. */
  async function life(ahead: number, talk: (port: number) => Promise<void>): Promise<string> {
    const server = await place.startWith({ NODE_OPTIONS: clockAhead(ahead) });
    await talk(await server.port());
    server.signal("SIGTERM");
    assert.equal(await server.ended(), 0, server.stderr);
    return server.stdout + server.stderr;
  }

  const say = (to: string, ids: readonly string[]) => async (port: number) => {
    const romeo = await RawClient.online(port, { name: "romeo" });
    for (const id of ids)
      romeo.write(`<message to='${to}@localhost' type='chat' id='${id}'><body>${id}</body></message>`);
    await romeo.ping("said");
    romeo.drop();
  };

  it("gives what it took in both in the order in which it came, to nobody else, and says that the clock is behind", async () => {
    const first = Array.from({ length: 100 }, (_, i) => `first${i}`);
    const second = Array.from({ length: 100 }, (_, i) => `second${i}`);
    await life(HOUR, say("juliet", first));
    const log = await life(0, say("juliet", second));
    assert.match(log, /the clock is behind/);
    await life(0, say("nurse", ["other"]));
    await life(0, async (port) => {
      const juliet = await RawClient.online(port, { name: "juliet" });
      await juliet.receives(/id="second99"/);
      const heard = [...juliet.text.matchAll(/<message[^>]* id="(\w+)"/g)].map(([, id]) => id);
      assert.deepEqual(heard, [...first, ...second]);
      const nurse = await RawClient.online(port, { name: "nurse" });
      await nurse.receives(/id="other"/);
      await nurse.ping("all");
      assert.equal(nurse.text.match(/<message /g)?.length, 1);
      for (const one of [juliet, nurse]) one.drop();
    });
  });
});
