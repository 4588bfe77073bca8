import assert from "node:assert/strict";
import { Requests } from "../../src/router/requests.js";
import { xml } from "../../src/xml/element.js";
import { StanzaError } from "../../src/xmpp/errors.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Stanza } from "../../src/xmpp/stanza.js";

const LONG = 60_000;
const account = Jid.parse("juliet@capulet.example");
const service = Jid.parse("push.example");

const question = () =>
  Stanza.make("iq", { type: "set", from: account, to: service }, xml("ask", { xmlns: "urn:example:ask" }));

/** Sends nothing, but remembers what was to be sent. */
function wire(): { sent: Stanza[]; route: (iq: Stanza) => Promise<void> } {
  const sent: Stanza[] = [];
  return {
    sent,
    route: async (iq) => {
      sent.push(iq);
    },
  };
}

const hasCondition = (condition: string) => (error: unknown) =>
  error instanceof StanzaError && error.condition === condition;

describe("A request in the name of the server or of an account", () => {
  let requests: Requests;
  beforeEach(() => {
    requests = new Requests();
  });
  afterEach(() => requests.stop());

  it("resolves with the result that answers it", async () => {
    const { sent, route } = wire();
    const asked = requests.ask(question(), LONG, route);
    assert.equal(requests.settle(sent[0].reply(xml("told", { xmlns: "urn:example:ask" }))), true);
    assert.equal((await asked).getChild("told", "urn:example:ask")?.getName(), "told");
  });

  it("rejects with the error that answers it", async () => {
    const { sent, route } = wire();
    const asked = requests.ask(question(), LONG, route);
    const refused = sent[0].errorReply(new StanzaError("item-not-found", { text: "no such node" }));
    assert.equal(requests.settle(refused as Stanza), true);
    await assert.rejects(asked, (error: StanzaError) => {
      assert.equal(error.condition, "item-not-found");
      assert.equal(error.type, "cancel");
      assert.equal(error.options.text, "no such node");
      return true;
    });
  });

  it("takes an error that says nothing known as undefined-condition", async () => {
    const { sent, route } = wire();
    const asked = requests.ask(question(), LONG, route);
    requests.settle(
      Stanza.make("iq", { type: "error", id: sent[0].id, from: service, to: account }, xml("error")),
    );
    await assert.rejects(asked, hasCondition("undefined-condition"));
  });

  it("has an id of its own each time, whatever it had before", async () => {
    const { sent, route } = wire();
    const asked = [0, 1].map(() => requests.ask(question().withId("mine"), LONG, route));
    assert.notEqual(sent[0].id, sent[1].id);
    assert.ok(sent.every(({ id }) => id !== undefined && id !== "mine"));
    requests.stop();
    await Promise.allSettled(asked);
  });

  it("is not answered by anybody else, nor for anybody else, nor twice", async () => {
    const { sent, route } = wire();
    const asked = requests.ask(question(), LONG, route);
    const answer = sent[0].reply();
    assert.equal(requests.settle(answer.withFrom(Jid.parse("mercutio@capulet.example"))), false);
    assert.equal(requests.settle(answer.withFrom(Jid.parse("push.example/other"))), false);
    assert.equal(requests.settle(answer.withTo(Jid.parse("romeo@capulet.example"))), false);
    assert.equal(requests.settle(answer.withId("other")), false);
    assert.equal(requests.settle(answer), true);
    assert.equal(requests.settle(answer), false);
    await asked;
  });

  it("rejects with what kept it from being sent", async () => {
    const asked = requests.ask(question(), LONG, async () => {
      throw new StanzaError("remote-server-not-found");
    });
    await assert.rejects(asked, hasCondition("remote-server-not-found"));
  });

  it("rejects when no answer comes in time, and a late one answers nothing", async () => {
    const { sent, route } = wire();
    await assert.rejects(requests.ask(question(), 1, route), hasCondition("remote-server-timeout"));
    assert.equal(requests.settle(sent[0].reply()), false);
  });

  it("rejects when too many are waited for, until one of them is done", async () => {
    const few = new Requests(1);
    const { sent, route } = wire();
    const first = few.ask(question(), LONG, route);
    await assert.rejects(few.ask(question(), LONG, route), hasCondition("resource-constraint"));
    few.settle(sent[0].reply());
    await first;
    const second = few.ask(question(), LONG, route);
    few.settle(sent[1].reply());
    await second;
  });

  it("rejects when the server stops", async () => {
    const asked = requests.ask(question(), LONG, wire().route);
    requests.stop();
    await assert.rejects(asked, hasCondition("recipient-unavailable"));
  });
});
