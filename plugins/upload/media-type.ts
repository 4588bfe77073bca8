/** RFC 9110 §8.3.1: the characters of a type's name; and no longer than RFC 6838 §4.2 has them. */
const MEDIA_TYPE = /^([\w!#$&^.+-]{1,127}\/[\w!#$&^.+-]{1,127})\s*(?:;[\x20-\x7e]{0,200})?$/;

/**
 * What a browser may show where it is, as it can hold no script: pictures (but not SVG), sound, film and plain text.
 */
const SHOWN = new Set([
  "image/png",
  "image/jpeg",
  "image/gif",
  "image/webp",
  "image/avif",
  "audio/mpeg",
  "audio/mp4",
  "audio/aac",
  "audio/ogg",
  "audio/opus",
  "audio/webm",
  "audio/wav",
  "audio/x-wav",
  "audio/flac",
  "video/mp4",
  "video/webm",
  "video/ogg",
  "video/quicktime",
  "text/plain",
]);

/** Type and subtype in lower case, without parameters; undefined for what is no media type. */
export function parseMediaType(text: string): string | undefined {
  return MEDIA_TYPE.exec(text)?.[1].toLowerCase();
}

/**
 * As what a file is handed out. All that is not harmless is a row of bytes to be saved, whatever it was called by whoever
 * uploaded it: no page can take it as a script, a style sheet or a page of its own.
 */
export function handedOut(type: string, name: string): { contentType: string; disposition: string } {
  const shown = SHOWN.has(type);
  const contentType = type === "text/plain" ? "text/plain; charset=utf-8" : type;
  return {
    contentType: shown ? contentType : "application/octet-stream",
    disposition: `${shown ? "inline" : "attachment"}; filename*=UTF-8''${encodeExtended(name)}`,
  };
}

/** RFC 8187 §3.2.1: of what `encodeURIComponent` leaves as it is, these are no attr-char. */
function encodeExtended(text: string): string {
  return encodeURIComponent(text).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
