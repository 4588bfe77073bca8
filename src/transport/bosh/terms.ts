import { BoshError } from "./condition.js";
import type { BoshRequest } from "./request.js";

/** What the server allows at most; times in ms. */
export interface BoshLimits {
  wait: number;
  hold: number;
  inactivity: number;
  /** 0 = no matter. */
  polling: number;
  pause: number;
}

/** What client and server agreed on when the session began: XEP-0124 §7. Times in ms. */
export interface BoshTerms extends BoshLimits {
  /** Requests under way at the same time. */
  requests: number;
  /** Of all answers. */
  contentType: string;
  /** The client acknowledges answers, §9.2. */
  acks: boolean;
  /** A client of before version 1.6, which reads HTTP status codes: §17.1. */
  legacy: boolean;
  version: string;
}

const OWN_VERSION = [1, 11] as const;
/** What a client may want answers to be called. They are XML whatever their name. */
const CONTENT_TYPE = /^(text|application)\/[\w.+-]+(; ?charset=["']?utf-8["']?)?$/i;
export const DEFAULT_CONTENT_TYPE = "text/xml; charset=utf-8";

/** @throws BoshError bad-request */
export function agreeOn(request: BoshRequest, limits: BoshLimits): BoshTerms {
  const wait = Math.min((request.number("wait") ?? limits.wait / 1000) * 1000, limits.wait);
  // §12: a client that cannot wait polls.
  const hold = wait === 0 ? 0 : Math.min(request.number("hold") ?? 1, limits.hold);
  const version = request.attribute("ver");
  const contentType = request.attribute("content") ?? DEFAULT_CONTENT_TYPE;
  if (!CONTENT_TYPE.test(contentType)) throw new BoshError("bad-request", "no proper content type");
  return {
    wait,
    hold,
    requests: hold + 1,
    // §12: more for those who poll, so that they may.
    inactivity: limits.inactivity + (hold === 0 ? 2 * limits.polling : 0),
    polling: limits.polling,
    pause: limits.pause,
    contentType,
    acks: request.attribute("ack") === "1",
    legacy: version === undefined,
    version: lower(version ?? "1.6"),
  };
}

/** §7.2: the lower one of two versions; the part behind the point is a number of its own. */
function lower(version: string): string {
  const [, major, minor] = /^(\d{1,4})\.(\d{1,4})$/.exec(version) ?? [];
  if (major === undefined) throw new BoshError("bad-request", "no proper version");
  const [ownMajor, ownMinor] = OWN_VERSION;
  const isLower = Number(major) < ownMajor || (Number(major) === ownMajor && Number(minor) < ownMinor);
  return isLower ? version : OWN_VERSION.join(".");
}
