import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { ConfirmChannel } from "amqplib";
import type { RabbitOptions } from "../../src/cluster/adapters/rabbitmq/options.js";
import { Outbox } from "../../src/cluster/adapters/rabbitmq/outbox.js";
import { adapter } from "../../src/cluster/adapters/rabbitmq.js";

/** ms */
const HEARTBEAT = 40;
const SENDING = { mandatory: true, persistent: true };

/** Brokers of a cluster that have lost the leader of a queue do either, for as long as the channel is open. */
describe("what is sent to a broker that does not take it", () => {
  let answers: ((error: Error | null) => void)[];
  let doubts: string[];
  let outbox: Outbox;

  beforeEach(() => {
    answers = [];
    doubts = [];
    const defaults = adapter.options.parse({}) as RabbitOptions;
    const options = { ...defaults, heartbeat: HEARTBEAT / 1000, sendTimeout: 4 * HEARTBEAT };
    outbox = new Outbox(options, ({ message }) => doubts.push(message));
    const channel = Object.assign(new EventEmitter(), {
      publish: (...args: unknown[]) => answers.push(args[4] as (error: Error | null) => void),
    });
    outbox.use(channel as unknown as ConfirmChannel);
  });

  const send = () => outbox.send("", "queue", Buffer.from("hello"), SENDING);
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  it("raises doubts when it is not confirmed for the time of a heartbeat", async () => {
    const sent = send();
    await wait(3 * HEARTBEAT);
    assert.match(doubts[0], /not confirmed/);
    answers[0](null);
    await sent;
  });

  it("raises doubts when it is refused on a channel that is older than that, and on a new one none", async () => {
    for (const expected of [[], ["nacked"]]) {
      const sent = send();
      answers.pop()?.(new Error("nacked"));
      await assert.rejects(sent, /nacked/);
      assert.deepEqual(doubts, expected);
      await wait(1.5 * HEARTBEAT);
    }
  });

  it("raises none where all is confirmed", async () => {
    await wait(2 * HEARTBEAT);
    const sent = send();
    answers[0](null);
    await sent;
    assert.deepEqual(doubts, []);
  });
});
