import type { ClientSession } from "../../src/session/client-session.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Broker, type BrokerOptions, type Tally } from "./broker.js";
import { Clock } from "./clock.js";
import { MODEL } from "./model.js";
import { members, Node } from "./node.js";

/** ms between two requests of a client that logs in. */
const STEP = 5;
/** ms until it is known who was where before the nodes came: four times `cluster.deadAfter`. */
const SIGHTED = 33_000;
const WAY = 1;

/** Somebody is on a node all the time; who that is changes. */
interface Seat {
  node: Node;
  jid: Jid;
  /** Undefined while the next one logs in. */
  session: ClientSession | undefined;
  contacts: Seat[];
}

/** Nodes and their users in simulated time. */
export class World {
  readonly clock = new Clock();
  readonly broker: Broker;
  readonly nodes: Node[] = [];
  readonly seats: Seat[] = [];
  /** ms that logins waited for other nodes. */
  readonly waits: number[] = [];
  readonly #members = members();
  readonly #byAccount = new Map<string, Seat>();
  #random = 1;
  #users = 0;
  #messages = 0;
  #running = false;
  #turn = 1;
  #isBlind = false;

  /** @param seats sessions of each node; a world is to be ended, since this process has its time */
  constructor(
    nodes: number,
    private readonly perNode: number,
    options: Partial<BrokerOptions> = {},
  ) {
    this.clock.install();
    this.broker = new Broker(this.clock, { way: WAY, bandwidth: Number.POSITIVE_INFINITY, ...options });
    for (let i = 0; i < nodes; i++) this.#addNode();
    for (const node of this.nodes) for (let i = 0; i < perNode; i++) this.#addSeat(node);
    for (const seat of this.seats) for (let i = 0; i < MODEL.contacts / 2; i++) this.#befriend(seat);
  }

  /** All nodes come at once, with their sessions, and stay silent until it is known who was where. */
  async start(): Promise<void> {
    await this.clock.until(Promise.all(this.nodes.map((node) => node.start())).then(() => undefined));
    await this.clock.pass(SIGHTED);
  }

  end(): void {
    this.clock.remove();
  }

  /** What is said while something happens, and until it is over. */
  async during(what: () => Promise<unknown>): Promise<Tally> {
    this.broker.count();
    await this.clock.until(what());
    await this.clock.pass(100);
    return this.broker.count();
  }

  /**
   * So many ms with as many users as the model has: the few that there are do as much as all of those would.
   * @param sessions how many a node stands for
   * @param how `turn`: ms of a turn of the event loop, for what users do; `blind`: it is not known who was nowhere of late
   */
  async busy(ms: number, sessions: number, how: { turn?: number; blind?: boolean } = {}): Promise<Tally> {
    this.#running = true;
    this.#turn = how.turn ?? 1;
    this.#isBlind = how.blind ?? false;
    for (const node of this.nodes) this.#next(node, sessions);
    await this.clock.pass(Math.max(4 * STEP, 2 * this.#turn));
    this.broker.count();
    this.#forgetCounts();
    await this.clock.pass(ms);
    this.#running = false;
    const tally = this.broker.count();
    await this.clock.pass(1000);
    this.#turn = 1;
    this.#isBlind = false;
    return tally;
  }

  /** Another node joins, without sessions. @returns it, and ms until it knows all others'. */
  async join(): Promise<{ node: Node; ms: number }> {
    const node = this.#addNode();
    const start = this.clock.now;
    await this.clock.until(node.start());
    return { node, ms: this.clock.now - start };
  }

  /** @returns somebody who is there */
  someone(on?: Node): Seat & { session: ClientSession } {
    for (;;) {
      const seat = on
        ? this.seats[this.nodes.indexOf(on) * this.perNode + this.#below(this.perNode)]
        : this.seats[this.#below(this.seats.length)];
      if (seat.session) return seat as Seat & { session: ClientSession };
    }
  }

  /** The session in a seat ends. */
  leave(seat: Seat): void {
    if (seat.session) seat.node.end(seat.session);
    seat.session = undefined;
  }

  /** The same account comes to another node, or a new one to the same. */
  async arrive(seat: Seat, isBack: boolean): Promise<void> {
    if (isBack) seat.node = this.#other(seat.node);
    else this.#name(seat);
    const start = this.clock.now;
    let waited = false;
    if (this.#isBlind) await seat.node.cluster.settled();
    seat.session = await seat.node.login(seat.jid, () => {
      if (!waited) this.waits.push(this.clock.now - start);
      waited = true;
      return new Promise((resolve) => this.#later(STEP, resolve));
    });
  }

  /** To one of the contacts. */
  write(seat: Seat, contact = seat.contacts[this.#below(seat.contacts.length)]): void {
    this.#messages += 1;
    if (seat.session && contact) seat.node.message(seat.session, contact.jid.bare, this.#messages);
  }

  /** A node dies as by `kill -9`. @returns ms until the others have dropped it, and what was said until all was told */
  async crash(node: Node): Promise<{ ms: number; tally: Tally }> {
    const others = this.nodes.filter((one) => one !== node);
    this.#forgetCounts();
    this.broker.count();
    this.broker.crash(node.id);
    const start = this.clock.now;
    while (others.some(({ cluster }) => cluster.alive.includes(node.id))) await this.clock.pass(10);
    const ms = this.clock.now - start;
    await this.clock.pass(500);
    return { ms, tally: this.broker.count() };
  }

  #forgetCounts(): void {
    for (const node of this.nodes) node.fannedOut = 0;
    this.waits.length = 0;
  }

  get fannedOut(): number {
    return this.nodes.reduce((sum, node) => sum + node.fannedOut, 0);
  }

  /** What the users of one node do from now on, at times that are independent of each other. */
  #next(node: Node, sessions: number): void {
    const rates = [1 / MODEL.session, 1 / MODEL.presence, 1 / MODEL.message];
    const all = rates.reduce((sum, rate) => sum + rate, 0);
    let time = this.clock.now;
    const next = () => {
      while (this.#running && time <= this.clock.now) {
        const chance = this.#draw() * all;
        const seat = this.someone(node);
        if (chance < rates[0]) this.#change(seat);
        else if (chance < rates[0] + rates[1]) seat.node.present(seat.session);
        else this.write(seat);
        time += (-1000 * Math.log(1 - this.#draw())) / (sessions * all);
      }
      if (this.#running) this.#later(time - this.clock.now, next);
    };
    next();
  }

  /** In the turn of the event loop in which so many ms are over. */
  #later(ms: number, fn: () => void): void {
    this.clock.at(Math.ceil((this.clock.now + ms) / this.#turn) * this.#turn, fn);
  }

  #change(seat: Seat): void {
    this.leave(seat);
    void this.arrive(seat, this.#draw() < MODEL.returns);
  }

  #addNode(): Node {
    const slot = this.nodes.length;
    const contactsOf = (jid: Jid) =>
      this.#byAccount.get(jid.bareText)?.contacts.map((one) => one.jid.bare) ?? [];
    const node = new Node(`n${slot}`, slot, this.#members, this.broker, contactsOf);
    this.nodes.push(node);
    return node;
  }

  #addSeat(node: Node): void {
    const seat: Seat = { node, jid: Jid.parse("a@b/c"), session: undefined, contacts: [] };
    this.#name(seat);
    seat.session = node.seat(seat.jid);
    this.seats.push(seat);
  }

  #name(seat: Seat): void {
    this.#users += 1;
    seat.jid = Jid.parse(
      `user${1_000_000 + this.#users}@capulet.example/phone${100_000 + this.#below(900_000)}`,
    );
    this.#byAccount.set(seat.jid.bareText, seat);
  }

  #befriend(seat: Seat): void {
    const other = this.seats[this.#below(this.seats.length)];
    if (other === seat || seat.contacts.includes(other)) return;
    seat.contacts.push(other);
    other.contacts.push(seat);
  }

  #other(node: Node): Node {
    const others = this.nodes.filter((one) => one !== node);
    return others[this.#below(others.length)];
  }

  #below(bound: number): number {
    return Math.floor(this.#draw() * bound);
  }

  /** The same numbers each time: mulberry32. */
  #draw(): number {
    this.#random = (this.#random + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#random ^ (this.#random >>> 15), 1 | this.#random);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  }
}
