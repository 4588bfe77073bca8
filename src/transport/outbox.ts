/**
 * Collects what is written to a connection within one turn of the event loop, so that it goes out in one write.
 * One `setImmediate` serves all connections that have something to write.
 */
export interface Flushable {
  flush(): void;
}

let dirty: Flushable[] = [];

export function flushSoon(one: Flushable): void {
  if (dirty.length === 0) setImmediate(flushAll);
  dirty.push(one);
}

function flushAll(): void {
  const all = dirty;
  dirty = [];
  for (const one of all) one.flush();
}
