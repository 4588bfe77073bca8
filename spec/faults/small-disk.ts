import { execFile, spawnSync } from "node:child_process";
import { chown, mkdir, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A file system so small that a spec can fill it. Only root may have one (tmpfs). */
export class SmallDisk {
  readonly #unmount = () => spawnSync("umount", ["-l", this.root]);

  private constructor(
    private readonly root: string,
    /** A folder on it. */
    readonly folder: string,
  ) {
    // Whatever ends the run, it does not stay behind.
    process.once("exit", this.#unmount);
  }

  /**
   * Skips the spec, loudly, where it cannot be had: no test may make itself root.
   * @param megabytes its size
   * @param owner who is to write there
   */
  static async create(
    context: Mocha.Context,
    megabytes: number,
    owner: { uid?: number; gid?: number } = {},
  ): Promise<SmallDisk> {
    const root = await mkdtemp(join(tmpdir(), "sluice-disk-"));
    try {
      await run("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=755`, "tmpfs", root]);
    } catch (error) {
      await rm(root, { recursive: true });
      process.stderr.write(`\n*** SKIPPED: a small file system cannot be mounted (root can): ${error}\n\n`);
      context.skip();
    }
    const folder = join(root, "data");
    await mkdir(folder, { mode: 0o700 });
    if (owner.uid !== undefined && owner.gid !== undefined) await chown(folder, owner.uid, owner.gid);
    return new SmallDisk(root, folder);
  }

  /** Leaves no room for anybody. */
  async fill(): Promise<void> {
    const file = await open(join(this.root, "filler"), "w");
    try {
      // Ever smaller, until not even a few bytes fit.
      for (const size of [1024 * 1024, 4096, 1]) {
        const bytes = Buffer.alloc(size);
        while (await fits(file.write(bytes)));
      }
    } finally {
      await file.close();
    }
  }

  /** Gives the room back. */
  async free(): Promise<void> {
    await rm(join(this.root, "filler"));
  }

  async remove(): Promise<void> {
    process.off("exit", this.#unmount);
    await run("umount", [this.root]);
    await rm(this.root, { recursive: true });
  }
}

async function fits(writing: Promise<unknown>): Promise<boolean> {
  try {
    await writing;
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOSPC") return false;
    throw error;
  }
}
