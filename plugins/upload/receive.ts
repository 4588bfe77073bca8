import type { IncomingMessage } from "node:http";
import {
  HttpError,
  type HttpRequest,
  type HttpResponse,
  Jid,
  type PluginContext,
} from "../../src/plugin/api.js";
import type { Allowance } from "./allowance.js";
import { TakenError, type UploadFolder } from "./folder.js";
import { parseMediaType } from "./media-type.js";
import { parsePlace } from "./place.js";
import type { Signature, Slot } from "./signature.js";

/** ms without a single byte after which an upload is given up. */
const STALLED = 60_000;
/** ms that the largest upload may take over the slowest line. */
export const LONGEST_UPLOAD = 3_600_000;
const UNKNOWN_TYPE = "application/octet-stream";

interface Parts {
  folder: UploadFolder;
  allowance: Allowance;
  signature: Signature;
  /** Of all uploads, with a slash at its end. */
  path: string;
}

/** Takes files for the slots that were given out: XEP-0363 §7. */
export class Uploads {
  readonly #underWay = new Map<IncomingMessage, Promise<void>>();

  constructor(
    private readonly ctx: PluginContext,
    private readonly parts: Parts,
  ) {}

  async receive(request: HttpRequest, response: HttpResponse): Promise<void> {
    const { incoming } = request;
    const slot = this.#slotOf(request);
    const work = this.#store(slot, checkHeaders(request, slot), incoming);
    this.#underWay.set(incoming, work);
    const late = setTimeout(() => incoming.destroy(), LONGEST_UPLOAD);
    incoming.setTimeout(STALLED, () => incoming.destroy());
    try {
      await work;
    } finally {
      clearTimeout(late);
      incoming.setTimeout(0);
      this.#underWay.delete(incoming);
    }
    // §7
    response.writeHead(201).end();
  }

  /** Ends when nothing is written any more. */
  async stop(): Promise<void> {
    for (const incoming of this.#underWay.keys()) incoming.destroy();
    await Promise.allSettled(this.#underWay.values());
  }

  #slotOf({ path, incoming }: HttpRequest): Slot {
    const place = parsePlace(path.slice(this.parts.path.length));
    if (!place) throw new HttpError(404);
    const signed = (incoming.url ?? "").split("?")[1] ?? "";
    const slot = this.parts.signature.read(place, signed);
    if (!slot) throw new HttpError(403);
    if (slot.beginBefore <= Date.now()) throw new HttpError(410);
    return slot;
  }

  async #store(slot: Slot, type: string, incoming: IncomingMessage): Promise<void> {
    const account = await this.ctx.account(Jid.parse(slot.owner));
    if (!account) throw new HttpError(403);
    const { folder, allowance } = this.parts;
    const { id, name, size, owner, until } = slot;
    const now = Date.now();
    // The slot counted until it had to be used. Now it does for as long as that may take.
    checkRoom(await allowance.extend(account, { id, size, until: now + LONGEST_UPLOAD }, now));
    try {
      await folder.add({ id, name, size, type, owner, until }, incoming);
    } catch (error) {
      // What is counted belongs to the one that was there before.
      if (error instanceof TakenError) throw new HttpError(409);
      await allowance.release(account, id, Date.now());
      throw toHttpError(error, incoming.complete);
    }
    try {
      checkRoom(await allowance.reserve(account, { id, size, until }, Date.now()));
    } catch (error) {
      await folder.remove(id);
      throw error;
    }
  }
}

/** @param roomFrom what the allowance said. */
function checkRoom(roomFrom: number | undefined): void {
  // RFC 4331 §6
  if (roomFrom !== undefined) throw new HttpError(507);
}

/** §7: size and type have to be those of the slot. @returns the type. */
function checkHeaders({ headers }: HttpRequest, slot: Slot): string {
  const length = headers["content-length"];
  if (length === undefined) throw new HttpError(411);
  if (Number(length) !== slot.size) throw new HttpError(Number(length) > slot.size ? 413 : 400);
  if (headers["content-encoding"] !== undefined) throw new HttpError(415);
  // Empty: what browsers send for files of which they know no type.
  const type = parseMediaType(headers["content-type"] || UNKNOWN_TYPE);
  if (type === undefined || (slot.type !== undefined && type !== slot.type)) throw new HttpError(415);
  return type;
}

function toHttpError(error: unknown, arrived: boolean): unknown {
  const { code } = error as NodeJS.ErrnoException;
  // RFC 4918 §11.5
  if (code === "ENOSPC" || code === "EDQUOT") return new HttpError(507);
  // The connection broke, stalled or took too long, or the server stops: nobody's fault here.
  return arrived ? error : new HttpError(408);
}
