import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { Place } from "../cli/place.js";
import { RawClient } from "../cli/raw-client.js";
import type { SluiceProcess } from "../cli/sluice-process.js";
import { emptyDatabase } from "../support/databases.js";
import { rabbitUrl, sharedRabbit } from "../support/rabbitmq-broker.js";

describe("A server that is a node of a cluster", function () {
  this.timeout(60_000);
  let url: string;
  const places: Place[] = [];
  before(async function () {
    url = await emptyDatabase(this, "postgres");
  });
  afterEach(() => Promise.all(places.splice(0).map((place) => place.remove())));

  async function place(adapter: string, options: object, more: object = {}): Promise<Place> {
    const made = new Place();
    places.push(made);
    const cluster = { adapter, options, ...more };
    await made.configure({ storage: { client: "postgres", url }, cluster });
    return made;
  }

  describe("says in one sentence why it cannot start, with exit code 3:", () => {
    async function refusal(adapter: string, options: object): Promise<string> {
      const { code, stderr } = await (await place(adapter, options)).run(["start"]);
      assert.equal(code, 3, stderr);
      const [sentence, ...rest] = stderr.trimEnd().split("\n");
      assert.deepEqual(rest, []);
      return sentence;
    }

    it("there is no RabbitMQ broker", async () => {
      const address = "amqp://sluice:geheim@127.0.0.1:9";
      const sentence = await refusal("rabbitmq", { url: address, startTimeout: 300 });
      assert.match(sentence, /^The broker of the cluster cannot be used .*ECONNREFUSED 127\.0\.0\.1:9\.$/);
      assert.ok(!sentence.includes("geheim"));
    });

    it("there is no Kafka broker", async () => {
      const sentence = await refusal("kafka", { brokers: ["127.0.0.1:9"], startTimeout: 300 });
      assert.match(sentence, /^The broker of the cluster cannot be used .*ECONNREFUSED/);
    });

    it("there is no such vhost", async function () {
      const sentence = await refusal("rabbitmq", { url: `${await rabbitUrl(this)}/nowhere` });
      assert.match(
        sentence,
        /^The broker of the cluster cannot be used .* has no vhost "nowhere", .*add_vhost/,
      );
    });
  });

  it("joins anew when its broker has lost all that it had, and so do the others", async function () {
    const url = await rabbitUrl(this);
    const broker = await sharedRabbit();
    if (!broker) this.skip();
    const [vhost, user, password] = [randomUUID(), randomUUID(), "secret"];
    await broker.addVhost(vhost, user, password);
    const options = { url: `amqp://${user}:${password}@${new URL(url).host}/${vhost}`, maxBackoff: 200 };
    const servers: SluiceProcess[] = [];
    for (let i = 0; i < 2; i++) {
      const one = await place("rabbitmq", options, { beat: "200ms", deadAfter: "1s" });
      servers.push(await one.start());
      if (i === 0)
        for (const name of ["romeo", "juliet", "nurse"]) await one.addUser(`${name}@localhost`, "secret");
    }
    const [here, there] = await Promise.all(servers.map((server) => server.port()));
    const before = [
      await RawClient.online(here, { name: "romeo" }),
      await RawClient.online(there, { name: "juliet" }),
    ];
    before[0].write("<message to='nurse@localhost' type='chat'><body>commend me</body></message>");
    await before[0].ping("kept");
    await broker.emptyVhost(vhost, user);
    for (const client of before) {
      await client.receives(/system-shutdown/);
      client.drop();
    }
    for (const server of servers) await server.says(/"joined anew"/);
    const romeo = await RawClient.online(here, { name: "romeo" });
    const juliet = await RawClient.online(there, { name: "juliet" });
    romeo.write("<message to='juliet@localhost/spec' type='chat'><body>good night</body></message>");
    await juliet.receives(/good night/);
    const nurse = await RawClient.online(there, { name: "nurse" });
    await nurse.receives(/commend me/);
    for (const client of [romeo, juliet, nurse]) client.drop();
  });
});
