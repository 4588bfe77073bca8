import assert from "node:assert/strict";
import { Jid } from "../../src/xmpp/jid.js";
import { chat, NS_SM, RawClient, until } from "../support/raw-client.js";
import { startTestServer, type TestServer } from "../support/server.js";

/** How long it runs; the longer, the rarer what it may find. */
const SECONDS = Number(process.env.SOAK_SECONDS ?? 10);
/** What happens, as far as it depends on the clients. */
const SEED = Number(process.env.SOAK_SEED ?? 20_250_101);
const SENDERS = 4;
const RECEIVERS = 6;
const PASSWORD = "secret";
/** Messages that a sender has under way at most. */
const WINDOW = 40;

/** Numbers from 0 to 1, the same ones for the same seed. */
function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const isStanza = (name: string) => name === "message" || name === "presence" || name === "iq";
const turns = async (count: number) => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** A client with stream management that may lose its connection at any moment. */
class Peer {
  client: RawClient | undefined;
  #id: string | undefined;
  /** Stanzas of this session that were taken. */
  h = 0;
  resumed = 0;
  logins = 0;

  constructor(
    protected readonly test: TestServer,
    readonly name: string,
  ) {}

  get isOnline(): boolean {
    return this.client !== undefined && !this.client.isClosed;
  }

  /** Comes back, resuming where that is possible and wanted. */
  async connect(wantsToResume: boolean): Promise<void> {
    const client = await RawClient.open(this.test.port);
    await client.login(this.name, this.test.domain, PASSWORD);
    client.onElement = (element) => {
      if (element.is("r", NS_SM)) this.asked(client);
      else if (element.is("a", NS_SM)) this.acknowledged(Number(element.attrs.h));
      else if (isStanza(element.name)) this.#take(element);
    };
    if (wantsToResume && this.#id !== undefined) {
      client.write(`<resume xmlns='${NS_SM}' previd='${this.#id}' h='${this.h}'/>`);
      const answer = await client.next((element) => element.is("resumed") || element.is("failed"));
      if (answer.is("resumed")) {
        this.client = client;
        this.resumed += 1;
        this.acknowledged(Number(answer.attrs.h));
        this.ready(true);
        return;
      }
    }
    client.onElement = ((hear) => {
      // The answer to the bind comes before it counts.
      return (element) => {
        if (element.attrs.id !== "bind") hear(element);
      };
    })(client.onElement);
    await client.bind("balcony");
    this.#id = undefined;
    this.h = 0;
    this.#id = await client.enable();
    this.client = client;
    this.logins += 1;
    client.write("<presence/>");
    this.ready(false);
  }

  #take(element: RawClient["mailbox"][number]): void {
    this.h += 1;
    // It has been dealt with here; the mailbox of such a client would only grow.
    if (this.client) this.client.mailbox.length = 0;
    if (element.name === "message") this.received(element.attrs);
  }

  asked(client: RawClient): void {
    client.write(`<a xmlns='${NS_SM}' h='${this.h}'/>`);
  }
  /** Of what was sent, so much is handled. */
  acknowledged(_h: number): void {
    // Who sends nothing waits for nothing.
  }
  received(_attrs: Record<string, string>): void {
    // Who is sent errors only does not mind them.
  }
  ready(_resumed: boolean): void {
    // Who sends nothing has nothing to send again.
  }
}

class Sender extends Peer {
  /** Stanzas of this session that were acknowledged; the presence is one. */
  #counted = 0;
  /** Sent and not acknowledged, in order. */
  #underWay: string[] = [];
  /** Numbers given out, by receiver. */
  readonly sent = new Map<string, number>();
  total = 0;

  get underWay(): number {
    return this.#underWay.length;
  }

  write(receiver: Receiver): void {
    const number = this.sent.get(receiver.name) ?? 0;
    this.sent.set(receiver.name, number + 1);
    this.total += 1;
    const stanza = chat(`${receiver.name}@${this.test.domain}`, `${this.name} ${number}`);
    this.#underWay.push(stanza);
    this.client?.write(stanza);
  }

  ask(): void {
    this.client?.write(`<r xmlns='${NS_SM}'/>`);
  }

  override acknowledged(h: number): void {
    this.#underWay.splice(0, h - this.#counted);
    this.#counted = h;
  }

  override ready(resumed: boolean): void {
    if (!resumed) {
      // Its presence stands before all else.
      this.#underWay.unshift("<presence/>");
      this.#counted = 0;
      for (const stanza of this.#underWay.slice(1)) this.client?.write(stanza);
    } else for (const stanza of this.#underWay) this.client?.write(stanza);
    this.ask();
  }
}

class Receiver extends Peer {
  /** The highest number that came, by sender. */
  readonly #last = new Map<string, number>();
  readonly #heard = new Set<string>();
  distinct = 0;
  duplicates = 0;
  /** What came behind its successor, or without its forerunner. */
  readonly misplaced: string[] = [];
  silent = false;
  override asked(client: RawClient): void {
    if (!this.silent) super.asked(client);
  }

  /** From now on it answers, and what it has not answered yet. */
  speak(): void {
    this.silent = false;
    if (this.client) this.asked(this.client);
  }

  override received({ id, type }: Record<string, string>): void {
    if (type === "error") return;
    const [sender, text] = id.split(" ");
    const number = Number(text);
    const expected = (this.#last.get(sender) ?? -1) + 1;
    if (this.#heard.has(id)) {
      this.duplicates += 1;
      return;
    }
    this.#heard.add(id);
    this.distinct += 1;
    if (number !== expected) this.misplaced.push(`${id} where ${expected} was due`);
    if (number >= expected) this.#last.set(sender, number);
  }
}

describe("A soak", () => {
  it(`loses nothing and keeps the order, whatever clients do (SOAK_SEED=${SEED} SOAK_SECONDS=${SECONDS})`, async function () {
    this.timeout((SECONDS + 60) * 1000);
    const test = await startTestServer({
      session: { maxUnacked: 20, answerTimeout: "1s" },
      offline: { maxMessages: 100_000 },
      stream: { sendBuffer: "64 KiB", closeTimeout: "200ms" },
    });
    const names = (kind: string, count: number) => Array.from({ length: count }, (_, i) => `${kind}${i}`);
    const senders = names("sender", SENDERS).map((name) => new Sender(test, name));
    const receivers = names("receiver", RECEIVERS).map((name) => new Receiver(test, name));
    for (const { name } of [...senders, ...receivers])
      await test.createAccount(Jid.parse(`${name}@${test.domain}`), PASSWORD);
    const end = Date.now() + SECONDS * 1000;
    const random = randomFrom(SEED);
    const seeds = Array.from({ length: SENDERS + RECEIVERS }, () => random() * 2 ** 32);

    const sending = senders.map((sender, i) => send(sender, receivers, randomFrom(seeds[i]), end));
    const receiving = receivers.map((receiver, i) => receive(receiver, randomFrom(seeds[SENDERS + i]), end));
    await Promise.all([...sending, ...receiving]);

    for (const peer of [...senders, ...receivers]) {
      if (!peer.isOnline) await peer.connect(true);
      if (peer instanceof Receiver) peer.speak();
    }
    for (const sender of senders) sender.ask();
    await until(() => {
      for (const sender of senders) if (sender.underWay > 0) sender.ask();
      return senders.every((sender) => sender.underWay === 0);
    }, "all is acknowledged");
    const total = senders.reduce((sum, sender) => sum + sender.total, 0);
    const distinct = () => receivers.reduce((sum, receiver) => sum + receiver.distinct, 0);
    const duplicates = receivers.reduce((sum, receiver) => sum + receiver.duplicates, 0);
    const count = (what: "logins" | "resumed") =>
      [...senders, ...receivers].reduce((sum, peer) => sum + peer[what], 0);
    try {
      await until(() => distinct() >= total, `all ${total} are delivered`);
    } finally {
      console.log(
        `      ${total} acknowledged, ${distinct()} delivered, ${duplicates} twice; ${count("logins")} logins, ${count("resumed")} resumed`,
      );
    }
    assert.equal(distinct(), total);
    assert.deepEqual(
      receivers.flatMap((receiver) => receiver.misplaced),
      [],
    );
    for (const peer of [...senders, ...receivers]) await peer.client?.close();
    await until(() => test.server.registry.size === 0, "all sessions are over");
    await test.stop();
  });
});

async function send(sender: Sender, receivers: Receiver[], random: () => number, end: number): Promise<void> {
  while (Date.now() < end) {
    if (!sender.isOnline) await sender.connect(random() < 0.9);
    for (let i = Math.floor(random() * 10); i >= 0; i--) {
      if (sender.underWay < WINDOW) sender.write(receivers[Math.floor(random() * receivers.length)]);
    }
    sender.ask();
    await turns(1 + Math.floor(random() * 4));
    // It may have lost the connection, in the middle of what it said; what was not acknowledged it says again.
    if (random() < 0.01) await sender.client?.reset();
  }
}

async function receive(receiver: Receiver, random: () => number, end: number): Promise<void> {
  while (Date.now() < end) {
    if (!receiver.isOnline) await receiver.connect(random() < 0.6);
    receiver.silent = random() < 0.2;
    await turns(Math.floor(random() * 60));
    const client = receiver.client as RawClient;
    const what = random();
    if (what < 0.3) await client.reset();
    else if (what < 0.5) await client.drop();
    else if (what < 0.6) await client.close();
    else if (what < 0.7) {
      client.freeze();
      await turns(Math.floor(random() * 200));
      await client.drop();
    }
    if (random() < 0.3) await turns(Math.floor(random() * 100));
  }
}
