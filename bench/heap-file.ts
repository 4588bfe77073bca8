import { tmpdir } from "node:os";
import { join } from "node:path";

/** Where a server under test leaves the bytes that it holds after a garbage collection: `collect.ts`. */
export function heapFile(pid: number): string {
  return join(tmpdir(), `sluice-bench-heap-${pid}`);
}
