/** What a client can do in a script: the words, and whether an argument or an indented block belongs to them. */
export const phrases = {
  connects: {},
  "comes online": {},
  disconnects: {},
  drops: {},
  "is disconnected": {},
  "opens a connection": {},
  "opens a stream": {},
  "starts tls": {},
  authenticates: {},
  binds: {},
  "subscribes to": { argument: true },
  befriends: { argument: true },
  "discards what came": {},
  "sends raw": { body: true },
  sends: { body: true },
  "receives in any order": { body: true },
  "receives nothing": {},
  "receives stream header": { body: true },
  "receives stream error": { argument: true },
  receives: { body: true },
} as const satisfies Record<string, { body?: true; argument?: true }>;

export type Phrase = keyof typeof phrases;

/** The longest phrase that `text` starts with, and the rest of it without colon. */
export function readPhrase(text: string): { phrase: Phrase; rest: string } | undefined {
  const spoken = text.toLowerCase().replace(/^receives\s*:\s*nothing\b/, "receives nothing");
  let best: Phrase | undefined;
  for (const phrase of Object.keys(phrases) as Phrase[]) {
    const fits = spoken.startsWith(phrase) && /^$|^[\s:]/.test(spoken.slice(phrase.length));
    if (fits && phrase.length > (best?.length ?? 0)) best = phrase;
  }
  if (!best) return undefined;
  const rest = spoken.slice(best.length).replace(/^\s*:?\s*/, "");
  // The rest keeps its upper case letters; only the phrase may be written in any.
  return { phrase: best, rest: rest === "" ? "" : text.slice(text.length - rest.length) };
}

/** Whether the phrase is followed by a block. */
export function takesBody(phrase: Phrase): boolean {
  return "body" in phrases[phrase];
}

export function takesArgument(phrase: Phrase): boolean {
  return "argument" in phrases[phrase];
}
