import { type Element, type Jid, type PluginContext, StanzaError, xml } from "../../src/plugin/api.js";
import type { Allowance } from "./allowance.js";
import { parseMediaType } from "./media-type.js";
import { NS_PURPOSE, NS_UPLOAD } from "./namespace.js";
import type { UploadOptions } from "./options.js";
import { cleanName, formatPlace, newId } from "./place.js";
import type { Signature, Slot } from "./signature.js";

interface Parts {
  allowance: Allowance;
  signature: Signature;
  /** Of all uploads, with slashes around it. */
  path: string;
  /** The web address that goes before it, for whoever asks; undefined when there is none. */
  base(asker: Jid): string | undefined;
}

/** Gives out slots: XEP-0363 §4. */
export class SlotDesk {
  constructor(
    private readonly ctx: PluginContext,
    private readonly options: UploadOptions,
    private readonly parts: Parts,
  ) {}

  /** @throws StanzaError */
  async answer(asker: Jid, request: Element): Promise<Element> {
    const account = await this.ctx.account(asker);
    if (!account)
      throw new StanzaError("forbidden", { text: "Only accounts of this server may upload files." });
    const base = this.parts.base(asker);
    if (base === undefined)
      throw new StanzaError("service-unavailable", { text: "No HTTPS is listened for." });

    const now = Date.now();
    const slot = this.#slot(asker, request, now);
    const { id, size, beginBefore } = slot;
    const roomFrom = await this.parts.allowance.reserve(account, { id, size, until: beginBefore }, now);
    if (roomFrom !== undefined) throw quotaReached(roomFrom);

    const address = `${base}${this.parts.path}${formatPlace(slot)}`;
    return xml(
      "slot",
      { xmlns: NS_UPLOAD },
      xml("put", { url: `${address}?${this.parts.signature.sign(slot)}` }),
      xml("get", { url: address }),
    );
  }

  #slot(asker: Jid, request: Element, now: number): Slot {
    const { filename, size: bytes, "content-type": announced } = request.attrs;
    const name = cleanName(filename ?? "");
    if (name === undefined) throw new StanzaError("bad-request", { text: "The file needs a name." });
    const size = this.#size(bytes);
    // Some clients send an empty one for files of which they know no type.
    const type = announced ? parseMediaType(announced) : undefined;
    if (announced && type === undefined)
      throw new StanzaError("bad-request", { text: "The content type is none." });
    const until = Math.min(now + this.options.keep, ephemeralUntil(request, now) ?? Number.POSITIVE_INFINITY);
    const beginBefore = Math.min(now + this.options.slotTimeout, until);
    return { id: newId(), name, size, type, owner: asker.bareText, beginBefore, until };
  }

  #size(bytes: string | undefined): number {
    const size = /^\d{1,15}$/.test(bytes ?? "") ? Number(bytes) : 0;
    // §12: a positive integer
    if (size === 0) throw new StanzaError("bad-request", { text: "The size has to be a number of bytes." });
    const max = Math.min(this.options.maxFileSize, this.options.quota);
    if (size > max) throw tooLarge(max);
    return size;
  }
}

/** §5.3: ms since 1970 when the file has to be gone, if the request says so. */
function ephemeralUntil(request: Element, now: number): number | undefined {
  const ephemeral = request.getChild("ephemeral", NS_PURPOSE);
  if (!ephemeral) return undefined;
  const stamp = ephemeral.attrs["expire-before"] ?? "";
  const until = /^\d{4}-\d\d-\d\dT/.test(stamp) ? Date.parse(stamp) : Number.NaN;
  if (until > now) return until;
  throw new StanzaError("bad-request", { text: "Files can expire at a time to come only." });
}

/** §6 */
function tooLarge(max: number): StanzaError {
  const text = `File too large. The maximum file size is ${max} bytes`;
  const limit = xml("max-file-size", {}, String(max));
  return new StanzaError("not-acceptable", {
    text,
    application: xml("file-too-large", { xmlns: NS_UPLOAD }, limit),
  });
}

/** §6 */
function quotaReached(roomFrom: number): StanzaError {
  // XEP-0082 §3.2; rounded up, so that there is room then.
  const stamp = new Date(Math.ceil(roomFrom / 1000) * 1000).toISOString().replace(".000Z", "Z");
  return new StanzaError("resource-constraint", {
    text: "Quota reached. Older files have to be removed first, which happens when their time is up.",
    application: xml("retry", { xmlns: NS_UPLOAD, stamp }),
  });
}
