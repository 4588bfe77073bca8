import { ejabberd } from "./ejabberd.js";
import type { Peer } from "./peer.js";
import { prosody } from "./prosody.js";
import { relay } from "./relay.js";
import { relayParse } from "./relay-parse.js";
import { sluice, sluiceWebSocket } from "./sluice.js";
import { sluiceClusters } from "./sluice-cluster.js";

export const peers: readonly Peer[] = [
  relay,
  relayParse,
  sluice,
  sluiceWebSocket,
  ...sluiceClusters,
  prosody,
  ejabberd,
];
