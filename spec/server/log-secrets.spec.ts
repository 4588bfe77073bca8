import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Place } from "../cli/place.js";
import { RawClient } from "../cli/raw-client.js";

/** Words that occur nowhere else. */
const SECRETS = {
  password: "Zitronenfalter7",
  changed: "Schwalbenschwanz8",
  wrong: "Trauermantel9",
  registered: "Kaisermantel3",
  body: "Admiral-Distelfalter",
  subject: "Tagpfauenauge-Aurorafalter",
  offline: "Perlmutterfalter-Ochsenauge",
  presence: "Kohlweissling-Zipfelfalter",
  private: "Apollofalter-Dukatenfalter",
  broken: "Landkaertchen-Blaeuling",
};

/** As it stands, and as it stands within base64 at each of the three offsets. */
function forms(secret: string): string[] {
  const shifted = [0, 1, 2].map((offset) => {
    const text = Buffer.from(" ".repeat(offset) + secret)
      .toString("base64")
      .replace(/=+$/, "");
    // The first and last groups depend on the neighbours.
    return text.slice(offset === 0 ? 0 : 4, -2);
  });
  return [secret, Buffer.from(secret).toString("hex"), encodeURIComponent(secret), ...shifted];
}

describe("The log at its most talkative", () => {
  it("recognises a secret within base64, or this spec would prove nothing", () => {
    const payload = Buffer.from(`\0romeo\0${SECRETS.password}`).toString("base64");
    assert.ok(forms(SECRETS.password).some((form) => payload.includes(form)));
  });

  it("holds no password, no SASL payload and no text of a message", async () => {
    const place = new Place();
    try {
      const file = join(place.path, "sluice.log");
      await place.configure({ log: { level: "trace", format: "json", file }, plugins: { register: {} } });
      const server = await place.start();
      const port = await server.port();
      await place.addUser("romeo@localhost", SECRETS.password);
      await place.addUser("juliet@localhost", SECRETS.password);
      await place.run(["user", "passwd", "juliet@localhost"], `${SECRETS.changed}\n`);
      await place.run(["user", "add", "juliet@localhost"], `${SECRETS.changed}\n`);

      const stranger = await RawClient.open(port);
      assert.equal(await stranger.logIn({ name: "romeo", password: SECRETS.wrong }), false);
      stranger.write(`<auth mechanism='PLAIN'>${SECRETS.broken}</auth>`);
      await stranger.receives(/<stream:error>|<failure[\s\S]*<failure/);
      stranger.drop();

      const romeo = await RawClient.online(port, { name: "romeo", password: SECRETS.password });
      romeo.write(
        `<message to='juliet@localhost' type='chat'><subject>${SECRETS.subject}</subject><body>${SECRETS.offline}</body></message>`,
      );
      await romeo.ping("stored");
      const juliet = await RawClient.online(port, { name: "juliet", password: SECRETS.changed });
      await juliet.receives(new RegExp(SECRETS.offline));
      juliet.write(`<presence><status>${SECRETS.presence}</status></presence>`);
      juliet.write(
        `<iq type='set' id='private'><query xmlns='jabber:iq:private'><x xmlns='urn:example:x'>${SECRETS.private}</x></query></iq>`,
      );
      await juliet.receives(/id=["']private["']/);
      juliet.write(
        `<iq type='set' id='register' to='localhost'><query xmlns='jabber:iq:register'><username>juliet</username><password>${SECRETS.registered}</password></query></iq>`,
      );
      await juliet.receives(/id=["']register["']/);
      romeo.write(`<message to='juliet@localhost/spec' type='chat'><body>${SECRETS.body}</body></message>`);
      await juliet.receives(new RegExp(SECRETS.body));
      // What cannot be read, what cannot be delivered.
      romeo.write(`<message to='ro meo@localhost'><body>${SECRETS.body}</body></message>`);
      romeo.write(`<message to='nobody@localhost'><body>${SECRETS.body}</body></message>`);
      romeo.write(`<message><body>${SECRETS.broken}</bdoy></message>`);
      await romeo.receives(/<stream:error>/);
      romeo.drop();
      juliet.write(`<presence type='${SECRETS.presence}'/><message><body>${SECRETS.broken}`);
      juliet.drop();
      server.signal("SIGTERM");
      assert.equal(await server.ended(), 0);

      const said = readFileSync(file, "utf8") + server.stdout + server.stderr;
      assert.match(said, /"session bound"/);
      for (const [name, secret] of Object.entries(SECRETS)) {
        for (const form of forms(secret)) {
          const line = said.split("\n").find((one) => one.includes(form));
          assert.equal(line, undefined, `${name} as ${form}`);
        }
      }
    } finally {
      await place.remove();
    }
  });
});
