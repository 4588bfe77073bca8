import { rmSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Running } from "./peer.js";

/** Removed on exit, when the benchmark is interrupted. */
const folders = new Set<string>();
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A temporary folder, handed to `start` and removed when the server has stopped or has not come up. */
export async function inTemporaryFolder(start: (folder: string) => Promise<Running>): Promise<Running> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-bench-"));
  folders.add(folder);
  const remove = async () => {
    await rm(folder, { recursive: true, force: true });
    folders.delete(folder);
  };
  try {
    const running = await start(folder);
    const stop = async () => {
      await running.stop();
      await remove();
    };
    return { ...running, stop };
  } catch (error) {
    await remove();
    throw error;
  }
}
