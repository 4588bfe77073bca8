import { relayPeer } from "./relay.js";

/** The relay with saxes, a tree and serialising for each message: the floor for a server that reads its XML. */
export const relayParse = relayPeer("relay-parse", "--parse");
