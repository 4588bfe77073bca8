/** What the schema cannot say about one option alone. */
import type * as z from "zod";

/** The databases by name, with what their address starts with. */
const DATABASE_URLS: Record<string, string[]> = {
  postgres: ["postgres:", "postgresql:"],
  mysql: ["mysql:"],
};

/** For `superRefine`: also look when something else is wrong, so that all mistakes come at once. */
export const always = { when: () => true };

/** What these checks get may be partly unread. */
type Partly<T> = { [K in keyof T]?: T[K] } | undefined;

export function certificateWithKey(
  given: Partly<{ certificate: string; key: string }>,
  context: z.RefinementCtx,
): void {
  if ((given?.certificate === undefined) === (given?.key === undefined)) return;
  const missing = given?.key === undefined ? "key" : "certificate";
  report(context, [missing], `expected a ${missing} too: certificate and key come as a pair`);
}

export function eachPortOnce(
  listeners: Partly<{ host: string; port: number }>[] | undefined,
  context: z.RefinementCtx,
): void {
  const seen = new Set<string>();
  for (const [index, listener] of Array.isArray(listeners) ? listeners.entries() : []) {
    const address = `${listener?.host} port ${listener?.port}`;
    // Port 0 stands for any free port.
    if (listener?.port && seen.has(address)) {
      report(context, [index], `expected another port: ${address} is taken by an entry above`);
    }
    seen.add(address);
  }
}

export function poolHasRoom(pool: Partly<{ min: number; max: number }>, context: z.RefinementCtx): void {
  if (pool?.min !== undefined && pool.max !== undefined && pool.min > pool.max) {
    report(context, ["min"], `expected at most storage.pool.max, which is ${pool.max}`);
  }
}

export function urlFitsClient(
  storage: Partly<{ client: string; url: string }>,
  context: z.RefinementCtx,
): void {
  const schemes = DATABASE_URLS[storage?.client ?? ""];
  const url: unknown = storage?.url;
  // What is no text has been told already.
  if (url !== undefined && typeof url !== "string") return;
  const fits = (scheme: string) => url?.startsWith(`${scheme}//`) === true;
  if (!schemes || schemes.some(fits)) return;
  report(
    context,
    ["url"],
    `expected the address of the database, such as ${schemes[0]}//user:password@host/database`,
  );
}

export function beatsOftenEnough(
  cluster: Partly<{ beat: number; deadAfter: number }>,
  context: z.RefinementCtx,
): void {
  const { beat, deadAfter } = cluster ?? {};
  if (beat === undefined || deadAfter === undefined || deadAfter >= 3 * beat) return;
  report(context, ["deadAfter"], "expected at least three times cluster.beat");
}

export function clusterShares(
  config: Partly<{
    cluster: Partly<{ adapter: string; workers: number }>;
    storage: Partly<{ client: string }>;
  }>,
  context: z.RefinementCtx,
): void {
  if (config?.storage?.client !== "sqlite") return;
  const { adapter = "memory", workers = 1 } = config.cluster ?? {};
  if (workers > 1) {
    report(
      context,
      ["storage", "client"],
      `expected postgres or mysql: the workers of a server (cluster.workers is ${workers}) share one database`,
    );
  }
  if (adapter === "memory") return;
  report(
    context,
    ["storage", "client"],
    `expected postgres or mysql: the nodes of a cluster (cluster.adapter is ${adapter}) share one database`,
  );
}

/** `complete`: the message says all, no use in showing what was found. */
function report(context: z.RefinementCtx, path: PropertyKey[], message: string): void {
  context.addIssue({ code: "custom", path, message, params: { complete: true } });
}
