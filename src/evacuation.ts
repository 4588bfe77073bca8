/** How a node's sessions get to other nodes before it stops. */
import type { Cluster } from "./cluster/cluster.js";
import type { Logger } from "./log.js";
import type { Registry } from "./session/registry.js";
import type { ClientStream } from "./stream/client-stream.js";
import { StreamError } from "./xmpp/errors.js";

/** ms for the others to say whether they take clients, and where. */
const ADDRESSES = 2000;
/** ms between two groups of clients that are sent away, and two looks at whether anybody takes them. */
const STEP = 200;
/** Clients of one group at least. */
const GROUP = 100;
/** The part of the time in which all are sent away; the rest is for the last ones to arrive. */
const SENDING = 0.5;
/** ms between two questions to the others. */
const ASK_EVERY = 1000;

/** What another node answers: it goes itself, or clients may come, to this address if there is one. */
interface Refuge {
  leaving: boolean;
  address: string | null;
}

export interface EvacuationParts {
  cluster: Cluster;
  registry: Registry;
  /** Those that are open at the moment. */
  streams: ReadonlySet<ClientStream>;
  /** Where clients find this node, as host:port. */
  address: string | undefined;
  log: Logger;
}

export class Evacuation {
  #running: Promise<void> | undefined;
  #sent = 0;
  #refuges: Refuge[] = [];

  constructor(private readonly parts: EvacuationParts) {
    parts.cluster.answers(
      "refuge",
      async (): Promise<Refuge> => ({ leaving: this.isRunning, address: parts.address ?? null }),
    );
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /**
   * Once: a node that goes does not come back. Nobody may be let in any more.
   * @param time ms
   * @returns resolves when no session is left and all they took along has arrived, no other node takes any, or the time is over
   */
  run(time: number): Promise<void> {
    this.#running ??= this.#run(time);
    return this.#running;
  }

  async #run(time: number): Promise<void> {
    const { registry, log } = this.parts;
    const began = performance.now();
    const passed = () => performance.now() - began;
    const before = registry.size;
    log.info({ sessions: before, time }, "handing sessions over to other nodes");
    await this.#ask();
    let asked = passed();
    const group = Math.max(GROUP, Math.ceil((before * STEP) / (time * SENDING)));
    this.#closeUnbound();
    while (this.#isNeeded && passed() < time) {
      this.#sendAway(group);
      if (passed() - asked > ASK_EVERY) {
        await this.#ask();
        asked = passed();
      }
      await this.#pause(Math.min(STEP, time - passed()));
    }
    log.info(
      { sessions: before, left: registry.size, ms: Math.round(passed()) },
      "sessions were handed over",
    );
  }

  /**
   * What a session took along, other nodes may have sent here: they hear through this one that its client has it, and would
   * send it once more if this one were gone before.
   */
  get #isNeeded(): boolean {
    const { cluster, registry } = this.parts;
    return (registry.size > 0 || cluster.awaited > 0) && this.#refuges.length > 0;
  }

  /** Who does not answer in time takes nobody. */
  async #ask(): Promise<void> {
    const answers = (await this.parts.cluster.askAll("refuge", null, ADDRESSES)) as Refuge[];
    this.#refuges = answers.filter(({ leaving }) => !leaving);
  }

  /** They have lost nothing: no session is bound. */
  #closeUnbound(): void {
    for (const stream of this.parts.streams) if (!stream.session) stream.close(this.#farewell(stream));
  }

  /** In groups, as the others have to take them all in. */
  #sendAway(group: number): void {
    let left = group;
    for (const stream of this.parts.streams) {
      if (left === 0) return;
      const { session } = stream;
      if (!session) continue;
      left -= 1;
      const isResumable = (session.managed?.resumeTimeout ?? 0) > 0 && !session.anonymous;
      // XEP-0198 §5: the session waits here until its client has come to another node, which then asks for it.
      if (isResumable) stream.connection.destroy();
      else stream.close(this.#farewell(stream));
    }
  }

  /** RFC 6120 §4.9.3.19; the addresses are those of TCP ports, so what comes over the web finds its own way back. */
  #farewell({ transport }: ClientStream): StreamError {
    const addresses = this.#refuges.flatMap(({ address }) => address ?? []);
    if (addresses.length === 0 || transport !== "tcp") return new StreamError("system-shutdown");
    this.#sent += 1;
    const address = addresses[this.#sent % addresses.length];
    return new StreamError("see-other-host", undefined, undefined, address);
  }

  /** Ends early when the last session has gone. */
  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(done, Math.max(0, ms));
      const { registry } = this.parts;
      const unlisten = registry.listen({
        changed: () => {
          if (registry.size === 0) done();
        },
      });
      function done() {
        clearTimeout(timer);
        unlisten();
        resolve();
      }
    });
  }
}
