import assert from "node:assert/strict";
import { Hooks } from "../../src/hooks.js";
import { ClientSession, type Outlet } from "../../src/session/client-session.js";
import { Managed } from "../../src/session/managed.js";
import type { Receipt } from "../../src/session/session.js";
import { xml } from "../../src/xml/element.js";
import { StreamError } from "../../src/xmpp/errors.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Stanza } from "../../src/xmpp/stanza.js";
import { silentLog } from "../support/silent-log.js";

const JULIET = Jid.parse("juliet@capulet.example/balcony");
const ROMEO = Jid.parse("romeo@montague.example/orchard");

/** What a stream shows of itself to a session. */
class Stream implements Outlet {
  readonly written: { text: string; receipt: Receipt | undefined }[] = [];
  closed: (StreamError | undefined)[] = [];
  readonly secure = true;
  readonly plainLocal = false;
  readonly log = silentLog;

  constructor(readonly standalone = false) {}

  write(text: string, receipt?: Receipt): void {
    this.written.push({ text, receipt });
  }

  close(error?: StreamError): void {
    this.closed.push(error);
  }

  supersede(): void {
    this.close(new StreamError("conflict"));
  }

  get bodies(): string[] {
    return this.written.map(({ text }) => /<body>(.*)<\/body>/.exec(text)?.[1] ?? text);
  }
}

class NotedReceipt implements Receipt {
  readonly told: string[] = [];

  delivered(): void {
    this.told.push("delivered");
  }

  failed(): void {
    this.told.push("failed");
  }
}

describe("A client's session", () => {
  let hooks: Hooks;
  let stream: Stream;
  let lost: string[];
  let session: ClientSession;
  beforeEach(() => {
    hooks = new Hooks();
    stream = new Stream();
    lost = [];
    const account = { id: 1, jid: JULIET.bare };
    session = new ClientSession(JULIET, account, false, "node", hooks, stream, (stanza) => {
      lost.push(bodyOf(stanza));
    });
  });

  const message = (body: string) =>
    Stanza.make("message", { from: ROMEO, to: JULIET, type: "chat" }, xml("body", null, body));
  const bodyOf = (stanza: Stanza) => stanza.getChildText("body") ?? "";

  /** Until all that was sent went through its hooks. */
  async function settled(): Promise<void> {
    const last = new Promise<void>((resolve) => {
      session.send(message("last"), { delivered: resolve, failed: resolve });
    });
    while (stream.bodies.at(-1) !== "last") await new Promise((resolve) => setImmediate(resolve));
    stream.written.at(-1)?.receipt?.delivered();
    await last;
    stream.written.pop();
  }

  it("writes stanzas in order, at once, each with its receipt", () => {
    const receipt = new NotedReceipt();
    session.send(message("a"));
    session.send(message("b"), receipt);
    assert.deepEqual(stream.bodies, ["a", "b"]);
    assert.deepEqual(
      stream.written.map((one) => one.receipt),
      [undefined, receipt],
    );
  });

  it("writes the namespace where the stream's elements stand alone", () => {
    session.send(message("a"));
    session.attach(new Stream(true));
    session.send(message("b"));
    assert.doesNotMatch(stream.written[0].text, /xmlns/);
    const alone = new Stream(true);
    session.attach(alone);
    session.send(message("c"));
    assert.match(alone.written[0].text, /^<message xmlns="jabber:client"/);
  });

  it("hands each stanza to the sending hooks, and does not write what they take; it counts as delivered", () => {
    hooks.on("stanza:sending", "filter", ({ session: given, stanza }) => {
      assert.equal(given, session);
      return bodyOf(stanza) === "spam";
    });
    const receipts = [new NotedReceipt(), new NotedReceipt()];
    session.send(message("spam"), receipts[0]);
    session.send(message("ham"), receipts[1]);
    assert.deepEqual(stream.bodies, ["ham"]);
    assert.deepEqual(
      receipts.map(({ told }) => told),
      [["delivered"], []],
    );
  });

  it("keeps the order when a hook has to be waited for", async () => {
    const gates = new Map<string, () => void>();
    hooks.on("stanza:sending", "slow", ({ stanza }) => {
      const body = bodyOf(stanza);
      if (!body.startsWith("slow")) return undefined;
      return new Promise<void>((resolve) => gates.set(body, resolve));
    });
    for (const body of ["quick 1", "slow 1", "quick 2", "slow 2", "quick 3"]) session.send(message(body));
    assert.deepEqual(stream.bodies, ["quick 1"]);
    gates.get("slow 1")?.();
    while (!gates.has("slow 2")) await Promise.resolve();
    assert.deepEqual(stream.bodies, ["quick 1", "slow 1", "quick 2"]);
    gates.get("slow 2")?.();
    await settled();
    assert.deepEqual(stream.bodies, ["quick 1", "slow 1", "quick 2", "slow 2", "quick 3"]);
  });

  it("keeps the order of a hundred stanzas whose hooks take turns in waiting", async () => {
    let count = 0;
    hooks.on("stanza:sending", "now and then", () => {
      count += 1;
      return count % 3 === 0 ? Promise.resolve() : undefined;
    });
    const bodies = Array.from({ length: 100 }, (_, i) => String(i));
    for (const [i, body] of bodies.entries()) {
      session.send(message(body));
      if (i % 10 === 0) await Promise.resolve();
    }
    await settled();
    assert.deepEqual(stream.bodies, bodies);
  });

  it("writes at once again when nobody is waited for any more", async () => {
    hooks.on("stanza:sending", "slow", ({ stanza }) =>
      bodyOf(stanza) === "a" ? Promise.resolve() : undefined,
    );
    session.send(message("a"));
    await settled();
    await new Promise((resolve) => setImmediate(resolve));
    session.send(message("b"));
    assert.deepEqual(stream.bodies, ["a", "b"]);
  });

  it("does not send what a hook could not judge, and goes on", async () => {
    hooks.on("stanza:sending", "blocklist", ({ stanza }) => {
      if (bodyOf(stanza) === "at once") throw new Error("no");
      return bodyOf(stanza) === "later" ? Promise.reject(new Error("no")) : undefined;
    });
    const receipts = [new NotedReceipt(), new NotedReceipt(), new NotedReceipt()];
    for (const [i, body] of ["at once", "later", "fine"].entries()) session.send(message(body), receipts[i]);
    session.send(message("at once"));
    await settled();
    assert.deepEqual(stream.bodies, ["fine"]);
    assert.deepEqual(
      receipts.map(({ told }) => told),
      [["failed"], ["failed"], []],
    );
  });

  it("fails what is sent after its end, or tells of it", () => {
    session.end();
    const receipt = new NotedReceipt();
    session.send(message("a"), receipt);
    session.send(message("b"));
    assert.deepEqual(receipt.told, ["failed"]);
    assert.deepEqual(lost, ["b"]);
    assert.deepEqual(stream.written, []);
  });

  it("fails what still waited for a hook when it ended", async () => {
    let letGo!: () => void;
    hooks.on(
      "stanza:sending",
      "slow",
      () =>
        new Promise<void>((resolve) => {
          letGo = resolve;
        }),
    );
    const told = new Promise<string>((resolve) => {
      session.send(message("a"), { delivered: () => resolve("delivered"), failed: () => resolve("failed") });
    });
    session.end();
    letGo();
    assert.equal(await told, "failed");
    assert.deepEqual(stream.written, []);
  });

  it("is told to everybody before it counts as ended", async () => {
    let ended = false;
    const waiting = session.ended.then(() => {
      ended = true;
    });
    session.end();
    await Promise.resolve();
    assert.equal(ended, false);
    session.everybodyWasTold();
    await waiting;
    await session.ended;
  });

  it("closes its stream, or tells whoever looks after it while it has none", () => {
    session.close();
    assert.deepEqual(stream.closed, [undefined]);
    let told = 0;
    session.detach();
    session.close();
    session.onClosedWhileDetached = () => {
      told += 1;
    };
    session.close();
    assert.deepEqual([told, stream.closed.length], [1, 1]);
  });

  describe("with acknowledgements", () => {
    const outlet = () => ({
      write: (text: string) => stream.write(text),
      standalone: false,
      ask: () => undefined,
      dead: () => undefined,
    });
    let managed: Managed;
    beforeEach(() => {
      const options = {
        maxUnacked: 2,
        maxUnackedSize: 10_000,
        askAfter: 10,
        askDelay: 1000,
        answerTimeout: 1000,
      };
      managed = new Managed(options, 60_000, outlet());
      session.managed = managed;
    });
    afterEach(() => {
      managed.end();
    });

    it("keeps what it sends until it is acknowledged", () => {
      const receipts = [new NotedReceipt(), new NotedReceipt()];
      for (const receipt of receipts) session.send(message("a"), receipt);
      assert.deepEqual(
        receipts.map(({ told }) => told),
        [[], []],
      );
      assert.equal(managed.acknowledge(1), true);
      assert.deepEqual(
        receipts.map(({ told }) => told),
        [["delivered"], []],
      );
      assert.equal(managed.acknowledge(3), false);
    });

    it("keeps what comes while it has no stream, and sends all in order when it has one again", () => {
      session.send(message("a"));
      session.detach();
      session.send(message("b"));
      assert.deepEqual(stream.bodies, ["a"]);
      assert.equal(session.detached, true);
      stream.written.length = 0;
      session.attach(stream);
      managed.attach(outlet(), JULIET.domain);
      session.send(message("c"));
      assert.deepEqual(stream.bodies, ["a", "b", "c"]);
    });

    it("gives back what was not acknowledged when it ends, in order", () => {
      const receipt = new NotedReceipt();
      session.send(message("a"));
      session.send(message("b"), receipt);
      session.send(message("c"));
      managed.acknowledge(1);
      session.end();
      assert.deepEqual(receipt.told, ["failed"]);
      assert.deepEqual(lost, ["c"]);
    });

    it("says when it has as much under way as it may, and when it has room again", async () => {
      session.send(message("a"));
      assert.equal(session.saturated, false);
      assert.equal(session.room(), undefined);
      session.send(message("b"));
      assert.equal(session.saturated, true);
      const room = session.room();
      assert.ok(room instanceof Promise);
      managed.acknowledge(1);
      await room;
      assert.equal(session.saturated, false);
    });

    it("ends where a client acknowledges far too little", () => {
      const receipts = Array.from({ length: 9 }, () => new NotedReceipt());
      for (const receipt of receipts) session.send(message("a"), receipt);
      assert.equal(stream.closed[0]?.condition, "resource-constraint");
      assert.deepEqual(receipts.at(-1)?.told, ["failed"]);
      assert.equal(stream.written.length, 8);
    });
  });
});
