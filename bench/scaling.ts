/**
 * `node --expose-gc dist/bench/scaling.js`: what the replicated directory costs as a cluster grows. The cost of one row is
 * measured on the real directory; how many rows and batches there are at a size that no machine here has is computed.
 */
import { Directory } from "../src/cluster/directory.js";
import { encode, type Item, type Row } from "../src/cluster/envelope.js";
import { Registry } from "../src/session/registry.js";

/** What a deployment's users do. */
const MODEL = {
  /** Contacts of a user who are online. */
  contacts: 20,
  /** A session begins so often, in s. */
  sessionEvery: 3600,
  /** Its presence changes so often, in s. */
  presenceEvery: 600,
  /** Bytes of the content of a presence: capabilities, an avatar's hash, a status. */
  presence: 350,
};
/** Rows that a login announces: bound, roster asked for, available; and one for its end. */
const ROWS_PER_SESSION = 4;
const MEASURED = 100_000;

const caps = `<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://client.example' ver='${"x".repeat(28)}'/>`;
const inner = `${caps}<status>${"y".repeat(Math.max(0, MODEL.presence - caps.length - 17))}</status>`;

function rowOf(i: number): Row {
  const jid = `user${i}@capulet.example/phone${(i * 7919) % 1_000_000}`;
  const attrs = { xmlns: "jabber:client", from: jid, "xml:lang": "en" };
  return [jid, [attrs, inner], 5, 1, ["carbons"], 1_790_000_000_000 + i];
}

interface RowCost {
  bytesOnTheWire: number;
  heap: number;
  microsToSay: number;
  microsToHear: number;
}

function measure(): RowCost {
  const registry = new Registry("here");
  const directory = new Directory("here", registry, () => undefined);
  const rows = Array.from({ length: MEASURED }, (_, i) => JSON.stringify(["row", rowOf(i)]));
  const collect = globalThis.gc ?? (() => undefined);
  collect();
  const before = process.memoryUsage().heapUsed;
  const cpu = process.cpuUsage();
  for (const text of rows) directory.put((JSON.parse(text) as ["row", Row])[1], "there");
  const heard = process.cpuUsage(cpu).user;
  collect();
  const heap = process.memoryUsage().heapUsed - before;
  // It is still needed, so that it is still there.
  const held = [...registry.ofNode("there")].length;
  if (held !== MEASURED) throw new Error(`${held} rows instead of ${MEASURED}`);
  const items = rows.map((text) => JSON.parse(text) as Item);
  const start = process.cpuUsage();
  let bytes = 0;
  for (let n = 0; n < items.length; n += 100) {
    bytes += encode({ n, items: items.slice(n, n + 100) }).length;
  }
  const said = process.cpuUsage(start).user;
  return {
    bytesOnTheWire: bytes / MEASURED,
    heap: heap / MEASURED,
    microsToSay: said / MEASURED,
    microsToHear: heard / MEASURED,
  };
}

/** How many of `nodes` - 1 others have at least one of so many contacts. */
function nodesReached(nodes: number, contacts: number): number {
  return (nodes - 1) * (1 - (1 - 1 / nodes) ** contacts);
}

const cost = measure();
console.log(
  `a row: ${cost.bytesOnTheWire.toFixed(0)} bytes on the wire, ${cost.heap.toFixed(0)} bytes of heap on each node, ` +
    `${cost.microsToSay.toFixed(1)} µs to write for one other node, ${cost.microsToHear.toFixed(1)} µs to take in`,
);
console.log("");
console.log(
  "| nodes | sessions | directory, GB a node | rows/s to take in | MB/s in | CPU of a core for the directory | presence stanzas/s to other nodes, a node | with one for each node, a node |",
);
console.log(
  "| ----: | -------: | -------------------: | ----------------: | ------: | ------------------------------: | ----------------------------------------: | -----------------------------: |",
);
for (const [nodes, sessions] of [
  [2, 100_000],
  [3, 300_000],
  [10, 1_000_000],
  [30, 3_000_000],
  [100, 10_000_000],
]) {
  const ownRows = (sessions / nodes) * (ROWS_PER_SESSION / MODEL.sessionEvery + 1 / MODEL.presenceEvery);
  const heard = ownRows * (nodes - 1);
  const share = (heard * cost.microsToHear + ownRows * (nodes - 1) * cost.microsToSay) / 1e6;
  const changes = (sessions / nodes) * (2 / MODEL.sessionEvery + 1 / MODEL.presenceEvery);
  const remote = (changes * MODEL.contacts * (nodes - 1)) / nodes;
  const grouped = changes * nodesReached(nodes, MODEL.contacts);
  console.log(
    `| ${nodes} | ${sessions.toLocaleString("en")} | ${((sessions * (1 - 1 / nodes) * cost.heap) / 1e9).toFixed(2)} | ${heard.toFixed(0)} | ${((heard * cost.bytesOnTheWire) / 1e6).toFixed(1)} | ${(100 * share).toFixed(0)} % | ${remote.toFixed(0)} | ${grouped.toFixed(0)} |`,
  );
}
