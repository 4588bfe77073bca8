import { Homes } from "../../src/cluster/homes.js";
import { Registry } from "../../src/session/registry.js";
import { NO_FLAGS } from "../../src/session/session.js";
import { Jid } from "../../src/xmpp/jid.js";
import { Clock } from "./clock.js";

/** As `Cluster` has it: four times `cluster.deadAfter`. */
const MEMORY = 32_000;
const LEAVES = 120_000;
/** Of the last so many leaves it is told how it is in the long run. */
const LAST = 20_000;

/**
 * How long a node knows who was nowhere of late, when people leave at a constant rate, each once.
 * @param rate leaves a second, of all nodes
 * @returns leaves until it no longer does, and in the long run the share of time in which it does
 */
export async function sight(rate: number): Promise<{ first: number | undefined; share: number }> {
  const clock = new Clock();
  clock.install();
  try {
    const registry = new Registry("here");
    const homes = new Homes(registry, MEMORY);
    const asked = Jid.parse("nobody@capulet.example");
    await clock.pass(MEMORY + 1);
    let first: number | undefined;
    let seen = 0;
    for (let n = 0; n < LEAVES; n++) {
      await passed(clock, n, rate);
      leaves(registry, n);
      const isKnown = homes.of(asked) !== undefined;
      if (!isKnown) first ??= n;
      if (isKnown && n >= LEAVES - LAST) seen += 1;
    }
    return { first, share: seen / LAST };
  } finally {
    clock.remove();
  }
}

/** The time between two leaves, in whole ms. */
async function passed(clock: Clock, n: number, rate: number): Promise<void> {
  const ms = Math.floor(((n + 1) * 1000) / rate) - Math.floor((n * 1000) / rate);
  if (ms > 0) await clock.pass(ms);
}

function leaves(registry: Registry, n: number): void {
  const jid = Jid.parse(`user${n}@capulet.example/phone`);
  registry.announced({
    jid,
    node: "there",
    presence: undefined,
    priority: 0,
    interested: false,
    flags: NO_FLAGS,
    boundAt: n,
    session: undefined,
  });
  registry.withdrawn(jid, "there");
}
