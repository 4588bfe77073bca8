import assert from "node:assert/strict";
import { Place } from "../cli/place.js";
import { emptyDatabase } from "../support/databases.js";
import { rabbitUrl } from "../support/rabbitmq-broker.js";

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
});
