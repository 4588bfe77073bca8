/**
 * The page's Content Security Policy: nothing comes from elsewhere, and nobody may put the page into a frame.
 * @param host as the browser calls this server, with the port.
 * @param origins other web origins where files are.
 */
export function contentSecurityPolicy(host: string | undefined, origins: readonly string[]): string {
  // Not all browsers take 'self' to mean the page's own WebSockets.
  const sockets = /^([\w.-]+|\[[\da-f:]+\])(:\d+)?$/i.test(host ?? "")
    ? [`ws://${host}`, `wss://${host}`]
    : [];
  const rules: Record<string, readonly string[]> = {
    "default-src": ["'none'"],
    // For end-to-end encryption (OMEMO). Uploads are at the same origin, but are never handed out as scripts.
    "script-src": ["'self'", "'wasm-unsafe-eval'"],
    "style-src": ["'self'", "'unsafe-inline'"],
    "font-src": ["'self'"],
    "img-src": ["'self'", "data:", "blob:", ...origins],
    "media-src": ["'self'", "data:", "blob:", ...origins],
    "connect-src": ["'self'", ...sockets, ...origins],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
  };
  return Object.entries(rules)
    .map(([rule, sources]) => [rule, ...sources].join(" "))
    .join("; ");
}
