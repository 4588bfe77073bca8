import type { Listening } from "../entrances.js";

/** Tells whoever sits at the terminal. */
export function greet(domains: readonly string[], listening: readonly Listening[]): void {
  const [domain] = domains;
  const lines = listening.map(({ type, host, port }) => `${type} listening on ${host}:${port}`);
  console.log(
    [
      ...lines,
      `Sluice serves ${domains.join(", ")}. Stop it with Ctrl-C.`,
      `Add an account with: npx sluice user add NAME@${domain}`,
    ].join("\n"),
  );
}
