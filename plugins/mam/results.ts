import {
  type Account,
  type ArchivedMessage,
  type Element,
  type Jid,
  type PluginContext,
  parseElement,
  Stanza,
  xml,
} from "../../src/plugin/api.js";
import { NS_MAM } from "./namespaces.js";
import { pageSet } from "./page-request.js";
import type { Page } from "./pages.js";

const NS_FORWARD = "urn:xmpp:forward:0";
const NS_DELAY = "urn:xmpp:delay";

/** Makes the answers of an archive. */
export class Results {
  constructor(private readonly archive: PluginContext["archive"]) {}

  /** XEP-0313 §4.2 */
  message(account: Account, { id, stanza }: ArchivedMessage, to: Jid, queryid: string | undefined): Stanza {
    // XEP-0297
    const forwarded = xml(
      "forwarded",
      { xmlns: NS_FORWARD },
      xml("delay", { xmlns: NS_DELAY, stamp: this.#stamp(id) }),
      parseElement(stanza),
    );
    return Stanza.make(
      "message",
      { from: account.jid, to },
      xml("result", { xmlns: NS_MAM, queryid, id: this.archive.nameOf(account, id) }, forwarded),
    );
  }

  /** XEP-0313 §4.3.2 */
  fin(account: Account, { messages, complete }: Page): Element {
    const names = messages.map(({ id }) => this.archive.nameOf(account, id));
    return xml("fin", { xmlns: NS_MAM, complete: complete ? "true" : undefined }, pageSet(names));
  }

  /** XEP-0313 §5 */
  metadata(account: Account, ends: { first: number; last: number } | undefined): Element {
    const end = (name: string, id: number) =>
      xml(name, { id: this.archive.nameOf(account, id), timestamp: this.#stamp(id) });
    const children = ends ? [end("start", ends.first), end("end", ends.last)] : [];
    return xml("metadata", { xmlns: NS_MAM }, ...children);
  }

  /** From the id and not from the row, so that times are in the order of the archive, as `start` and `end` see them. */
  #stamp(id: number): string {
    return new Date(this.archive.timeOf(id)).toISOString();
  }
}
