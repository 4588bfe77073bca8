import assert from "node:assert/strict";
import { Jid } from "../../src/xmpp/jid.js";
import { auth, RawClient } from "../support/raw-client.js";
import { startTestServer, type TestServer } from "../support/server.js";

const PASSWORD = "secret";
const ROUNDS = 60;

/** A random number generator that can be repeated: mulberry32. */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Streams take turns with one parser where they can. None may see anything of another. */
describe("Streams that are read in turns", () => {
  let test: TestServer;
  before(async () => {
    test = await startTestServer();
  });
  after(() => test.stop());

  /** Logged in on a stream whose header binds the prefix `p`. */
  async function online(name: string, namespace: string): Promise<{ client: RawClient; jid: string }> {
    await test.createAccount(Jid.parse(`${name}@${test.domain}`), PASSWORD);
    const client = await RawClient.open(test.port);
    const prefix = ` xmlns:p='${namespace}'`;
    await client.header(test.domain, prefix);
    client.write(auth("PLAIN", Buffer.from(`\0${name}\0${PASSWORD}`)));
    await client.named("success");
    await client.header(test.domain, prefix);
    return { client, jid: await client.bind("spec") };
  }

  for (const seed of [1, 2, 3, 4]) {
    it(`get each their own stanzas, however their bytes are cut and mixed (seed ${seed})`, async () => {
      const next = random(seed);
      const people = await Promise.all(
        Array.from({ length: 6 }, (_, n) => online(`reader${seed}-${n}`, `urn:example:${n % 3}`)),
      );
      const bytes = people.map(({ jid }, person) => {
        const messages = Array.from({ length: ROUNDS }, (_, round) => {
          const space = next() < 0.4 ? " \n\t" : next() < 0.2 ? "\r\n" : "";
          const body = `<body>${person}/${round} Äpfel &amp; 🌹 <![CDATA[]]]]></body>`;
          return `<message to='${jid}' id='m${round}'>${body}<p:x/></message>${space}`;
        });
        return Buffer.from(messages.join(""));
      });
      const offsets = people.map(() => 0);
      while (offsets.some((at, person) => at < bytes[person].length)) {
        const person = Math.floor(next() * people.length);
        const to = offsets[person] + 1 + Math.floor(next() * (next() < 0.5 ? 9 : 400));
        await people[person].client.writeAll(bytes[person].subarray(offsets[person], to));
        offsets[person] = to;
      }
      for (const [person, { client }] of people.entries()) {
        for (let round = 0; round < ROUNDS; round++) {
          const message = await client.next(({ name }) => name === "message");
          assert.equal(message.attrs.id, `m${round}`);
          assert.equal(message.getChildText("body"), `${person}/${round} Äpfel & 🌹 ]]`);
          assert.ok(message.getChildElements().some((one) => one.is("x", `urn:example:${person % 3}`)));
        }
        await client.drop();
      }
    });
  }

  it("do not suffer from what breaks off or is broken in another", async () => {
    const [good, half, bad] = await Promise.all(
      ["good", "half", "bad"].map((name) => online(name, "urn:example:0")),
    );
    half.client.write(`<message to='${good.jid}'><body>half`);
    await good.client.ping();
    bad.client.write("<message><body></message>");
    assert.equal(await bad.client.streamError(), "not-well-formed");
    await good.client.ping();
    await half.client.drop();
    await good.client.ping();
    const mixed = await online("mixed", "urn:example:0");
    mixed.client.write(`<message to='${good.jid}' id='whole'><body>whole</body></message>&`);
    assert.equal((await good.client.withId("whole")).getChildText("body"), "whole");
    await good.client.ping();
    for (const { client } of [good, mixed]) await client.drop();
  });
});
