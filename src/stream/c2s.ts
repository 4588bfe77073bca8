import { bind } from "./bind.js";
import type { ClientStream } from "./client-stream.js";
import { limits } from "./limits.js";
import type { Feature } from "./negotiation.js";
import { nonzas } from "./nonzas.js";
import { sasl } from "./sasl.js";
import { starttls } from "./starttls.js";
import { streamManagement } from "./stream-management.js";

/** What a client negotiates, in the order offered. */
export const clientFeatures: readonly Feature<ClientStream>[] = [
  starttls,
  sasl,
  bind,
  streamManagement,
  limits,
  nonzas,
];
