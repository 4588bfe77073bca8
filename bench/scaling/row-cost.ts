import { Directory } from "../../src/cluster/directory.js";
import { decode, encode, type Item, type Row } from "../../src/cluster/envelope.js";
import { Registry } from "../../src/session/registry.js";
import { Jid } from "../../src/xmpp/jid.js";
import { presenceOf } from "./model.js";

const ROWS = 100_000;

/** What a row of another node's costs on this machine. */
export interface RowCost {
  /** Bytes. */
  heap: number;
  /** µs of CPU to write one that travels alone, to read it and to put it into the table. */
  say: number;
  hear: number;
  /** µs to hear one of a hundred that travel together. */
  hearTale: number;
}

export function rowCost(): RowCost {
  const rows = Array.from({ length: ROWS }, (_, i) => rowOf(i));
  const said = time(() => rows.map((row, n) => encode({ n, items: [["row", row]] })));
  const alone = new Registry("here");
  const hear = time(() => takeIn(alone, said.result)).micros;
  const tales: Item[] = [];
  for (let n = 0; n < ROWS; n += 100) tales.push(["rows", rows.slice(n, n + 100)]);
  const told = tales.map((tale, n) => encode({ n, items: [tale] }));
  const registry = new Registry("here");
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const hearTale = time(() => takeIn(registry, told)).micros;
  globalThis.gc?.();
  const heap = (process.memoryUsage().heapUsed - before) / ROWS;
  // It is still needed, so that it is still there.
  const held = [...registry.ofNode("there")].length;
  if (held !== ROWS) throw new Error(`${held} rows instead of ${ROWS}`);
  return {
    heap,
    say: said.micros / ROWS,
    hear: hear / ROWS,
    hearTale: hearTale / ROWS,
  };
}

function takeIn(registry: Registry, batches: readonly Buffer[]): void {
  const directory = new Directory("here", registry, () => undefined);
  for (const bytes of batches) {
    for (const item of decode(bytes).items) {
      const rows = item[0] === "rows" ? item[1] : [item[1] as Row];
      for (const row of rows) directory.put(row, "there");
    }
  }
}

function rowOf(i: number): Row {
  const jid = Jid.parse(`user${1_000_000 + i}@capulet.example/phone${(i * 7919) % 1_000_000}`);
  return [jid.text, presenceOf(jid).text(), 5, 1, ["carbons"], 1_790_000_000_000 + i];
}

function time<T>(work: () => T): { result: T; micros: number } {
  const start = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(start);
  return { result, micros: user + system };
}
