import { setTimeout as pause } from "node:timers/promises";

const LOOK_AGAIN_MS = 100;

/**
 * Looks at something outside this process, a file or a screen, until it shows what is expected.
 *
 * `look` gives undefined as long as it does not. `what` names the expectation. `ms`: for how long to look.
 * Throws an Error with `what`, and with the text of `seen`, when it never comes.
 */
export async function until<T>(
  what: string,
  ms: number,
  look: () => Promise<T | undefined> | T | undefined,
  seen: () => Promise<string> | string = () => "",
): Promise<T> {
  const deadline = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error(`waited ${ms} ms in vain for ${what}\n${await seen()}`);
    await pause(LOOK_AGAIN_MS);
  }
}
