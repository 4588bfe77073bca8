import type { Config } from "../config/schema.js";
import type { Domain } from "../router/domain.js";
import { LoginLimiter } from "./login-limiter.js";
import type { StreamHosts, StreamSettings } from "./settings.js";

/** What streams have from the server's parts, not from its configuration. */
type StreamParts = Pick<
  StreamSettings,
  | "secret"
  | "inbound"
  | "binder"
  | "resumption"
  | "credentials"
  | "renewCredentials"
  | "iterationCounts"
  | "account"
>;

/** What a stream to one of the domains may do, and with whom it deals. */
export function streamHosts(
  config: Config,
  domains: ReadonlyMap<string, Domain>,
  parts: StreamParts,
): StreamHosts {
  const { auth, cluster, session, stream, tls } = config;
  const caps = { maxDepth: stream.maxDepth, maxAttributes: stream.maxAttributes };
  const shared = {
    tlsRequired: tls.required,
    plainWithoutTls: auth.plainWithoutTls,
    mechanisms: auth.mechanisms,
    attemptsPerConnection: auth.attemptsPerConnection,
    unauthenticatedTimeout: stream.unauthenticatedTimeout,
    idleTimeout: stream.idleTimeout,
    unauthenticatedLimits: { ...caps, maxBytes: stream.maxUnauthenticatedStanzaSize },
    limits: { ...caps, maxBytes: stream.maxStanzaSize },
    iterations: auth.iterations,
    loginLimiter: new LoginLimiter(auth.attemptsPerAddress.count, auth.attemptsPerAddress.window),
    managed: {
      maxUnacked: session.maxUnacked,
      maxUnackedSize: session.maxUnackedSize,
      answerTimeout: session.answerTimeout,
    },
    resumeTimeout: session.resumeTimeout,
    location: cluster.address,
    ...parts,
  };
  const settings = new Map<string, StreamSettings>();
  for (const [name, domain] of domains) {
    settings.set(name, { ...shared, domain, anonymous: config.domains[name].anonymous ?? auth.anonymous });
  }
  const [fallback] = settings.values();
  return { find: (name) => settings.get(name), fallback };
}
